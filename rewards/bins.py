"""Bins: provisioning, and what the ingest must know of a bin to believe it and to place its events."""

import bisect
import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, insert, select, tuple_, update

from rewards.ids import new_id
from rewards.schema import Account, Bin, BinDirectory, BinKey, Placement

Stay = tuple[datetime.datetime, datetime.datetime | None, UUID]


@dataclass(frozen=True, slots=True)
class NewBin:
    """A bin to provision at a site."""

    bin_id: str
    site_id: UUID
    placed_at: datetime.datetime
    capacity_l: int | None = None


@dataclass(frozen=True, slots=True)
class KnownBin:
    """What the ingest knows of a bin. ``placements`` are (from, until, site), oldest first."""

    bin_id: str
    state: str
    issuing_account_id: UUID
    newest_key_number: int
    key_states: dict[int, str]
    placements: list[Stay] = field(default_factory=list)

    def find_site(self, at: datetime.datetime) -> UUID | None:
        """Find where the bin stood at ``at``."""
        index = bisect.bisect_right(self.placements, at, key=lambda placement: placement[0]) - 1
        if index < 0:
            return None
        _, removed_at, site_id = self.placements[index]
        return site_id if removed_at is None or at < removed_at else None

    @property
    def first_placed_at(self) -> datetime.datetime | None:
        """When the bin was first placed anywhere; None while it never was."""
        return self.placements[0][0] if self.placements else None


def add_bins(connection: Connection, bins: Iterable[NewBin], *, authority_id: int, now: datetime.datetime) -> None:
    """Provision live bins with key number 1, each with its issuing account and its first placement.

    All or none: raises ``IntegrityError`` when an id is taken, by any authority.
    """
    accounts, directory, rows, keys, placements = [], [], [], [], []
    for new in bins:
        tenant = {"authority_id": authority_id}
        account_id = new_id()
        accounts.append({**tenant, "account_id": account_id, "kind": "issuing", "created_at": now})
        directory.append({**tenant, "bin_id": new.bin_id})
        rows.append(
            {
                **tenant,
                "bin_id": new.bin_id,
                "state": "live",
                "issuing_account_id": account_id,
                "capacity_l": new.capacity_l,
                "created_at": now,
            }
        )
        keys.append({**tenant, "bin_id": new.bin_id, "key_number": 1, "state": "valid", "created_at": now})
        placements.append(
            {
                **tenant,
                "placement_id": new_id(),
                "bin_id": new.bin_id,
                "site_id": new.site_id,
                "placed_at": new.placed_at,
            }
        )
    for table, values in (
        (BinDirectory, directory),
        (Account, accounts),
        (Bin, rows),
        (BinKey, keys),
        (Placement, placements),
    ):
        connection.execute(insert(table), values)


def find_bins(connection: Connection, bin_ids: Collection[str], *, authority_id: int) -> dict[str, KnownBin]:
    """Find what is known of ``bin_ids`` within the authority; unknown ones are absent."""
    wanted = list(bin_ids)
    keys: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for key in connection.execute(
        select(BinKey.bin_id, BinKey.key_number, BinKey.state).where(
            BinKey.authority_id == authority_id, BinKey.bin_id.in_(wanted)
        )
    ):
        keys[key.bin_id][key.key_number] = key.state
    placements: defaultdict[str, list[Stay]] = defaultdict(list)
    for row in connection.execute(
        select(Placement.bin_id, Placement.placed_at, Placement.removed_at, Placement.site_id)
        .where(Placement.authority_id == authority_id, Placement.bin_id.in_(wanted))
        .order_by(Placement.placed_at)
    ):
        placements[row.bin_id].append((row.placed_at, row.removed_at, row.site_id))
    return {
        row.bin_id: KnownBin(
            row.bin_id,
            row.state,
            row.issuing_account_id,
            row.newest_key_number,
            keys[row.bin_id],
            placements[row.bin_id],
        )
        for row in connection.execute(
            select(Bin.bin_id, Bin.state, Bin.issuing_account_id, Bin.newest_key_number).where(
                Bin.authority_id == authority_id, Bin.bin_id.in_(wanted)
            )
        )
    }


def note_key_numbers(connection: Connection, used: dict[str, int], *, authority_id: int) -> None:
    """Remember the newest key number each bin has used; receipts are signed with it."""
    for bin_id, key_number in sorted(used.items()):
        connection.execute(
            update(Bin)
            .where(Bin.authority_id == authority_id, Bin.bin_id == bin_id, Bin.newest_key_number < key_number)
            .values(newest_key_number=key_number)
        )


def revoke_bin(connection: Connection, bin_id: str, *, authority_id: int) -> bool:
    """Revoke a bin for good; return False when no live bin of the authority has this id."""
    result = connection.execute(
        update(Bin)
        .where(tuple_(Bin.authority_id, Bin.bin_id) == (authority_id, bin_id), Bin.state == "live")
        .values(state="revoked")
    )
    return result.rowcount == 1
