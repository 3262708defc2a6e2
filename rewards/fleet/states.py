"""The state of a bin: test and live, to and fro; revoked for good."""

from typing import Literal

from sqlalchemy import Connection, text

from rewards.bins import announce_change, revoke_bin
from rewards.fleet.refusals import BinMissingError, BinRevokedError, BinStateUnchangedError

CHANGE_STATE = text("""
    UPDATE bins SET state = :state
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND state IN ('test', 'live') AND state <> :state
""")
READ_STATE = text("SELECT state FROM bins WHERE authority_id = :authority_id AND bin_id = :bin_id")


def change_state(connection: Connection, bin_id: str, state: Literal["test", "live"], *, authority_id: int) -> None:
    """Put a bin into state ``test`` or ``live``; workers know it within a second of the commit.

    Raises:
        BinMissingError, BinRevokedError, BinStateUnchangedError: nothing was changed.
    """
    bin_named = {"authority_id": authority_id, "bin_id": bin_id}
    if connection.execute(CHANGE_STATE, {**bin_named, "state": state}).rowcount == 0:
        raise why_unchanged(connection, bin_id, authority_id=authority_id)
    announce_change(connection, authority_id=authority_id)


def revoke_for_good(connection: Connection, bin_id: str, *, authority_id: int) -> None:
    """Revoke a bin; what it still holds is never accepted, what it has earned stays.

    Raises:
        BinMissingError, BinRevokedError: nothing was changed.
    """
    if not revoke_bin(connection, bin_id, authority_id=authority_id):
        raise why_unchanged(connection, bin_id, authority_id=authority_id)


def why_unchanged(
    connection: Connection, bin_id: str, *, authority_id: int
) -> BinMissingError | BinRevokedError | BinStateUnchangedError:
    """Return the refusal that tells why no row was changed."""
    state: str | None = connection.scalar(READ_STATE, {"authority_id": authority_id, "bin_id": bin_id})
    if state is None:
        return BinMissingError(bin_id)
    return BinRevokedError(bin_id) if state == "revoked" else BinStateUnchangedError(bin_id, state)
