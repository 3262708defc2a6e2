"""The wallet, its statement, and what it can buy."""

import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from marshmallow import fields, validate

from partners_api.citizens.blueprint import citizens, wallet_of
from partners_api.citizens.schemas import CATEGORIES, ListedShopSchema, LotSchema, OfferSchema, WalletSchema
from partners_api.citizens.statement_schemas import MovementSchema, render_movement
from partners_api.languages import LANGUAGE, language_of_request
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Integer
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.offers import Offer, OfferNotOnSaleError, OfferUnknownError, get_offer, list_offers
from rewards.shops import ListedShop, list_active_shops
from rewards.statements import list_movements
from rewards.wallets import Lot, Wallet, get_wallet, list_lots


@operation(citizens, "GET", "/wallet", audience="citizen", answers=(200, WalletSchema))
def show_wallet(caller: Principal) -> Wallet:
    """Show the balance, what vouchers hold, and which points expire when."""
    return get_wallet(connection(), **wallet_of(caller), now=now())


@listing(
    citizens,
    "/statement",
    audience="citizen",
    item=MovementSchema,
    key=(datetime.datetime, str),
    filters={"lang": LANGUAGE},
)
def show_statement(caller: Principal, asked: dict[str, Any]) -> Page[dict[str, Any]]:
    """List what happened to the points, newest first, each with how it came about.

    `sentence` says it in words, in French or English (`lang`, else `Accept-Language`).
    """
    timezone, language = ZoneInfo(caller.timezone), language_of_request()
    movements = list_movements(
        connection(),
        **wallet_of(caller),
        timezone=timezone,
        after=asked["after"],
        limit=asked["limit"],
    )
    page = page_of(movements, asked["limit"], lambda movement: movement.position)
    return Page([render_movement(each, timezone=timezone, language=language) for each in page.items], page.next)


@listing(
    citizens,
    "/lots",
    audience="citizen",
    item=LotSchema,
    key=(datetime.date, UUID),
    filters={
        "expiring_within_days": Integer(
            load_default=None,
            strict=False,
            validate=validate.Range(0, 4000),
            metadata={"description": "Only what can no longer be spent so many days from today"},
        )
    },
)
def show_lots(caller: Principal, asked: dict[str, Any]) -> Page[Lot]:
    """List points by the day on which they expire, soonest first."""
    within_days = asked.pop("expiring_within_days")
    lots = list_lots(connection(), **wallet_of(caller), within_days=within_days, now=now(), **asked)
    return page_of(lots, asked["limit"], lambda lot: (lot.expires_on, lot.account_id))


@listing(
    citizens,
    "/offers",
    audience="citizen",
    item=OfferSchema,
    key=(int, UUID),
    filters={
        "category": fields.String(load_default=None, validate=validate.OneOf(CATEGORIES)),
        "shop_id": fields.UUID(
            load_default=None, metadata={"description": "What this shop takes, also what every partner shop does"}
        ),
        "price_points_max": Integer(load_default=None, strict=False, validate=validate.Range(0, 2**31 - 1)),
    },
)
def show_offers(caller: Principal, asked: dict[str, Any]) -> Page[Offer]:
    """List what shops give for points, cheapest first."""
    offers = list_offers(connection(), authority_id=caller.authority_id, now=now(), **asked)
    return page_of(offers, asked["limit"], lambda offer: (offer.price_points, offer.offer_id))


@operation(
    citizens,
    "GET",
    "/offers/<uuid:offer_id>",
    audience="citizen",
    answers=(200, OfferSchema),
    refuses=(OfferUnknownError, OfferNotOnSaleError),
)
def show_offer(caller: Principal, offer_id: UUID) -> Offer:
    """Show one offer that is on sale."""
    return get_offer(connection(), authority_id=caller.authority_id, offer_id=offer_id, now=now())


@listing(citizens, "/shops", audience="citizen", item=ListedShopSchema, key=(str, UUID))
def show_partner_shops(caller: Principal, asked: dict[str, Any]) -> Page[ListedShop]:
    """List the partner shops by name."""
    shops = list_active_shops(connection(), authority_id=caller.authority_id, **asked)
    return page_of(shops, asked["limit"], lambda shop: (shop.name, shop.shop_id))
