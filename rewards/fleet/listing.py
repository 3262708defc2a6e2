"""All bins of an authority at a glance, one statement however many there are."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.bins import BinState

LIST_BINS = text("""
    SELECT b.bin_id, b.state, s.reference AS site, c.name AS commune, r.last_heard_at, r.firmware,
           b.newest_key_number AS used_key_number, k.valid AS valid_key_numbers,
           coalesce(g.missing, 0) AS missing_events, coalesce(l.kinds, '{}') AS alarms
      FROM bins b
      LEFT JOIN placements p ON p.authority_id = b.authority_id AND p.bin_id = b.bin_id
           AND p.placed_at <= :now AND (p.removed_at IS NULL OR p.removed_at > :now)
      LEFT JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
      LEFT JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
      LEFT JOIN bin_reports r ON r.authority_id = b.authority_id AND r.bin_id = b.bin_id
      LEFT JOIN (SELECT bin_id, array_agg(key_number ORDER BY key_number) AS valid FROM bin_keys
                  WHERE authority_id = :authority_id AND state = 'valid' GROUP BY bin_id) k ON k.bin_id = b.bin_id
      LEFT JOIN (SELECT j.bin_id, sum(upper(gap) - lower(gap))::bigint AS missing
                   FROM bin_journals j,
                        unnest(int8multirange(int8range(1, upper(j.received + j.lost))) - (j.received + j.lost)) AS gap
                  WHERE j.authority_id = :authority_id AND NOT isempty(j.received + j.lost)
                  GROUP BY j.bin_id) g ON g.bin_id = b.bin_id
      LEFT JOIN (SELECT bin_id, array_agg(kind ORDER BY kind) AS kinds FROM bin_alarms
                  WHERE authority_id = :authority_id AND ended_at IS NULL GROUP BY bin_id) l ON l.bin_id = b.bin_id
     WHERE b.authority_id = :authority_id
       AND (CAST(:state AS text) IS NULL OR b.state = :state)
       AND (CAST(:silent_since AS timestamptz) IS NULL
            OR r.last_heard_at IS NULL OR r.last_heard_at < :silent_since)
     ORDER BY b.bin_id
""")


@dataclass(frozen=True, slots=True)
class ListedBin:
    """One line about a bin. ``missing_events`` are numbers below the highest received that never came yet."""

    authority: str
    bin_id: str
    state: BinState
    site: str | None
    commune: str | None
    last_heard_at: datetime.datetime | None
    firmware: str | None
    used_key_number: int
    valid_key_numbers: list[int]
    missing_events: int
    alarms: list[str]


def list_bins(
    connection: Connection,
    *,
    authority_id: int,
    slug: str,
    now: datetime.datetime,
    state: BinState | None = None,
    silent_since: datetime.datetime | None = None,
) -> list[ListedBin]:
    """List the bins of an authority by id, where they stand at ``now``; never heard counts as silent."""
    rows = connection.execute(
        LIST_BINS, {"authority_id": authority_id, "now": now, "state": state, "silent_since": silent_since}
    )
    return [
        ListedBin(
            slug,
            row.bin_id,
            row.state,
            row.site,
            row.commune,
            row.last_heard_at,
            row.firmware,
            row.used_key_number,
            row.valid_key_numbers or [],
            row.missing_events,
            row.alarms,
        )
        for row in rows
    ]
