"""Partner shops and what they offer for points."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, text, update

from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.schema import Account
from rewards.schema import Offer as OfferRow
from rewards.schema import Shop as ShopRow

OFFERS_MAX = 500


class OfferUnknownError(RewardsError):
    """No such offer is published, or its shop has left the scheme."""

    code = "offer_unknown"


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop and the account that collects the points of the vouchers it redeems."""

    shop_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Offer:
    """What a shop gives for points."""

    offer_id: UUID
    shop_id: UUID
    shop: str
    shop_account_id: UUID
    title: str
    price_points: int
    value_cents: int
    voucher_valid_days: int


PUBLISHED_OFFERS = """
    SELECT o.offer_id, o.shop_id, s.name AS shop, s.account_id AS shop_account_id, o.title, o.price_points,
           o.value_cents, o.voucher_valid_days
      FROM offers o JOIN shops s ON s.authority_id = o.authority_id AND s.shop_id = o.shop_id
     WHERE o.authority_id = :authority_id AND o.state = 'published' AND s.state = 'active'
"""
LIST_OFFERS = text(f"{PUBLISHED_OFFERS} ORDER BY o.price_points, o.title, o.offer_id LIMIT {OFFERS_MAX}")
FIND_OFFER = text(f"{PUBLISHED_OFFERS} AND o.offer_id = :offer_id")


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
    shop = Shop(shop_id=new_id(), account_id=new_id())
    connection.execute(
        insert(Account).values(authority_id=authority_id, account_id=shop.account_id, kind="shop", created_at=now)
    )
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


def publish_offer(
    connection: Connection,
    *,
    authority_id: int,
    shop_id: UUID,
    title: str,
    price_points: int,
    value_cents: int,
    voucher_valid_days: int = 30,
) -> UUID:
    """Publish an offer and return its id; vouchers of it are valid ``voucher_valid_days`` from their issue."""
    offer_id = new_id()
    connection.execute(
        insert(OfferRow).values(
            authority_id=authority_id,
            offer_id=offer_id,
            shop_id=shop_id,
            title=title,
            price_points=price_points,
            value_cents=value_cents,
            voucher_valid_days=voucher_valid_days,
            state="published",
        )
    )
    return offer_id


def end_offer(connection: Connection, *, authority_id: int, offer_id: UUID) -> bool:
    """Stop issuing vouchers of an offer; those already issued stay good. Return False when none was published."""
    result = connection.execute(
        update(OfferRow)
        .where(OfferRow.authority_id == authority_id, OfferRow.offer_id == offer_id, OfferRow.state == "published")
        .values(state="ended")
    )
    return result.rowcount == 1


def list_offers(connection: Connection, *, authority_id: int) -> list[Offer]:
    """List the published offers, cheapest first, at most ``OFFERS_MAX``."""
    return [Offer(**row) for row in connection.execute(LIST_OFFERS, {"authority_id": authority_id}).mappings()]


def get_offer(connection: Connection, *, authority_id: int, offer_id: UUID) -> Offer:
    """Return a published offer.

    Raises:
        OfferUnknownError: the authority publishes no such offer.
    """
    row = connection.execute(FIND_OFFER, {"authority_id": authority_id, "offer_id": offer_id}).mappings().first()
    if row is None:
        raise OfferUnknownError
    return Offer(**row)
