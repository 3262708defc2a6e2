"""Points that left wallets by step: redeemed at shops, expired. Of the authority as a whole: points know no place."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.statistics.figures.questions import Question
from rewards.statistics.figures.sums import begins_of

# Expired less what was given back from there. Both by the index of the account: credits of deposits are not read.
FLOWS = """
    SELECT {begins} AS begins, CAST(sum(f.redeemed) AS bigint) AS redeemed, CAST(sum(f.expired) AS bigint) AS expired
      FROM (SELECT CAST(v.ended_at AT TIME ZONE :timezone AS date) AS day, v.price_points AS redeemed, 0 AS expired
              FROM vouchers v
             WHERE v.authority_id = :authority_id AND v.status = 'redeemed'
               AND v.ended_at BETWEEN :first_instant AND :last_instant
            UNION ALL
            SELECT CAST(t.recorded_at AT TIME ZONE :timezone AS date), 0, t.points
              FROM authority_accounts a
              JOIN transfers t ON t.authority_id = a.authority_id AND t.credit_account_id = a.account_id
             WHERE a.authority_id = :authority_id AND a.kind = 'expired'
               AND t.recorded_at BETWEEN :first_instant AND :last_instant
            UNION ALL
            SELECT CAST(t.recorded_at AT TIME ZONE :timezone AS date), 0, -t.points
              FROM authority_accounts a
              JOIN transfers t ON t.authority_id = a.authority_id AND t.debit_account_id = a.account_id
             WHERE a.authority_id = :authority_id AND a.kind = 'expired' AND t.journal_no IS NULL
               AND t.recorded_at BETWEEN :first_instant AND :last_instant) AS f
     GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class PointFlows:
    """Points that left wallets: redeemed and not taken back since, expired less those given back."""

    redeemed: int = 0
    expired: int = 0

    def __add__(self, other: "PointFlows") -> "PointFlows":
        """Return both together."""
        return PointFlows(self.redeemed + other.redeemed, self.expired + other.expired)


def get_point_flows(
    connection: Connection, question: Question, *, authority_id: int, timezone: ZoneInfo
) -> Mapping[datetime.date, PointFlows]:
    """Return the flows by the first day of the whole step; where nothing left there is none."""
    first_instant, last_instant = question.period.instants(timezone)
    values = {
        "authority_id": authority_id,
        "timezone": timezone.key,
        "first_day": question.period.first_day,
        "first_instant": first_instant,
        "last_instant": last_instant,
    }
    rows = connection.execute(text(FLOWS.format(begins=begins_of(question.granularity, "f.day"))), values)
    return {row.begins: PointFlows(row.redeemed, row.expired) for row in rows}
