"""Who is at the till: a member of the shop's staff with their PIN. Five tries in ten minutes; a right one is none."""

import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.keyring import Keyring
from rewards.staff.pins import is_pin
from rewards.staff.refusals import StaffLockedError
from rewards.tries import Tries
from rewards.vouchers.refusals import StaffRefusedError

TRIES = Tries("staff_tries", "staff_id", most=5, window=datetime.timedelta(minutes=10))

GET_DIGEST = text("""
    SELECT pin_digest FROM shop_staff
     WHERE authority_id = :authority_id AND shop_id = :shop_id AND staff_id = :staff_id AND state = 'active'
""")


def take_pin_try(
    connection: Connection, staff_id: UUID, *, authority_id: int, shop_id: UUID, now: datetime.datetime
) -> None:
    """Take one of the tries at somebody's PIN; to be committed before :func:`prove_staff`.

    Raises:
        StaffRefusedError: the shop has nobody of this id at work.
        StaffLockedError: no try is left for now.
    """
    get_digest(connection, staff_id, authority_id=authority_id, shop_id=shop_id)
    if not TRIES.take(connection, staff_id, authority_id=authority_id, now=now):
        raise StaffLockedError(TRIES.find_wait_s(connection, staff_id, authority_id=authority_id, now=now))


def prove_staff(
    connection: Connection, keyring: Keyring, staff_id: UUID, pin: str, *, authority_id: int, shop_id: UUID
) -> None:
    """Let who has the right PIN pass, and give the try back: to be committed whatever becomes of the rest.

    Raises:
        StaffRefusedError: the PIN is another, or the shop has nobody of this id at work.
    """
    digest = get_digest(connection, staff_id, authority_id=authority_id, shop_id=shop_id)
    if not is_pin(keyring, pin, digest, staff_id=staff_id):
        raise StaffRefusedError
    TRIES.give_back(connection, staff_id, authority_id=authority_id)


def get_digest(connection: Connection, staff_id: UUID, *, authority_id: int, shop_id: UUID) -> bytes:
    """Return what is kept of somebody's PIN, or raise StaffRefusedError."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "staff_id": staff_id}
    digest = connection.scalar(GET_DIGEST, values)
    if digest is None:
        raise StaffRefusedError
    return bytes(digest)
