"""Shops with a till, citizens with points who are signed in: what benchmarks and chaos are played with."""

import datetime
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert

from rewards.api_keys import create_api_key
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.ledger import Transfer, record_transfers
from rewards.lots import lot_month_of, open_lots
from rewards.offers import OfferTerms, put_on_sale
from rewards.schema.ledger import Account
from rewards.shops import create_shop
from rewards.sign_ins import begin_sign_in, open_session

AUTHORITY_ID, SLUG = 1, "bench"
PRICE_POINTS = 10


@dataclass(frozen=True, slots=True)
class BenchShop:
    """A shop with one offer, and the key of its till."""

    shop_id: UUID
    offer_id: UUID
    till_key: str = field(repr=False)


def open_shop(connection: Connection, keyring: Keyring, number: int, *, now: datetime.datetime) -> BenchShop:
    """Add a shop with one offer and one till."""
    tenant: dict[str, Any] = {"authority_id": AUTHORITY_ID}
    shop = create_shop(connection, **tenant, name=f"Shop {number}", address="", insee_code="93066", now=now)
    offer_id = put_on_sale(connection, OfferTerms("Offer", PRICE_POINTS, 100, shop.shop_id), **tenant)
    key = create_api_key(connection, keyring, **tenant, audience="shop", shop_id=shop.shop_id, label="till", now=now)
    return BenchShop(shop.shop_id, offer_id, key.secret)


def give_points(connection: Connection, wallet_ids: list[UUID], *, points: int, now: datetime.datetime) -> None:
    """Credit each wallet from an adjustment account."""
    source = new_id()
    values = {"authority_id": AUTHORITY_ID, "account_id": source, "kind": "adjustment", "created_at": now}
    connection.execute(insert(Account).values(values))
    lots = open_lots(
        connection,
        [str(each) for each in wallet_ids],
        authority_id=AUTHORITY_ID,
        lot_month=lot_month_of(now.date()),
        valid_months=24,
        now=now,
    )
    credits = [Transfer(source, account_id, points, reason="adjustment") for account_id in lots.values()]
    record_transfers(connection, credits, authority_id=AUTHORITY_ID, now=now)


def sign_in(connection: Connection, keyring: Keyring, email: str, *, now: datetime.datetime) -> str:
    """Return the token of a session opened for the citizen with this address."""
    asked = begin_sign_in(connection, keyring, authority_id=AUTHORITY_ID, email=email, now=now)
    session = open_session(
        connection, keyring, authority_id=AUTHORITY_ID, sign_in_id=asked.sign_in_id, code=asked.code, now=now
    )
    if session is None:
        raise LookupError("a code just made was refused")
    return session.token
