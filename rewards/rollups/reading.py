"""The sums of a period as figures read them: whole months where days are folded, days elsewhere."""

from rewards.rollups.adding import COUNTERS
from rewards.rollups.each_day import each_day

NAMES = f"bin_id, site_id, material, {', '.join(COUNTERS)}"
FIRST_WHOLE = "CAST(date_trunc('month', CAST(:first_day AS date) + interval '1 month - 1 day') AS date)"
BEHIND_WHOLE = "CAST(date_trunc('month', CAST(:last_day AS date) + interval '1 day') AS date)"
LAST_MONTH = "CAST(date_trunc('month', CAST(:last_day AS date)) AS date)"
FOLDED_BEFORE = "coalesce((SELECT folded_before FROM folded_days WHERE authority_id = :authority_id), :first_day)"
# Of a month cut by the end of the period all that is folded lies in the period when nothing behind its end is folded.
IS_LAST_WITHIN = f"{FOLDED_BEFORE} <= CAST(:last_day AS date) + 1"
NOT_FOLDED_FROM = f"greatest({FIRST_WHOLE}, CASE WHEN {IS_LAST_WITHIN} THEN {FOLDED_BEFORE} ELSE {BEHIND_WHOLE} END)"
NEWEST = "(SELECT max(day) FROM daily_deposits WHERE authority_id = :authority_id)"

DEPOSITS_OF_PERIOD = f"""(
    SELECT month AS day, {NAMES} FROM monthly_deposits
     WHERE authority_id = :authority_id AND month >= {FIRST_WHOLE} AND month < {BEHIND_WHOLE}
    UNION ALL
    SELECT month AS day, {NAMES} FROM monthly_deposits
     WHERE authority_id = :authority_id AND month = {LAST_MONTH} AND month >= greatest({FIRST_WHOLE}, {BEHIND_WHOLE})
       AND {IS_LAST_WITHIN}
    UNION ALL
    SELECT day, {NAMES} FROM daily_deposits
     WHERE authority_id = :authority_id AND day BETWEEN :first_day AND :last_day AND day < {FIRST_WHOLE}
    UNION ALL
    SELECT d.* FROM {each_day(NOT_FOLDED_FROM, f"least(:last_day, {NEWEST})")}
     CROSS JOIN LATERAL (SELECT day, {NAMES} FROM daily_deposits
                          WHERE authority_id = :authority_id AND day = CAST(each.at AS date) OFFSET 0) AS d)"""
"""A FROM item with the columns of ``daily_deposits`` but ``authority_id``, for ``:authority_id``, ``:first_day`` and
``:last_day``: for figures by month, quarter and year, which cost the same however many deposits lie behind them.

``day`` is the first of the month where days are folded, so no figure by day or week may use it. The parts share no day,
and are read in one statement: a fold or a late deposit is in it whole or not at all.
"""
