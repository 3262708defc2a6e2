"""Storing a protected table: once, and never again."""

import datetime

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.statistics.disclosure.lines import Withheld
from rewards.statistics.disclosure.tables import Table
from rewards.statistics.publications.refusals import AlreadyPublishedError
from rewards.statistics.publications.tables import FIND_PUBLISHED

KEY = {"level": "text", "code": "text", "material": "text"}
MEASURES = {"deposits": "bigint", "items": "bigint", "mass_g": "bigint", "points": "bigint", "holders": "integer"}
CELLS = Columns(**KEY, **MEASURES, insee_code="text", is_withheld="boolean")
HIDDEN = Columns(**KEY, **MEASURES, reason="text")

# The guard: of two at once the second stores nothing.
ADD = text("""
    INSERT INTO publications (authority_id, granularity, first_day, published_at, published_by, cells, withheld)
    VALUES (:authority_id, :granularity, :first_day, :now, :published_by, :cells, :withheld)
    ON CONFLICT (authority_id, granularity, first_day) DO NOTHING
""")
ADD_CELLS = text(f"""
    INSERT INTO published_cells (authority_id, granularity, first_day, {CELLS.names})
    SELECT :authority_id, :granularity, :first_day, t.* FROM {CELLS.unnest("t")}
""")
ADD_HIDDEN = text(f"""
    INSERT INTO withheld_cells (authority_id, granularity, first_day, {HIDDEN.names})
    SELECT :authority_id, :granularity, :first_day, t.* FROM {HIDDEN.unnest("t")}
""")


def store_publication(
    connection: Connection,
    table: Table,
    withheld: Withheld,
    *,
    authority_id: int,
    published_by: str,
    now: datetime.datetime,
) -> None:
    """Publish the cells of a table's own period, with what is withheld of them left out.

    Raises:
        AlreadyPublishedError: somebody was faster; nothing was changed.
    """
    places = table.list_own()
    hidden = [place for place in places if place in withheld]
    key = table.cells[places[0]].key
    period = {"authority_id": authority_id, "granularity": key.granularity, "first_day": key.first_day}
    counts = {"cells": len(places), "withheld": len(hidden)}
    if not connection.execute(ADD, {**period, **counts, "published_by": published_by, "now": now}).rowcount:
        raise AlreadyPublishedError(connection.scalars(FIND_PUBLISHED, period).one())
    shown = {
        name: [None if place in withheld else getattr(table.cells[place], name) for place in places]
        for name in MEASURES
    }
    communes = [table.commune_of.get(table.cells[place].key.code) for place in places]
    is_withheld = [place in withheld for place in places]
    cells = CELLS.bind(**keys_of(table, places), **shown, insee_code=communes, is_withheld=is_withheld)
    connection.execute(ADD_CELLS, {**period, **cells})
    if hidden:
        values = {name: [getattr(table.cells[place], name) for place in hidden] for name in MEASURES}
        reasons = [withheld[place] for place in hidden]
        connection.execute(ADD_HIDDEN, {**period, **HIDDEN.bind(**keys_of(table, hidden), **values, reason=reasons)})


def keys_of(table: Table, places: list[int]) -> dict[str, list[str]]:
    """Return the columns that say where cells are."""
    return {name: [getattr(table.cells[place].key, name) for place in places] for name in KEY}
