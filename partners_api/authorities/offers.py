"""Offers: the authority puts its own on sale, and decides about those of shops. For managers."""

from collections.abc import Callable
from typing import Any, get_args
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, tenant_of
from partners_api.authorities.fields import cents, points
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer, NearInstant
from partners_api.services import now
from partners_api.texts import Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.funders import FunderUnknownError, require_funder
from rewards.offers import (
    Category,
    LimitPeriod,
    OfferState,
    OfferStateError,
    OfferTerms,
    OfferUnknownError,
    StockBelowSoldError,
    change_stock,
    end_offer,
    pause_offer,
    publish_offer,
    put_on_sale,
    reject_offer,
    resume_offer,
)
from rewards.offers.register import RegisteredOffer, get_registered_offer, list_registered_offers
from rewards.settlement import ShopUnknownError
from rewards.shop_register import get_shop

STATES, CATEGORIES, PERIODS = get_args(OfferState), get_args(Category), get_args(LimitPeriod)
STOCK = validate.Range(0, 1_000_000)
STEPS = ("publish", "reject", "pause", "resume", "end")


class OfferTermsSchema(ma.Schema):
    """What an offer says. Its price and value never change: end it and add another one."""

    title = Text(100, required=True)
    price_points = points()
    value_cents = cents(metadata={"description": "What a shop is paid for a voucher"})
    shop_id = fields.UUID(load_default=None, allow_none=True, metadata={"description": "Null: all partner shops"})
    funder_id = fields.UUID(load_default=None, allow_none=True, metadata={"description": "Null: the authority pays"})
    category = fields.String(load_default="local_shop", validate=validate.OneOf(CATEGORIES))
    voucher_valid_days = Integer(load_default=30, validate=validate.Range(1, 365))
    stock = Integer(load_default=None, allow_none=True, validate=STOCK, metadata={"description": "Null: without end"})
    offered_from = NearInstant(load_default=None, allow_none=True)
    offered_until = NearInstant(load_default=None, allow_none=True, metadata={"example": "2027-01-01T00:00:00+01:00"})
    most_per_wallet = Integer(load_default=None, allow_none=True, validate=validate.Range(1, 10_000))
    limit_period = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(PERIODS))
    minimum_purchase_cents = cents(required=False, load_default=0)

    @ma.validates_schema
    def check_pairs(self, said: dict[str, Any], **_: Any) -> None:
        """Refuse half a limit, and a time that ends before it begins."""
        if (said["most_per_wallet"] is None) != (said["limit_period"] is None):
            raise ma.ValidationError("Goes with limit_period.", "most_per_wallet")
        if said["offered_from"] and said["offered_until"] and said["offered_from"] >= said["offered_until"]:
            raise ma.ValidationError("Must be later than offered_from.", "offered_until")


