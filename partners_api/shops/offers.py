"""The shop's offers: drafted, submitted to the authority, sold, paused, ended. Published terms are never edited."""

from collections.abc import Callable
from dataclasses import fields as fields_of
from functools import partial
from typing import Any, get_args
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer, NearInstant
from partners_api.services import now
from partners_api.shops.blueprint import shop_of, shops
from partners_api.texts import in_one_line
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.offers import (
    LimitPeriod,
    OfferHeldError,
    OfferState,
    OfferStateError,
    OfferTerms,
    OfferTermsError,
    OfferUnknownError,
    OwnOffer,
    StockBelowSoldError,
    change_draft,
    change_stock,
    draft_offer,
    end_offer,
    get_own_offer,
    list_own_offers,
    pause_offer,
    resume_offer,
    submit_offer,
    withdraw_offer,
)

STATES, PERIODS = get_args(OfferState), get_args(LimitPeriod)
CATEGORIES = ("local_shop", "leisure", "donation")
"""Those of the authority's own are not for shops to choose."""
MOST = 1_000_000


class TermsSchema(ma.Schema):
    """The terms of an offer, as a shop writes them."""

    title = fields.String(validate=in_one_line(100))
    category = fields.String(validate=validate.OneOf(CATEGORIES))
    price_points = Integer(validate=validate.Range(1, MOST))
    value_cents = Integer(
        validate=validate.Range(0, MOST), metadata={"description": "What the shop is paid for a voucher"}
    )
    voucher_valid_days = Integer(validate=validate.Range(1, 365))
    stock = Integer(allow_none=True, validate=validate.Range(0, MOST), metadata={"description": "Null is without end"})
    offered_from = NearInstant(allow_none=True)
    offered_until = NearInstant(allow_none=True)
    most_per_wallet = Integer(
        allow_none=True,
        validate=validate.Range(1, MOST),
        metadata={"description": "Vouchers one wallet may have in `limit_period`"},
    )
    limit_period = fields.String(allow_none=True, validate=validate.OneOf(PERIODS))
    minimum_purchase_cents = Integer(
        validate=validate.Range(0, MOST), metadata={"description": "Told at the till, which alone knows the purchase"}
    )


class OfferDraftSchema(TermsSchema):
    """An offer to be drafted; what is left out has its usual value."""

    title = fields.String(required=True, validate=in_one_line(100))
    price_points = Integer(required=True, validate=validate.Range(1, MOST))
    value_cents = Integer(
        required=True, validate=validate.Range(0, MOST), metadata={"description": "What the shop is paid for a voucher"}
    )


class OwnStockSchema(ma.Schema):
    """How many vouchers there are to be in all, those sold included."""

    stock = Integer(
        required=True,
        allow_none=True,
        validate=validate.Range(0, MOST),
        metadata={"description": "Null is without end"},
    )


class OwnOfferSchema(ma.Schema):
    """An offer of this shop, with its state and what the authority said."""

    offer_id = fields.UUID(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    paused_by = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(["shop", "authority"]),
        metadata={"description": "What the authority has paused only it resumes"},
    )
    title = fields.String(required=True)
    category = fields.String(required=True)
    price_points = Integer(required=True)
    value_cents = Integer(required=True)
    funder = fields.String(required=True, metadata={"description": "Who pays the shop"})
    voucher_valid_days = Integer(required=True)
    stock = Integer(required=True, allow_none=True)
    sold = Integer(required=True, metadata={"description": "Vouchers out or redeemed"})
    offered_from = Instant(required=True, allow_none=True)
    offered_until = Instant(required=True, allow_none=True)
    most_per_wallet = Integer(required=True, allow_none=True)
    limit_period = fields.String(required=True, allow_none=True, validate=validate.OneOf(PERIODS))
    minimum_purchase_cents = Integer(required=True)
    note = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the authority handed it back, until resubmitted"}
    )


EDITED = OwnOfferSchema(exclude=("sold",))
"""What an ``ETag`` stands for: a sale in between is no reason to look again."""


@listing(
    shops,
    "/offers",
    audience="shop",
    scope="offers",
    item=OwnOfferSchema,
    key=(UUID,),
    filters={"state": fields.String(load_default=None, validate=validate.OneOf(STATES))},
)
def show_own_offers(caller: Principal, asked: dict[str, Any]) -> Page[OwnOffer]:
    """List the shop's offers, newest first, whatever their state."""
    offers = list_own_offers(connection(), **shop_of(caller), **asked)
    return page_of(offers, asked["limit"], lambda offer: (offer.offer_id,))


@operation(
    shops,
    "POST",
    "/offers",
    audience="shop",
    scope="offers",
    body=OfferDraftSchema,
    answers=(201, OwnOfferSchema),
    refuses=(OfferTermsError,),
    is_idempotent=True,
)
def draft_own_offer(caller: Principal, terms: dict[str, Any], key: str) -> OwnOffer:
    """Draft an offer. Nobody sees it before it is submitted and the authority has published it."""

    def draft() -> dict[str, str]:
        offer = OfferTerms(**terms, shop_id=caller.subject_id)
        return {"offer_id": str(draft_offer(connection(), offer, authority_id=caller.authority_id))}

    return get_own_offer(connection(), UUID(once(caller, key, draft)["offer_id"]), **shop_of(caller))


