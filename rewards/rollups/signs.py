"""On which days of a month a bin gave a sign, folded with the deposits: figures look through years for silences.

Folded are the days before ``folded_before``, those of deposits (``daily_deposits``) and those the bin was heard
(``bin_days``) apart, each as a bit. What comes late for such a day is added in the transaction that records it. Bits
are set once and never taken back, so neither order nor a repeat matters; only a rebuild clears what nothing is behind.
"""

import datetime
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Literal

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.pipelining import Write
from rewards.rollups.each_day import each_day

Sign = Literal["heard", "dropped"]

COLUMNS = Columns(day="date", bin_id="text", heard="integer", dropped="integer")
FOLDED = "SELECT folded_before FROM folded_days WHERE authority_id = :authority_id"
MONTH = "CAST(date_trunc('month', CAST(t.day AS timestamp)) AS date)"
BITS = """
           bit_or(t.heard << CAST(extract(day FROM t.day) AS integer) - 1) AS heard_days,
           bit_or(t.dropped << CAST(extract(day FROM t.day) AS integer) - 1) AS deposit_days"""
ADDED = "heard_days = d.heard_days | excluded.heard_days, deposit_days = d.deposit_days | excluded.deposit_days"


def each_sign(where: str) -> str:
    """Return the FROM item of the days with a sign, each as often as something says so."""
    return f"""(
            SELECT authority_id, day, bin_id, 1 AS heard, 0 AS dropped FROM bin_days
             WHERE authority_id = :authority_id AND {where}
            UNION ALL
            SELECT authority_id, day, bin_id, 0, 1 FROM daily_deposits
             WHERE authority_id = :authority_id AND {where})"""


SIGNS = f"""
    SELECT {MONTH} AS month, t.bin_id, {BITS}
      FROM {each_sign(f"day < ({FOLDED})")} AS t
     WHERE t.authority_id = :authority_id
     GROUP BY 1, 2
"""
"""What the months must be, for ``:authority_id``: the one definition, by which they are verified and rebuilt."""

ADD_SIGNS = text(f"""
    INSERT INTO bin_months AS d (authority_id, month, bin_id, heard_days, deposit_days)
    SELECT :authority_id, {MONTH} AS month, t.bin_id, {BITS}
      FROM {COLUMNS.unnest("t")}
     WHERE t.day < ({FOLDED})
     GROUP BY 2, 3 ORDER BY 2, 3
    ON CONFLICT (authority_id, month, bin_id) DO UPDATE SET {ADDED}
""")
FOLD_SIGNS = text(f"""
    INSERT INTO bin_months AS d (authority_id, month, bin_id, heard_days, deposit_days)
    SELECT t.authority_id, {MONTH} AS month, t.bin_id, {BITS}
      FROM {each_sign("day >= :first AND day < :until")} AS t
     GROUP BY 1, 2, 3 ORDER BY 2, 3
    ON CONFLICT (authority_id, month, bin_id) DO UPDATE SET {ADDED}
""")
DIFFERENT = f"""
    SELECT month, bin_id
      FROM ({SIGNS}) AS r
      FULL JOIN (SELECT * FROM bin_months WHERE authority_id = :authority_id) AS k USING (month, bin_id)
     WHERE (r.heard_days, r.deposit_days) IS DISTINCT FROM (k.heard_days, k.deposit_days)
"""
HOLD = text(f"{FOLDED} FOR UPDATE")
FORGET = text("DELETE FROM bin_months WHERE authority_id = :authority_id AND month = :month")

NOT_FOLDED_FROM = f"greatest(:since, coalesce(({FOLDED}), :since))"
SIGNS_OF_PERIOD = f"""(
            SELECT authority_id, month, bin_id, heard_days, deposit_days FROM bin_months
             WHERE authority_id = :authority_id AND month BETWEEN :since AND :until
            UNION ALL
            SELECT t.authority_id, {MONTH}, t.bin_id, {BITS}
              FROM {each_day(NOT_FOLDED_FROM, ":until")}
             CROSS JOIN LATERAL (SELECT * FROM {each_sign("day = CAST(each.at AS date)")} AS s OFFSET 0) AS t
             GROUP BY 1, 2, 3)"""
"""A FROM item: authority_id, month, bin_id and the bits of its days with a sign, from ``:since``, the first of a month,
to ``:until``.

A bin has two rows in the month up to which days are folded; behind ``:until`` that month may have days too.
"""


def plan_signs(signs: Collection[tuple[datetime.date, str]], kind: Sign, *, authority_id: int) -> Write:
    """Return the write that adds late signs, (day, bin_id), to their months.

    The row of folded days must be held. Of what is not folded yet nothing is added.
    """
    rows = sorted(set(signs))
    columns = COLUMNS.bind(
        day=[day for day, _ in rows],
        bin_id=[bin_id for _, bin_id in rows],
        heard=[int(kind == "heard")] * len(rows),
        dropped=[int(kind == "dropped")] * len(rows),
    )
    return Write(ADD_SIGNS, {"authority_id": authority_id, **columns})


def list_differing_signs(connection: Connection, *, authority_id: int) -> Mapping[datetime.date, int]:
    """Return how many bins' signs differ from their days, by month, oldest first. Changes nothing."""
    rows = connection.execute(text(f"{DIFFERENT} ORDER BY month, bin_id"), {"authority_id": authority_id})
    return Counter(row.month for row in rows)


def mend_signs(connection: Connection, month: datetime.date, *, authority_id: int) -> None:
    """Fold the signs of a month anew. Needs a transaction of its own: late batches wait for it meanwhile."""
    named = {"authority_id": authority_id}
    folded_before = connection.scalar(HOLD, named)
    connection.execute(FORGET, {**named, "month": month})
    if folded_before is not None:
        next_month = (month + datetime.timedelta(days=31)).replace(day=1)
        connection.execute(FOLD_SIGNS, {**named, "first": month, "until": min(next_month, folded_before)})
