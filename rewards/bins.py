"""Bins: provisioning, and what the ingest must know of a bin to believe it and to place its events."""

import bisect
import datetime
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text, tuple_, update

from rewards.arrays import Columns
from rewards.ids import Id, new_id
from rewards.schema.territory import Authority, Bin

BinState = Literal["test", "live", "revoked"]

Stay = tuple[datetime.datetime, datetime.datetime | None, Id]


@dataclass(frozen=True, slots=True)
class NewBin:
    """A bin to provision at a site."""

    bin_id: str
    site_id: UUID
    placed_at: datetime.datetime
    capacity_l: int | None = None
    state: Literal["test", "live"] = "live"


@dataclass(frozen=True, slots=True)
class KnownBin:
    """What the ingest knows of a bin. ``placements`` are (from, until, site), oldest first. Identifiers are text."""

    bin_id: str
    state: str
    issuing_account_id: Id
    newest_key_number: int
    key_states: dict[int, str]
    placements: list[Stay] = field(default_factory=list)

    def find_site(self, at: datetime.datetime) -> Id | None:
        """Find where the bin stood at ``at``."""
        if len(self.placements) == 1:
            placed_at, removed_at, site_id = self.placements[0]
            return site_id if placed_at <= at and (removed_at is None or at < removed_at) else None
        if not self.placements or at < self.placements[0][0]:
            return None
        index = bisect.bisect_right(self.placements, at, key=lambda placement: placement[0]) - 1
        _, removed_at, site_id = self.placements[index]
        return site_id if removed_at is None or at < removed_at else None

    @property
    def first_placed_at(self) -> datetime.datetime | None:
        """When the bin was first placed anywhere; None while it never was."""
        return self.placements[0][0] if self.placements else None


NEW = Columns(
    bin_id="text",
    state="text",
    capacity_l="integer",
    account_id="uuid",
    placement_id="uuid",
    site_id="uuid",
    placed_at="timestamptz",
)
# In the order of the ids, so that two imports of the same bins wait for each other instead of dying of it.
IN_ORDER = f"{NEW.unnest('t')} ORDER BY t.bin_id"
ADD_BINS = (
    text(f"INSERT INTO bin_directory (authority_id, bin_id) SELECT :authority_id, t.bin_id FROM {IN_ORDER}"),
    text(f"""
        INSERT INTO accounts (authority_id, account_id, kind, created_at)
        SELECT :authority_id, t.account_id, 'issuing', :now FROM {IN_ORDER}
    """),
    text(f"""
        INSERT INTO bins (authority_id, bin_id, state, issuing_account_id, capacity_l, created_at)
        SELECT :authority_id, t.bin_id, t.state, t.account_id, t.capacity_l, :now FROM {IN_ORDER}
    """),
    text(f"""
        INSERT INTO bin_keys (authority_id, bin_id, key_number, state, created_at)
        SELECT :authority_id, t.bin_id, 1, 'valid', :now FROM {IN_ORDER}
    """),
    text(f"""
        INSERT INTO placements (authority_id, placement_id, bin_id, site_id, placed_at)
        SELECT :authority_id, t.placement_id, t.bin_id, t.site_id, t.placed_at FROM {IN_ORDER}
    """),
)
"""The directory first, which alone knows the ids of all authorities."""


def add_bins(connection: Connection, bins: Iterable[NewBin], *, authority_id: int, now: datetime.datetime) -> None:
    """Provision bins with key number 1, each with its issuing account and its first placement.

    All or none: raises ``IntegrityError`` when an id is taken, by any authority.
    """
    new = list(bins)
    ids = {"account_id": [new_id() for _ in new], "placement_id": [new_id() for _ in new]}
    parameters = {"authority_id": authority_id, "now": now, **NEW.bind_rows(new, **ids)}
    for statement in ADD_BINS:
        connection.execute(statement, parameters)
    announce_change(connection, authority_id=authority_id)


