"""Step three: caps hold back what is earned above a limit: a citizen's of a day or an ISO week, a bin's of an hour.

The grant is decided in the upsert that counts it, so two workers cannot both give the last point. Caps are written
only where a tariff has one.
"""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, TextClause, text

from rewards.arrays import Columns

CapPeriod = tuple[str, str, datetime.date]
"""(citizen_id as text, "day" or "week", first day), or (bin_id, "bin_hour", instant the hour begins)."""


@dataclass(slots=True)
class Demand:
    """Points asked for in one period, and the most that period may grant."""

    points: int
    cap_points: int


class CapTable:
    """The statements of one table of usages, by the columns of its key.

    In ``grant``, ``excluded.used_points`` is LEAST(cap, demand), which asks for as much as the demand itself: cap -
    used is never more than cap. Rows are ordered by their key, so that two writers lock them in the same order.
    """

    def __init__(self, table: str, **key: str) -> None:
        self.demands = Columns(**key, cap="integer", points="integer")
        self.given_back = Columns(**key, points="integer")
        names, told = (
            ", ".join(key),
            ", ".join(f"CAST(u.{n} AS text)" if k == "uuid" else f"u.{n}" for n, k in key.items()),
        )
        wanted = ", ".join(f"d.{name}" for name in key)
        same = " AND ".join(f"u.{name} = b.{name}" for name in key)
        self.grant: TextClause = text(f"""
            INSERT INTO {table} AS u (authority_id, {names}, cap_points, used_points, last_granted)
            SELECT :authority_id, {wanted}, d.cap, LEAST(d.cap, d.points), LEAST(d.cap, d.points)
              FROM {self.demands.unnest("d")}
             ORDER BY {wanted}
            ON CONFLICT (authority_id, {names}) DO UPDATE
               SET cap_points = excluded.cap_points,
                   last_granted = GREATEST(0, LEAST(excluded.cap_points - u.used_points, excluded.used_points)),
                   used_points = u.used_points
                                 + GREATEST(0, LEAST(excluded.cap_points - u.used_points, excluded.used_points))
            RETURNING {told}, u.last_granted
        """)
        self.give_back: TextClause = text(f"""
            UPDATE {table} u SET used_points = u.used_points - b.points
              FROM (SELECT * FROM {self.given_back.unnest("t")} ORDER BY {names}) AS b
             WHERE u.authority_id = :authority_id AND {same}
        """)


CITIZENS = CapTable("cap_usages", citizen_id="uuid", period="text", starts_on="date")
BINS = CapTable("bin_cap_usages", bin_id="text", starts_at="timestamptz")


def columns_of(periods: list[CapPeriod]) -> dict[str, list[object]]:
    """Return the columns of the keys of periods of one table."""
    holders, kinds, starts = zip(*periods, strict=True)
    if kinds[0] == "bin_hour":
        return {"bin_id": list(holders), "starts_at": list(starts)}
    return {"citizen_id": list(holders), "period": list(kinds), "starts_on": list(starts)}


def table_of(period: CapPeriod) -> CapTable:
    """Return the table that keeps the usage of a period."""
    return BINS if period[1] == "bin_hour" else CITIZENS


def grant_within_caps(
    connection: Connection, demands: dict[CapPeriod, Demand], *, authority_id: int
) -> dict[CapPeriod, int]:
    """Count ``demands``, all of citizens or all of bins, against their caps; return the points granted for each."""
    if not demands:
        return {}
    periods = list(demands)
    table = table_of(periods[0])
    columns = table.demands.bind(
        **columns_of(periods),
        cap=[demand.cap_points for demand in demands.values()],
        points=[demand.points for demand in demands.values()],
    )
    rows = connection.execute(table.grant, {"authority_id": authority_id, **columns}).all()
    if table is BINS:
        return {(bin_id, "bin_hour", starts_at): granted for bin_id, starts_at, granted in rows}
    return {(citizen_id, period, starts_on): granted for citizen_id, period, starts_on, granted in rows}


def give_back(connection: Connection, points: dict[CapPeriod, int], *, authority_id: int) -> None:
    """Return grants that another cap held back after all; all of citizens or all of bins.

    Needs the transaction that granted them.
    """
    if not points:
        return
    table = table_of(next(iter(points)))
    columns = table.given_back.bind(**columns_of(list(points)), points=list(points.values()))
    connection.execute(table.give_back, {"authority_id": authority_id, **columns})
