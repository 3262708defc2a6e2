"""Statements about events: what is new, and what the rest is compared with."""

from collections.abc import Mapping
from typing import Any

import psycopg

import rewards.events
from reliability.simulation.statements.registry import POISON_ITEMS, Done, Parameters, as_row, does
from reliability.simulation.tables import Transaction, read_rows


@does(rewards.events.INSERT_EVENTS, "insert_events")
def insert_events(tables: Transaction, parameters: Parameters) -> Done:
    authority_id, seen = parameters["authority_id"], tables.snapshot
    tables.insert_snapshot = seen
    rows = sorted(read_rows(rewards.events.COLUMNS, parameters), key=lambda row: (row["journal_no"], row["seq"]))
    wanted = [row for row in rows if not is_quarantined_otherwise(tables, authority_id, row)]
    inserted = []
    for row in wanted:
        if row["items"] == POISON_ITEMS:
            raise psycopg.errors.NumericValueOutOfRange("an event that cannot be stored")
        if tables.insert("events", (authority_id, row["journal_no"], row["seq"]), row):
            inserted.append((row["journal_no"], row["seq"]))
    return Done(inserted, len(inserted))


def is_quarantined_otherwise(tables: Transaction, authority_id: int, row: Mapping[str, Any]) -> bool:
    """Tell whether another content was quarantined under the number of an event."""
    number = (authority_id, row["journal_no"], row["seq"])
    return any(
        key[:3] == number
        and key[3] != row["content_digest"]
        and refused["code"] != "event_conflict"
        and tables.find("quarantined_events", key, as_of=tables.snapshot) is not None
        for key, refused in tables.scan("quarantined_events")
    )


@does(rewards.events.FIND_EVENTS, "find_events")
def find_events(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    as_of = tables.insert_snapshot if tables.tables.compares_inside_insert else None
    for row in read_rows(rewards.events.IDENTITIES, parameters):
        key = (parameters["authority_id"], row["journal_no"], row["seq"])
        stored = tables.find("events", key, as_of=as_of)
        if stored is None:
            continue
        transfer, capped = tables.find("transfers", key) or {}, tables.find("capped_deposits", key) or {}
        withheld = transfer.get("withheld_points")
        rows.append(
            as_row(
                {
                    "journal_no": row["journal_no"],
                    "seq": row["seq"],
                    "content_digest": stored["content_digest"],
                    "points": transfer.get("points", 0),
                    "is_pending": transfer.get("phase") == "pending",
                    "withheld_points": capped.get("withheld_points", 0) if withheld is None else withheld,
                }
            )
        )
    return Done(rows, len(rows))
