"""Rotating and revoking the keys of a bin: at most two numbers valid at once, never none.

The keys themselves are derived and handed over by a person; the database knows numbers and states.
"""

import datetime

from sqlalchemy import Connection, text

from rewards.bins import announce_change
from rewards.fleet.owners import lock_bin
from rewards.fleet.refusals import BinRevokedError, KeyIsLastError, KeyMissingError, KeysTooManyError

MOST_VALID_KEYS = 2

ADD_NEXT_KEY = text(f"""
    INSERT INTO bin_keys (authority_id, bin_id, key_number, state, created_at)
    SELECT :authority_id, :bin_id, max(key_number) + 1, 'valid', :now
      FROM bin_keys WHERE authority_id = :authority_id AND bin_id = :bin_id
    HAVING count(*) FILTER (WHERE state = 'valid') < {MOST_VALID_KEYS}
    RETURNING key_number
""")
LIST_VALID_KEYS = text("""
    SELECT key_number FROM bin_keys
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND state = 'valid' ORDER BY key_number
""")
REVOKE_KEY = text("""
    UPDATE bin_keys SET state = 'revoked'
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND key_number = :key_number AND state = 'valid'
       AND EXISTS (SELECT 1 FROM bin_keys o WHERE o.authority_id = :authority_id AND o.bin_id = :bin_id
                      AND o.key_number <> :key_number AND o.state = 'valid')
""")
FALL_BACK = text("""
    UPDATE bins SET newest_key_number = (SELECT max(k.key_number) FROM bin_keys k
                                          WHERE k.authority_id = :authority_id AND k.bin_id = :bin_id
                                            AND k.state = 'valid')
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND newest_key_number = :key_number
""")


def rotate_key(connection: Connection, bin_id: str, *, authority_id: int, now: datetime.datetime) -> int:
    """Make the next key number valid beside the present one, and return it.

    The backend goes on signing with the old number until the bin uses the new one.

    Raises:
        BinMissingError, BinRevokedError: there is no bin to rotate the key of.
        KeysTooManyError: two numbers are valid already.
    """
    if lock_bin(connection, bin_id, authority_id=authority_id) == "revoked":
        raise BinRevokedError(bin_id)
    bin_named = {"authority_id": authority_id, "bin_id": bin_id}
    key_number: int | None = connection.scalar(ADD_NEXT_KEY, {**bin_named, "now": now})
    if key_number is None:
        raise KeysTooManyError(bin_id, list_valid_keys(connection, bin_id, authority_id=authority_id))
    announce_change(connection, authority_id=authority_id)
    return key_number


def revoke_key(connection: Connection, bin_id: str, key_number: int, *, authority_id: int) -> None:
    """Revoke one key; receipts are signed with the highest number left when it was the newest in use.

    Raises:
        BinMissingError, BinRevokedError: there is no bin to revoke a key of.
        KeyMissingError: the bin has no valid key of this number.
        KeyIsLastError: it is the only valid one.
    """
    if lock_bin(connection, bin_id, authority_id=authority_id) == "revoked":
        raise BinRevokedError(bin_id)
    key_named = {"authority_id": authority_id, "bin_id": bin_id, "key_number": key_number}
    if connection.execute(REVOKE_KEY, key_named).rowcount == 0:
        is_valid = key_number in list_valid_keys(connection, bin_id, authority_id=authority_id)
        raise (KeyIsLastError if is_valid else KeyMissingError)(bin_id, key_number)
    connection.execute(FALL_BACK, key_named)
    announce_change(connection, authority_id=authority_id)


def list_valid_keys(connection: Connection, bin_id: str, *, authority_id: int) -> list[int]:
    """List the valid key numbers of a bin, lowest first."""
    return list(connection.scalars(LIST_VALID_KEYS, {"authority_id": authority_id, "bin_id": bin_id}))
