"""Who works at a shop: named by the shop, and never deleted, since redemptions name them."""

import datetime
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.schema.shops import ShopStaff
from rewards.staff.pins import digest_pin
from rewards.staff.refusals import StaffUnknownError

StaffState = Literal["active", "blocked"]

STAFF = """
    SELECT staff_id, name, state, created_at FROM shop_staff WHERE authority_id = :authority_id AND shop_id = :shop_id
"""
LIST = text(f"""
    {STAFF} AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
       AND (CAST(:after AS uuid) IS NULL OR staff_id > CAST(:after AS uuid))
     ORDER BY staff_id LIMIT :limit
""")
GET = text(f"{STAFF} AND staff_id = :staff_id")
LOCK = text(f"{STAFF} AND staff_id = :staff_id FOR UPDATE")
CHANGE = text("""
    UPDATE shop_staff SET name = :name, state = :state,
           pin_digest = coalesce(CAST(:pin_digest AS bytea), pin_digest)
     WHERE authority_id = :authority_id AND shop_id = :shop_id AND staff_id = :staff_id
""")


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works at a shop; blocked, they can do nothing there any more."""

    staff_id: UUID
    name: str
    state: StaffState
    created_at: datetime.datetime


def add_staff(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    name: str,
    pin: str,
    now: datetime.datetime,
) -> UUID:
    """Name somebody who works at the shop; return the id."""
    staff_id = new_id()
    connection.execute(
        insert(ShopStaff).values(
            authority_id=authority_id,
            staff_id=staff_id,
            shop_id=shop_id,
            name=name,
            pin_digest=digest_pin(keyring, pin, staff_id=staff_id),
            state="active",
            created_at=now,
        )
    )
    return staff_id


def list_staff(
    connection: Connection,
    *,
    authority_id: int,
    shop_id: UUID,
    state: StaffState | None = None,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[Staff]:
    """List a shop's staff in the order they were named, those in a state or all, behind the id of ``after``."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "state": state, "limit": limit}
    rows = connection.execute(LIST, {**values, "after": after[0] if after else None})
    return [Staff(*row) for row in rows]


def get_staff(
    connection: Connection, staff_id: UUID, *, authority_id: int, shop_id: UUID, is_to_change: bool = False
) -> Staff:
    """Return one of a shop's staff; locked until the transaction ends if it ``is_to_change``.

    Raises:
        StaffUnknownError: the shop has nobody of this id.
    """
    values = {"authority_id": authority_id, "shop_id": shop_id, "staff_id": staff_id}
    row = connection.execute(LOCK if is_to_change else GET, values).one_or_none()
    if row is None:
        raise StaffUnknownError
    return Staff(*row)


def change_staff(
    connection: Connection,
    keyring: Keyring,
    staff_id: UUID,
    *,
    authority_id: int,
    shop_id: UUID,
    name: str,
    state: StaffState,
    pin: str | None,
) -> None:
    """Give one of a shop's staff another name or state, and with ``pin`` another PIN.

    Raises:
        StaffUnknownError: the shop has nobody of this id.
    """
    values = {
        "authority_id": authority_id,
        "shop_id": shop_id,
        "staff_id": staff_id,
        "name": name,
        "state": state,
        "pin_digest": None if pin is None else digest_pin(keyring, pin, staff_id=staff_id),
    }
    if connection.execute(CHANGE, values).rowcount != 1:
        raise StaffUnknownError
