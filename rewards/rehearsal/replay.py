"""Replaying past deposits under other rules, into a table that lives as long as the transaction.

Looked at are the deposits recorded in a period that earned their holder something, or were held back whole by a cap:
of the others the holder was never stored. Caps hold a wallet, which is a citizen unless a household shares it. Deposits
are served as they were recorded.
"""

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.campaigns import Campaign
from rewards.drafts.definitions import TariffDefinition

LINES = Columns(material="text", basis="text", points="integer")

# Each kind of cap lets through LEAST(cap, what was asked so far): summed over a window in the order of recording, that
# is what serving one deposit after the other gives.
LEFT_BY_CAP = """
    CASE WHEN CAST(:{kind}_cap AS bigint) IS NULL THEN {asked}
         ELSE LEAST(:{kind}_cap, sum({asked}) OVER {kind}_so_far)
              - LEAST(:{kind}_cap, sum({asked}) OVER {kind}_so_far - {asked}) END
"""

REPLAY = text(f"""
    CREATE TEMPORARY TABLE replayed ON COMMIT DROP AS
    WITH credited AS (
        SELECT t.journal_no, t.seq, t.credit_account_id AS account_id, t.points, t.recorded_at
          FROM transfers t
         WHERE t.authority_id = :authority_id AND t.journal_no IS NOT NULL
           AND t.recorded_at >= :since AND t.recorded_at < :until
        UNION ALL
        SELECT c.journal_no, c.seq, c.account_id, 0, c.recorded_at
          FROM capped_deposits c
         WHERE c.authority_id = :authority_id AND c.recorded_at >= :since AND c.recorded_at < :until),
    campaigns AS (
        SELECT * FROM jsonb_to_recordset(CAST(:campaigns AS jsonb))
               AS c(valid_from timestamptz, valid_until timestamptz, multiplier_percent bigint, bonus_points bigint,
                    weekdays integer[], from_time time, until_time time, materials text[], site_ids uuid[],
                    is_first_deposit_only boolean)),
    deposits AS (
        SELECT c.journal_no, c.seq, c.points AS actual_points, c.recorded_at, w.wallet_id, e.bin_id, e.site_id,
               s.insee_code, e.material, e.occurred_at, e.occurred_at AT TIME ZONE :timezone AS local,
               CAST(CASE WHEN l.basis = 'item' THEN e.items * CAST(l.points AS bigint)
                         ELSE coalesce(e.mass_g, 0) * CAST(l.points AS bigint) / 1000 END AS bigint) AS base_points,
               row_number() OVER (PARTITION BY w.wallet_id ORDER BY c.recorded_at, c.journal_no, c.seq) = 1
               AND NOT EXISTS (SELECT FROM citizens n
                                WHERE n.authority_id = :authority_id
                                  AND n.wallet_id = coalesce(x.merged_into, x.wallet_id)
                                  AND n.first_credited_on < CAST(CAST(:since AS timestamptz) AT TIME ZONE :timezone
                                                                 AS date)) AS is_first
          FROM credited c
          JOIN wallet_accounts w ON w.authority_id = :authority_id AND w.account_id = c.account_id
          JOIN wallets x ON x.authority_id = :authority_id AND x.wallet_id = w.wallet_id
          JOIN events e ON e.authority_id = :authority_id AND e.journal_no = c.journal_no AND e.seq = c.seq
          JOIN sites s ON s.authority_id = :authority_id AND s.site_id = e.site_id
          JOIN {LINES.unnest("l")} ON l.material = e.material),
    earned AS (
        SELECT d.*, CASE WHEN d.base_points > 0 THEN coalesce(
                   (SELECT max(CASE WHEN c.multiplier_percent IS NULL THEN c.bonus_points
                                    ELSE d.base_points * (c.multiplier_percent - 100) / 100 END)
                      FROM campaigns c
                     WHERE d.occurred_at >= c.valid_from AND d.occurred_at < c.valid_until
                       AND (c.weekdays IS NULL OR CAST(extract(isodow FROM d.local) AS integer) = ANY(c.weekdays))
                       AND (c.from_time IS NULL OR CAST(d.local AS time) >= c.from_time)
                       AND (c.until_time IS NULL OR CAST(d.local AS time) < c.until_time)
                       AND (c.materials IS NULL OR d.material = ANY(c.materials))
                       AND (c.site_ids IS NULL OR d.site_id = ANY(c.site_ids))
                       AND (d.is_first OR NOT c.is_first_deposit_only)), 0) ELSE 0 END AS campaign_points
          FROM deposits d),
    asked AS (SELECT *, base_points + campaign_points AS earned_points FROM earned),
    by_hour AS (
        SELECT *, {LEFT_BY_CAP.format(kind="hour", asked="earned_points")} AS hour_points FROM asked
        WINDOW hour_so_far AS (PARTITION BY bin_id, date_trunc('hour', occurred_at, 'UTC')
                               ORDER BY recorded_at, journal_no, seq)),
    by_day AS (
        SELECT *, {LEFT_BY_CAP.format(kind="day", asked="hour_points")} AS day_points FROM by_hour
        WINDOW day_so_far AS (PARTITION BY wallet_id, CAST(local AS date) ORDER BY recorded_at, journal_no, seq)),
    by_week AS (
        SELECT *, {LEFT_BY_CAP.format(kind="week", asked="day_points")} AS week_points FROM by_day
        WINDOW week_so_far AS (PARTITION BY wallet_id, date_trunc('week', local)
                               ORDER BY recorded_at, journal_no, seq)),
    -- What the week refused is given back to the day, which shows in what the day held back of the next deposit.
    held_back AS (
        SELECT *, CASE WHEN CAST(:day_cap AS bigint) IS NULL THEN hour_points
                       ELSE LEAST(hour_points, :day_cap - (sum(week_points) OVER day_so_far - week_points)) END
                  AS left_by_day
          FROM by_week
        WINDOW day_so_far AS (PARTITION BY wallet_id, CAST(local AS date) ORDER BY recorded_at, journal_no, seq))
    SELECT CAST(:authority_id AS integer) AS authority_id, journal_no, seq, recorded_at, wallet_id, insee_code,
           material, CAST(actual_points AS bigint) AS actual_points, base_points,
           CAST(campaign_points AS bigint) AS campaign_points, CAST(week_points AS bigint) AS points,
           CAST(earned_points - hour_points AS bigint) AS withheld_by_bin_hour,
           CAST(hour_points - left_by_day AS bigint) AS withheld_by_day,
           CAST(left_by_day - week_points AS bigint) AS withheld_by_week
      FROM held_back
""")


