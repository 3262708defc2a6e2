"""Bins of an authority page by page, each with where it stands and what it said of itself last."""

import datetime
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from rewards.bins import BinState

# The page is cut first: what is looked up for each bin is looked up for those shown alone.
LIST = text("""
    WITH page AS MATERIALIZED (
        SELECT b.authority_id, b.bin_id, b.state, b.capacity_l, b.newest_key_number, r.last_heard_at, r.is_online,
               r.firmware, r.model, r.status_at, r.status
          FROM bins b
          LEFT JOIN bin_reports r ON r.authority_id = b.authority_id AND r.bin_id = b.bin_id
         WHERE b.authority_id = :authority_id
           AND (CAST(:after AS text) IS NULL OR b.bin_id > :after)
           AND (CAST(:state AS text) IS NULL OR b.state = :state)
           AND (CAST(:silent_since AS timestamptz) IS NULL
                OR r.last_heard_at IS NULL OR r.last_heard_at < :silent_since)
         ORDER BY b.bin_id LIMIT :limit)
    SELECT p.bin_id, p.state, s.reference AS site, c.name AS commune, s.longitude, s.latitude, p.capacity_l,
           p.last_heard_at, p.is_online, p.firmware, p.model, p.status_at, p.status,
           p.newest_key_number AS used_key_number,
           ARRAY(SELECT k.key_number FROM bin_keys k
                  WHERE k.authority_id = p.authority_id AND k.bin_id = p.bin_id AND k.state = 'valid'
                  ORDER BY k.key_number) AS valid_key_numbers,
           ARRAY(SELECT a.kind FROM bin_alarms a
                  WHERE a.authority_id = p.authority_id AND a.bin_id = p.bin_id AND a.ended_at IS NULL
                  ORDER BY a.kind) AS alarms
      FROM page p
      LEFT JOIN placements l ON l.authority_id = p.authority_id AND l.bin_id = p.bin_id
           AND l.placed_at <= :now AND (l.removed_at IS NULL OR l.removed_at > :now)
      LEFT JOIN sites s ON s.authority_id = l.authority_id AND s.site_id = l.site_id
      LEFT JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
     ORDER BY p.bin_id
""")


@dataclass(frozen=True, slots=True)
class LiveBin:
    """A bin, its place (None while it stands nowhere), and its last words (None while it was never heard)."""

    bin_id: str
    state: BinState
    site: str | None
    commune: str | None
    longitude: float | None
    latitude: float | None
    capacity_l: int | None
    last_heard_at: datetime.datetime | None
    is_online: bool | None
    firmware: str | None
    model: str | None
    status_at: datetime.datetime | None
    status: dict[str, Any] | None
    used_key_number: int
    valid_key_numbers: list[int]
    alarms: list[str]


def list_live_bins(
    connection: Connection,
    *,
    authority_id: int,
    state: BinState | None = None,
    silent_since: datetime.datetime | None = None,
    after: tuple[str] | None = None,
    limit: int,
    now: datetime.datetime,
) -> list[LiveBin]:
    """List bins by id, behind the one of ``after``, where they stand at ``now``; never heard counts as silent."""
    values = {"authority_id": authority_id, "state": state, "silent_since": silent_since, "now": now}
    rows = connection.execute(LIST, {**values, "after": after[0] if after else None, "limit": limit})
    return [LiveBin(*row) for row in rows]
