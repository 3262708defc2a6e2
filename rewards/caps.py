"""Step three: caps hold back what a citizen earns above the limit of a day or an ISO week.

The grant is decided in the upsert that counts it, so two workers cannot both give the last point. Caps are written
only where a tariff has one.
"""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.arrays import Columns

CapPeriod = tuple[str, str, datetime.date]
"""(citizen_id as text, "day" or "week", first day)."""


@dataclass(slots=True)
class Demand:
    """Points asked for in one period, and the most that period may grant."""

    points: int
    cap_points: int


DEMANDS = Columns(citizen_id="uuid", period="text", starts_on="date", cap="integer", points="integer")
# excluded.used_points is LEAST(cap, demand), which asks for as much as the demand itself: cap - used is never more
# than cap. Rows are ordered by their key, so that two writers lock them in the same order.
GRANT = text(f"""
    INSERT INTO cap_usages AS u (authority_id, citizen_id, period, starts_on, cap_points, used_points, last_granted)
    SELECT :authority_id, d.citizen_id, d.period, d.starts_on, d.cap, LEAST(d.cap, d.points), LEAST(d.cap, d.points)
      FROM {DEMANDS.unnest("d")}
     ORDER BY d.citizen_id, d.period, d.starts_on
    ON CONFLICT (authority_id, citizen_id, period, starts_on) DO UPDATE
       SET cap_points = excluded.cap_points,
           last_granted = GREATEST(0, LEAST(excluded.cap_points - u.used_points, excluded.used_points)),
           used_points = u.used_points
                         + GREATEST(0, LEAST(excluded.cap_points - u.used_points, excluded.used_points))
    RETURNING CAST(u.citizen_id AS text), u.period, u.starts_on, u.last_granted
""")

GIVEN_BACK = Columns(citizen_id="uuid", period="text", starts_on="date", points="integer")
GIVE_BACK = text(f"""
    UPDATE cap_usages u SET used_points = u.used_points - b.points
      FROM (SELECT * FROM {GIVEN_BACK.unnest("t")} ORDER BY citizen_id, period, starts_on) AS b
     WHERE u.authority_id = :authority_id AND u.citizen_id = b.citizen_id AND u.period = b.period
       AND u.starts_on = b.starts_on
""")


def grant_within_caps(
    connection: Connection, demands: dict[CapPeriod, Demand], *, authority_id: int
) -> dict[CapPeriod, int]:
    """Count ``demands`` against their caps; return the points granted for each period."""
    if not demands:
        return {}
    citizen_ids, periods, starts_on = zip(*demands, strict=True)
    columns = DEMANDS.bind(
        citizen_id=citizen_ids,
        period=periods,
        starts_on=starts_on,
        cap=[demand.cap_points for demand in demands.values()],
        points=[demand.points for demand in demands.values()],
    )
    rows = connection.execute(GRANT, {"authority_id": authority_id, **columns}).all()
    return {(citizen_id, period, starts_on): granted for citizen_id, period, starts_on, granted in rows}


def give_back(connection: Connection, points: dict[CapPeriod, int], *, authority_id: int) -> None:
    """Return grants that another cap held back after all; needs the transaction that granted them."""
    if not points:
        return
    citizen_ids, periods, starts_on = zip(*points, strict=True)
    columns = GIVEN_BACK.bind(citizen_id=citizen_ids, period=periods, starts_on=starts_on, points=list(points.values()))
    connection.execute(GIVE_BACK, {"authority_id": authority_id, **columns})