def announce_change(connection: Connection, *, authority_id: int) -> None:
    """Have the workers look at the authority's bins again, within a second of the commit."""
    connection.execute(
        update(Authority)
        .where(Authority.authority_id == authority_id)
        .values(fleet_version=Authority.fleet_version + 1)
    )


WANTED = Columns(bin_id="text")
# OFFSET 0 makes each subquery a look-up by key, as in rewards/badges.py.
FIND_BINS = text(f"""
    SELECT t.bin_id, b.state, CAST(b.issuing_account_id AS text) AS issuing_account_id, b.newest_key_number,
           k.key_number, k.state AS key_state
      FROM {WANTED.unnest("t")}
     CROSS JOIN LATERAL (SELECT * FROM bins b
                          WHERE b.authority_id = :authority_id AND b.bin_id = t.bin_id OFFSET 0) AS b
     CROSS JOIN LATERAL (SELECT * FROM bin_keys k
                          WHERE k.authority_id = :authority_id AND k.bin_id = t.bin_id OFFSET 0) AS k
""")
FIND_STAYS = text(f"""
    SELECT t.bin_id, p.placed_at, p.removed_at, CAST(p.site_id AS text) AS site_id
      FROM {WANTED.unnest("t")}
     CROSS JOIN LATERAL (SELECT * FROM placements p
                          WHERE p.authority_id = :authority_id AND p.bin_id = t.bin_id OFFSET 0) AS p
     ORDER BY p.placed_at
""")


def find_bins(connection: Connection, bin_ids: Collection[str], *, authority_id: int) -> dict[str, KnownBin]:
    """Find what is known of ``bin_ids`` within the authority; unknown ones are absent."""
    parameters = {"authority_id": authority_id, **WANTED.bind(bin_id=bin_ids)}
    bins: dict[str, KnownBin] = {}
    for row in connection.execute(FIND_BINS, parameters).all():
        if row.bin_id not in bins:
            bins[row.bin_id] = KnownBin(row.bin_id, row.state, row.issuing_account_id, row.newest_key_number, {})
        bins[row.bin_id].key_states[row.key_number] = row.key_state
    for row in connection.execute(FIND_STAYS, parameters).all():
        if row.bin_id in bins:
            bins[row.bin_id].placements.append((row.placed_at, row.removed_at, row.site_id))
    return bins


USED = Columns(bin_id="text", key_number="integer")
LOCK_USED = text(f"""
    SELECT b.bin_id FROM bins b JOIN {USED.unnest("t")} ON t.bin_id = b.bin_id
     WHERE b.authority_id = :authority_id ORDER BY b.bin_id FOR NO KEY UPDATE OF b
""")
NOTE_USED = text(f"""
    UPDATE bins b SET newest_key_number = t.key_number FROM {USED.unnest("t")}
     WHERE b.authority_id = :authority_id AND b.bin_id = t.bin_id AND b.newest_key_number < t.key_number
       AND EXISTS (SELECT 1 FROM bin_keys k WHERE k.authority_id = :authority_id AND k.bin_id = t.bin_id
                      AND k.key_number = t.key_number AND k.state = 'valid')
""")


def note_key_numbers(connection: Connection, used: dict[str, int], *, authority_id: int) -> None:
    """Remember the newest key number each bin has used, as long as it is valid; receipts are signed with it.

    A revocation may be under way: the bins are locked first, since a statement that waits for a row looks at the keys
    as they were before it waited.
    """
    if not used:
        return
    parameters = {"authority_id": authority_id, **USED.bind(bin_id=used, key_number=used.values())}
    connection.execute(LOCK_USED, parameters)
    connection.execute(NOTE_USED, parameters)


def revoke_bin(connection: Connection, bin_id: str, *, authority_id: int) -> bool:
    """Revoke a bin for good; return False when the authority has no such bin, or it is revoked already."""
    result = connection.execute(
        update(Bin)
        .where(tuple_(Bin.authority_id, Bin.bin_id) == (authority_id, bin_id), Bin.state != "revoked")
        .values(state="revoked")
    )
    announce_change(connection, authority_id=authority_id)
    return result.rowcount == 1