def replay(
    connection: Connection,
    tariff: TariffDefinition,
    campaigns: Sequence[Campaign],
    *,
    authority_id: int,
    timezone: str,
    since: datetime.datetime,
    until: datetime.datetime,
) -> None:
    """Fill the table ``replayed`` with the deposits recorded in a period, credited under other rules.

    Its rows say what each deposit got and what it would get. It is gone when the transaction ends.
    """
    materials, priced = tariff.lines.keys(), tariff.lines.values()
    lines = LINES.bind(material=materials, basis=[line[0] for line in priced], points=[line[1] for line in priced])
    connection.execute(
        REPLAY,
        {
            "authority_id": authority_id,
            "timezone": timezone,
            "since": since,
            "until": until,
            "campaigns": json.dumps([campaign_as_json(each) for each in campaigns]),
            "hour_cap": tariff.bin_hour_cap_points,
            "day_cap": tariff.day_cap_points,
            "week_cap": tariff.week_cap_points,
            **lines,
        },
    )


def campaign_as_json(campaign: Campaign) -> dict[str, Any]:
    """Return a campaign as the statement reads it."""
    return {name: plain(value) for name, value in asdict(campaign).items()}


def plain(value: Any) -> Any:
    """Return what JSON has no word for as what PostgreSQL reads: sets as lists, instants and times as text."""
    if isinstance(value, frozenset):
        return sorted(value)
    return value.isoformat() if isinstance(value, datetime.datetime | datetime.time) else value