@operation(
    shops,
    "GET",
    "/offers/<uuid:offer_id>",
    audience="shop",
    scope="offers",
    answers=(200, OwnOfferSchema),
    refuses=(OfferUnknownError,),
    has_etag=True,
)
def show_own_offer(caller: Principal, offer_id: UUID) -> OwnOffer:
    """Show one of the shop's offers."""
    return tagged(get_own_offer(connection(), offer_id, **shop_of(caller)))


@operation(
    shops,
    "PATCH",
    "/offers/<uuid:offer_id>",
    audience="shop",
    scope="offers",
    body=TermsSchema,
    answers=(200, OwnOfferSchema),
    refuses=(OfferUnknownError, OfferStateError, OfferTermsError),
    has_etag=True,
)
def change_own_draft(caller: Principal, change: dict[str, Any], offer_id: UUID) -> OwnOffer:
    """Change the terms of a draft; what is left out stays."""
    current = get_own_offer(connection(), offer_id, **shop_of(caller), is_to_change=True)
    shops.check_etag(current, EDITED)
    names = {each.name for each in fields_of(OfferTerms)} - {"shop_id", "funder_id"}
    terms = {name: getattr(current, name) for name in names} | change
    change_draft(connection(), offer_id, OfferTerms(**terms, shop_id=caller.subject_id), **shop_of(caller))
    return tagged(get_own_offer(connection(), offer_id, **shop_of(caller)))


@operation(
    shops,
    "PUT",
    "/offers/<uuid:offer_id>/stock",
    audience="shop",
    scope="offers",
    body=OwnStockSchema,
    answers=(200, OwnOfferSchema),
    refuses=(OfferUnknownError, StockBelowSoldError),
    has_etag=True,
)
def change_own_stock(caller: Principal, change: dict[str, int | None], offer_id: UUID) -> OwnOffer:
    """Say how many vouchers there are to be in all; the only thing of a published offer that changes."""
    current = get_own_offer(connection(), offer_id, **shop_of(caller), is_to_change=True)
    shops.check_etag(current, EDITED)
    change_stock(connection(), offer_id, change["stock"], **shop_of(caller))
    return tagged(get_own_offer(connection(), offer_id, **shop_of(caller)))


offer_step = partial(
    operation,
    shops,
    "POST",
    audience="shop",
    scope="offers",
    answers=(200, OwnOfferSchema),
    is_idempotent=True,
)
OF_STEPS = (OfferUnknownError, OfferStateError)


@offer_step("/offers/<uuid:offer_id>/submission", refuses=OF_STEPS)
def submit_own_offer(caller: Principal, key: str, offer_id: UUID) -> OwnOffer:
    """Ask the authority to publish a draft."""
    return step_once(caller, key, offer_id, submit_offer)


@offer_step("/offers/<uuid:offer_id>/withdrawal", refuses=OF_STEPS)
def withdraw_own_offer(caller: Principal, key: str, offer_id: UUID) -> OwnOffer:
    """Take a submitted offer back before the authority has decided; it is a draft again."""
    return step_once(caller, key, offer_id, withdraw_offer)


@offer_step("/offers/<uuid:offer_id>/pause", refuses=OF_STEPS)
def pause_own_offer(caller: Principal, key: str, offer_id: UUID) -> OwnOffer:
    """Sell no more for a while; vouchers already sold stay good."""
    return step_once(caller, key, offer_id, pause_offer)


@offer_step("/offers/<uuid:offer_id>/resumption", refuses=(*OF_STEPS, OfferHeldError))
def resume_own_offer(caller: Principal, key: str, offer_id: UUID) -> OwnOffer:
    """Sell an offer again that the shop has paused."""
    return step_once(caller, key, offer_id, resume_offer)


@offer_step("/offers/<uuid:offer_id>/end", refuses=OF_STEPS)
def end_own_offer(caller: Principal, key: str, offer_id: UUID) -> OwnOffer:
    """End an offer for good, whatever its state; vouchers already sold stay good."""
    return step_once(caller, key, offer_id, end_offer)


def step_once(caller: Principal, key: str, offer_id: UUID, step: Callable[..., None]) -> OwnOffer:
    """Move an offer from one state to the next, once, and show it."""

    def move() -> dict[str, str]:
        step(connection(), offer_id, **shop_of(caller), now=now())
        return {"offer_id": str(offer_id)}

    once(caller, key, move)
    return get_own_offer(connection(), offer_id, **shop_of(caller))


def tagged(offer: OwnOffer) -> OwnOffer:
    """Return an offer whose answer carries the ``ETag`` of what can be edited."""
    shops.set_etag(offer, EDITED)
    return offer