class OfferOfAuthoritySchema(ma.Schema):
    """An offer, in whatever state, with all of its terms."""

    offer_id = fields.UUID(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    title = fields.String(required=True)
    category = fields.String(required=True, validate=validate.OneOf(CATEGORIES))
    shop_id = fields.UUID(required=True, allow_none=True)
    shop = fields.String(required=True, allow_none=True, metadata={"description": "Null: all partner shops"})
    price_points = Integer(required=True)
    value_cents = Integer(required=True)
    funder_id = fields.UUID(required=True)
    funder = fields.String(required=True)
    voucher_valid_days = Integer(required=True)
    stock = Integer(required=True, allow_none=True)
    sold = Integer(required=True, metadata={"description": "Vouchers out or redeemed"})
    offered_from = Instant(required=True, allow_none=True)
    offered_until = Instant(required=True, allow_none=True)
    most_per_wallet = Integer(required=True, allow_none=True)
    limit_period = fields.String(required=True, allow_none=True)
    minimum_purchase_cents = Integer(required=True)
    moderated_by = fields.String(required=True, allow_none=True)
    moderated_at = Instant(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True, metadata={"description": "Why it was handed back"})


class OfferStepSchema(ma.Schema):
    """What becomes of an offer."""

    example = {"step": "reject", "note": "No alcohol, please"}  # noqa: RUF012

    step = fields.String(
        required=True,
        validate=validate.OneOf(STEPS),
        metadata={
            "description": "`publish` or `reject` what a shop submitted; `pause`, `resume`; `end`, for good. Vouchers "
            "that are out stay good"
        },
    )
    note = Text(500, metadata={"description": "With `reject`: told to the shop"})

    @ma.validates_schema
    def check_note(self, said: dict[str, Any], **_: Any) -> None:
        """Refuse a rejection without a reason."""
        if ("note" in said) != (said["step"] == "reject"):
            raise ma.ValidationError("Goes with step reject, and only with it.", "note")


class StockSchema(ma.Schema):
    """How many vouchers of an offer there are."""

    stock = Integer(required=True, allow_none=True, validate=STOCK, metadata={"description": "Null: without end"})


@listing(
    authorities,
    "/offers",
    audience="authority",
    role="viewer",
    item=OfferOfAuthoritySchema,
    key=(str, UUID),
    filters={
        "state": fields.String(load_default=None, validate=validate.OneOf(STATES)),
        "shop_id": fields.UUID(load_default=None),
    },
)
def show_offers_of_authority(caller: Principal, asked: dict[str, Any]) -> Page[RegisteredOffer]:
    """List offers by title: those that wait for a decision with `state=submitted`."""
    offers = list_registered_offers(connection(), **tenant_of(caller), **asked)
    return page_of(offers, asked["limit"], lambda offer: (offer.title, offer.offer_id))


@operation(
    authorities,
    "POST",
    "/offers",
    audience="authority",
    role="manager",
    body=OfferTermsSchema,
    answers=(201, OfferOfAuthoritySchema),
    refuses=(ShopUnknownError, FunderUnknownError),
    is_idempotent=True,
)
def add_offer(caller: Principal, said: dict[str, Any], key: str) -> RegisteredOffer:
    """Put an offer of the authority's own making on sale."""

    def put() -> dict[str, str]:
        if said["shop_id"] is not None:
            get_shop(connection(), said["shop_id"], **tenant_of(caller))
        if said["funder_id"] is not None:
            require_funder(connection(), said["funder_id"], **tenant_of(caller))
        return {"offer_id": str(put_on_sale(connection(), OfferTerms(**said), **tenant_of(caller)))}

    return get_registered_offer(connection(), UUID(once(caller, key, put)["offer_id"]), **tenant_of(caller))


@operation(
    authorities,
    "GET",
    "/offers/<uuid:offer_id>",
    audience="authority",
    role="viewer",
    answers=(200, OfferOfAuthoritySchema),
    refuses=(OfferUnknownError,),
    has_etag=True,
)
def show_offer_of_authority(caller: Principal, offer_id: UUID) -> RegisteredOffer:
    """Show one offer."""
    return get_registered_offer(connection(), offer_id, **tenant_of(caller))


@operation(
    authorities,
    "PATCH",
    "/offers/<uuid:offer_id>",
    audience="authority",
    role="manager",
    body=StockSchema,
    answers=(200, OfferOfAuthoritySchema),
    refuses=(OfferUnknownError, StockBelowSoldError),
    has_etag=True,
)
def edit_offer(caller: Principal, said: dict[str, Any], offer_id: UUID) -> RegisteredOffer:
    """Change the stock of an offer; nothing else of what is on sale can be changed."""
    offer = get_registered_offer(connection(), offer_id, **tenant_of(caller), is_to_change=True)
    authorities.check_etag(offer, OfferOfAuthoritySchema)
    change_stock(connection(), offer_id, said["stock"], **tenant_of(caller))
    return get_registered_offer(connection(), offer_id, **tenant_of(caller))


@operation(
    authorities,
    "POST",
    "/offers/<uuid:offer_id>/steps",
    audience="authority",
    role="manager",
    body=OfferStepSchema,
    answers=(200, OfferOfAuthoritySchema),
    refuses=(OfferUnknownError, OfferStateError),
)
def take_offer_step(caller: Principal, said: dict[str, str], offer_id: UUID) -> RegisteredOffer:
    """Publish, reject, pause, resume or end an offer."""
    of_offer: dict[str, Any] = {**tenant_of(caller), "now": now()}
    plain: dict[str, Callable[..., None]] = {"pause": pause_offer, "resume": resume_offer, "end": end_offer}
    if said["step"] == "publish":
        publish_offer(connection(), offer_id, **of_offer, published_by=name_of(caller))
    elif said["step"] == "reject":
        reject_offer(connection(), offer_id, **of_offer, rejected_by=name_of(caller), note=said["note"])
    else:
        plain[said["step"]](connection(), offer_id, **of_offer)
    return get_registered_offer(connection(), offer_id, **tenant_of(caller))
