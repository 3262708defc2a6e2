"""Partner shops."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, select, text, update

from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.ledger import open_account
from rewards.schema.shops import Shop as ShopRow

GET_DETAILS = text("""
    SELECT s.shop_id, s.name, s.address, s.insee_code, c.name AS commune, s.phone, s.opening_hours, s.wants_pins
      FROM shops s JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
     WHERE s.authority_id = :authority_id AND s.shop_id = :shop_id
""")
LOCK_DETAILS = text(f"{GET_DETAILS.text} AND c.authority_id = :authority_id FOR UPDATE OF s")
CHANGE = text("""
    UPDATE shops SET phone = :phone, opening_hours = :opening_hours, wants_pins = :wants_pins
     WHERE authority_id = :authority_id AND shop_id = :shop_id AND state = 'active'
""")
LIST_ACTIVE = text("""
    SELECT s.shop_id, s.name, s.address, c.name AS commune FROM shops s
      JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
     WHERE s.authority_id = :authority_id AND s.state = 'active'
       AND (CAST(:after_name AS text) IS NULL OR (s.name, s.shop_id) > (:after_name, CAST(:after_id AS uuid)))
     ORDER BY s.name, s.shop_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ListedShop:
    """A shop as citizens look for one."""

    shop_id: UUID
    name: str
    address: str
    commune: str


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop and the account that collects the points of the vouchers it redeems."""

    shop_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class ShopDetails:
    """What is known of a shop. The last three it may change itself; name and address are on its statements."""

    shop_id: UUID
    name: str
    address: str
    insee_code: str
    commune: str
    phone: str
    opening_hours: str
    wants_pins: bool


class ShopRevokedError(RewardsError):
    """The shop has left the scheme."""

    code = "shop_revoked"


def create_shop(
    connection: Connection,
    *,
    authority_id: int,
    name: str,
    address: str,
    insee_code: str,
    now: datetime.datetime,
) -> Shop:
    """Add an active shop with its account."""
    account_id = open_account(connection, "shop", authority_id=authority_id, now=now)
    shop = Shop(shop_id=new_id(), account_id=account_id)
    connection.execute(
        insert(ShopRow).values(
            authority_id=authority_id,
            shop_id=shop.shop_id,
            account_id=shop.account_id,
            name=name,
            address=address,
            insee_code=insee_code,
            state="active",
            created_at=now,
        )
    )
    return shop


def revoke_shop(connection: Connection, *, authority_id: int, shop_id: UUID) -> bool:
    """End a shop's part in the scheme: its keys stop working and its offers are no longer listed.

    Return False when no active shop of the authority has this id.
    """
    result = connection.execute(
        update(ShopRow)
        .where(ShopRow.authority_id == authority_id, ShopRow.shop_id == shop_id, ShopRow.state == "active")
        .values(state="revoked")
    )
    return result.rowcount == 1


def is_active(connection: Connection, shop_id: UUID, *, authority_id: int) -> bool:
    """Tell whether a shop takes part in the authority's scheme."""
    wanted = select(ShopRow.state).where(ShopRow.authority_id == authority_id, ShopRow.shop_id == shop_id)
    return connection.scalar(wanted) == "active"


def wants_pins(connection: Connection, shop_id: UUID, *, authority_id: int) -> bool:
    """Tell whether somebody of the shop's staff must be named where points move."""
    wanted = select(ShopRow.wants_pins).where(ShopRow.authority_id == authority_id, ShopRow.shop_id == shop_id)
    return connection.scalar(wanted) is True


def get_shop_details(
    connection: Connection, shop_id: UUID, *, authority_id: int, is_to_change: bool = False
) -> ShopDetails:
    """Return what is known of a shop the caller knows to be there; locked until the transaction ends to change it."""
    values = {"authority_id": authority_id, "shop_id": shop_id}
    return ShopDetails(*connection.execute(LOCK_DETAILS if is_to_change else GET_DETAILS, values).one())


def change_shop_details(connection: Connection, changed: ShopDetails, *, authority_id: int) -> None:
    """Keep what a shop may change of itself.

    Raises:
        ShopRevokedError: it has left the scheme meanwhile.
    """
    values = {
        "authority_id": authority_id,
        "shop_id": changed.shop_id,
        "phone": changed.phone,
        "opening_hours": changed.opening_hours,
        "wants_pins": changed.wants_pins,
    }
    if connection.execute(CHANGE, values).rowcount != 1:
        raise ShopRevokedError


def list_active_shops(
    connection: Connection, *, authority_id: int, after: tuple[str, UUID] | None = None, limit: int = 50
) -> list[ListedShop]:
    """List the shops that take part by name, behind the (name, id) of ``after``."""
    name, shop_id = after or (None, None)
    values = {"authority_id": authority_id, "after_name": name, "after_id": shop_id, "limit": limit}
    return [ListedShop(*row) for row in connection.execute(LIST_ACTIVE, values)]
