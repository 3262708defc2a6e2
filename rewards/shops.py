"""Partner shops."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.ledger import open_account
from rewards.schema import Shop as ShopRow


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop and the account that collects the points of the vouchers it redeems."""

    shop_id: UUID
    account_id: UUID


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
