"""A bin passes from one authority to another, once its authority has everything it held.

Three transactions, each of one authority: :func:`assert_drained` where the bin is, :func:`take_over` where it goes,
:func:`let_go` where it was. Broken off in between, the bin is provisioned in both, each with keys of its own, and
nothing is lost; :func:`find_former_owner` finds what is left to do.
"""

import datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.bins import ADD_BINS, NEW, NewBin, announce_change, revoke_bin
from rewards.errors import violates
from rewards.fleet.owners import Owner, list_authorities, lock_bin
from rewards.fleet.refusals import BinLeftBeforeError, BinMissingError, BinNotDrainedError, BinRevokedError
from rewards.ids import new_id

# Of several storages only the newest can still be in the bin.
NEWEST_JOURNAL = text("""
    SELECT j.next_seq, j.received + j.lost = int8multirange(int8range(1, j.next_seq)) AS is_drained
      FROM bin_journals j WHERE j.authority_id = :authority_id AND j.bin_id = :bin_id
     ORDER BY coalesce(j.last_received_at, j.created_at) DESC, j.journal_no DESC LIMIT 1
""")
PASS_ON = text("""
    UPDATE bin_directory SET authority_id = :authority_id WHERE bin_id = :bin_id AND authority_id = :former_id
""")
END_PLACEMENT = text("""
    UPDATE placements SET removed_at = :now
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND removed_at IS NULL AND placed_at < :now
""")
IS_NOT_REVOKED = text("""
    SELECT 1 FROM bins WHERE authority_id = :authority_id AND bin_id = :bin_id AND state <> 'revoked'
""")


def assert_drained(connection: Connection, bin_id: str, *, authority_id: int) -> None:
    """Return when the bin holds nothing its authority has not got, by its own last hello.

    Raises:
        BinMissingError, BinRevokedError: there is no such bin in service.
        BinNotDrainedError: numbers are missing, or it has said nothing about them.
    """
    if lock_bin(connection, bin_id, authority_id=authority_id) == "revoked":
        raise BinRevokedError(bin_id)
    journal = connection.execute(NEWEST_JOURNAL, {"authority_id": authority_id, "bin_id": bin_id}).one_or_none()
    if journal is None or journal.next_seq is None:
        raise BinNotDrainedError(bin_id, "it has never said what it holds")
    if not journal.is_drained:
        raise BinNotDrainedError(bin_id, "not every event up to its last hello is here, or some came after it")


def take_over(connection: Connection, new: NewBin, *, to: Owner, former: Owner, now: datetime.datetime) -> None:
    """Provision the bin in its new authority, with key number 1 of that authority; the directory follows.

    Raises:
        BinLeftBeforeError: it was there before, and revoked there.
        BinMissingError: it is the former owner's no longer.
    """
    named = {"authority_id": to.authority_id, "bin_id": new.bin_id}
    if connection.execute(PASS_ON, {**named, "former_id": former.authority_id}).rowcount == 0:
        raise BinMissingError(new.bin_id)
    ids = {"account_id": [new_id()], "placement_id": [new_id()]}
    parameters = {"authority_id": to.authority_id, "now": now, **NEW.bind_rows([new], **ids)}
    try:
        for statement in ADD_BINS[1:]:
            connection.execute(statement, parameters)
    except IntegrityError as error:
        if violates(error, "pk_bins"):
            raise BinLeftBeforeError(new.bin_id, to.slug) from None
        raise
    announce_change(connection, authority_id=to.authority_id)


def let_go(connection: Connection, bin_id: str, *, former: Owner, now: datetime.datetime) -> None:
    """End the bin where it was: revoked, and standing nowhere; safe to repeat."""
    connection.execute(END_PLACEMENT, {"authority_id": former.authority_id, "bin_id": bin_id, "now": now})
    revoke_bin(connection, bin_id, authority_id=former.authority_id)


def find_former_owner(connection: Connection, bin_id: str, *, owner: Owner) -> Owner | None:
    """Find an authority that has not let go of a bin that is another's by now."""
    for other in list_authorities(connection):
        named = {"authority_id": other.authority_id, "bin_id": bin_id}
        if other != owner and connection.scalar(IS_NOT_REVOKED, named):
            return other
    return None
