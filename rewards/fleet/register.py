"""Bins on the authority's map, with what they said last, and where each stood when. Nothing here changes anything."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.bins import BinState
from rewards.fleet.provisioning import BIN_ID
from rewards.fleet.refusals import BinMissingError

# A bin tells its fill level whole or by compartment (docs/bin-protocol.md); the fullest one is why it must be emptied.
LIST_BINS = text("""
    SELECT b.bin_id, b.state, s.reference AS site, s.site_id, c.insee_code, c.name AS commune, s.latitude, s.longitude,
           b.capacity_l, r.materials, r.is_online, r.last_heard_at, r.status_at,
           CASE jsonb_typeof(r.status -> 'fill_pct')
                WHEN 'number' THEN CAST(r.status ->> 'fill_pct' AS integer)
                WHEN 'object' THEN (SELECT max(CAST(value AS integer)) FROM jsonb_each_text(r.status -> 'fill_pct'))
                END AS fill_pct,
           coalesce(l.kinds, '{}') AS alarms
      FROM bins b
      LEFT JOIN placements p ON p.authority_id = b.authority_id AND p.bin_id = b.bin_id
           AND p.placed_at <= :now AND (p.removed_at IS NULL OR p.removed_at > :now)
      LEFT JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
      LEFT JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
      LEFT JOIN bin_reports r ON r.authority_id = b.authority_id AND r.bin_id = b.bin_id
      LEFT JOIN (SELECT bin_id, array_agg(kind ORDER BY kind) AS kinds FROM bin_alarms
                  WHERE authority_id = :authority_id AND ended_at IS NULL GROUP BY bin_id) l ON l.bin_id = b.bin_id
     WHERE b.authority_id = :authority_id AND (CAST(:state AS text) IS NULL OR b.state = :state)
       AND (NOT :with_alarms OR l.kinds IS NOT NULL)
       AND (CAST(:insee_code AS text) IS NULL OR c.insee_code = :insee_code)
       AND (CAST(:bin_id AS text) IS NULL OR b.bin_id = :bin_id)
       AND (CAST(:after AS text) IS NULL OR b.bin_id > :after)
     ORDER BY b.bin_id LIMIT :limit
""")
LIST_PLACEMENTS = text("""
    SELECT p.placement_id, p.bin_id, p.site_id, s.reference AS site, c.name AS commune, p.placed_at, p.removed_at
      FROM placements p
      JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
      JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
     WHERE p.authority_id = :authority_id AND (CAST(:bin_id AS text) IS NULL OR p.bin_id = :bin_id)
       AND (CAST(:site_id AS uuid) IS NULL OR p.site_id = :site_id)
       AND (CAST(:after_bin AS text) IS NULL OR (p.bin_id, p.placed_at) > (:after_bin, CAST(:after_at AS timestamptz)))
     ORDER BY p.bin_id, p.placed_at LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class BinOnMap:
    """A bin, where it stands, what it said last and the alarms that are up; nothing of a place while it has none."""

    bin_id: str
    state: BinState
    site: str | None
    site_id: UUID | None
    insee_code: str | None
    commune: str | None
    latitude: float | None
    longitude: float | None
    capacity_l: int | None
    materials: list[str] | None
    is_online: bool | None
    last_heard_at: datetime.datetime | None
    status_at: datetime.datetime | None
    fill_pct: int | None
    alarms: list[str]


@dataclass(frozen=True, slots=True)
class ListedPlacement:
    """A bin at a site from an instant to an instant, None while it stands there."""

    placement_id: UUID
    bin_id: str
    site_id: UUID
    site: str
    commune: str
    placed_at: datetime.datetime
    removed_at: datetime.datetime | None


def list_bins_on_map(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    state: str | None = None,
    insee_code: str | None = None,
    with_alarms: bool = False,
    bin_id: str | None = None,
    after: tuple[str] | None = None,
    limit: int = 50,
) -> list[BinOnMap]:
    """List bins by id, behind the id of ``after``: all, or those of a state, a commune, with alarms, or one."""
    values = {"authority_id": authority_id, "now": now, "state": state, "insee_code": insee_code, "limit": limit}
    values |= {"with_alarms": with_alarms, "bin_id": bin_id, "after": after[0] if after else None}
    rows = connection.execute(LIST_BINS, values)
    return [BinOnMap(*row) for row in rows]


def list_placements(
    connection: Connection,
    *,
    authority_id: int,
    bin_id: str | None = None,
    site_id: UUID | None = None,
    after: tuple[str, datetime.datetime] | None = None,
    limit: int = 50,
) -> list[ListedPlacement]:
    """List placements by bin, oldest first, of a bin or a site or all, behind the (bin, beginning) of ``after``."""
    after_bin, after_at = after or (None, None)
    values = {"authority_id": authority_id, "bin_id": bin_id, "site_id": site_id, "limit": limit}
    rows = connection.execute(LIST_PLACEMENTS, {**values, "after_bin": after_bin, "after_at": after_at})
    return [ListedPlacement(*row) for row in rows]


def get_bin_on_map(connection: Connection, bin_id: str, *, authority_id: int, now: datetime.datetime) -> BinOnMap:
    """Return one bin of the authority; raises ``BinMissingError``."""
    # An id no bin can have may hold what no database can look for.
    found = (
        list_bins_on_map(connection, authority_id=authority_id, now=now, bin_id=bin_id)
        if BIN_ID.fullmatch(bin_id)
        else []
    )
    if not found:
        raise BinMissingError(bin_id)
    return found[0]
