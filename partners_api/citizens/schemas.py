"""What citizens' applications send and get."""

from typing import get_args

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Instant, Integer, VoucherSchema
from partners_api.sign_ins import EnteredCodeOfSignInSchema
from partners_api.texts import LABEL
from rewards.offers import Category, LimitPeriod

CATEGORIES = get_args(Category)
IN_REVIEW = "Credited pending a review, and in neither of the others; the statement says why and until when"


class SessionRequestSchema(EnteredCodeOfSignInSchema):
    """The code, and which device it is entered on."""

    label = fields.String(
        load_default=None, validate=LABEL, metadata={"description": "What the device calls itself, for the list"}
    )


class SessionSchema(ma.Schema):
    """An open session; the token is shown this once."""

    token = fields.String(required=True)
    expires_at = Instant(required=True)


class LotSchema(ma.Schema):
    """Points that expire together."""

    points = Integer(required=True, metadata={"description": "Free to spend"})
    pending_points = Integer(required=True, metadata={"description": "Held by vouchers not yet redeemed"})
    in_review_points = Integer(required=True, metadata={"description": IN_REVIEW})
    expires_on = fields.Date(required=True, metadata={"description": "First day they can no longer be spent"})


class WalletSchema(ma.Schema):
    """What a citizen has."""

    points = Integer(required=True, metadata={"description": "Free to spend"})
    pending_points = Integer(required=True, metadata={"description": "Held by vouchers not yet redeemed"})
    in_review_points = Integer(required=True, metadata={"description": IN_REVIEW})
    lots = fields.List(fields.Nested(LotSchema), required=True, metadata={"description": "Soonest to expire first"})


class OfferSchema(ma.Schema):
    """What a shop gives for points."""

    offer_id = fields.UUID(required=True)
    shop_id = fields.UUID(required=True, allow_none=True, metadata={"description": "Null: every partner shop takes it"})
    shop = fields.String(required=True, allow_none=True)
    title = fields.String(required=True)
    category = fields.String(required=True, validate=validate.OneOf(CATEGORIES))
    price_points = Integer(required=True)
    value_cents = Integer(required=True)
    voucher_valid_days = Integer(required=True)
    stock_left = Integer(required=True, allow_none=True, metadata={"description": "Null: without end"})
    offered_until = Instant(required=True, allow_none=True)
    most_per_wallet = Integer(required=True, allow_none=True, metadata={"description": "Vouchers in a `limit_period`"})
    limit_period = fields.String(required=True, allow_none=True, validate=validate.OneOf(get_args(LimitPeriod)))
    minimum_purchase_cents = Integer(required=True, metadata={"description": "The till asks for it"})


class ListedShopSchema(ma.Schema):
    """A partner shop."""

    shop_id = fields.UUID(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    commune = fields.String(required=True)


class ShortCodeOrderSchema(ma.Schema):
    """At which shop's till the code is to be typed."""

    shop_id = fields.UUID(required=True)


class ShortCodeSchema(ma.Schema):
    """A code to be typed at one till. It is shown this once, and ends an earlier one of the voucher."""

    code = fields.String(required=True)
    expires_at = Instant(required=True)


class VoucherOrderSchema(ma.Schema):
    """Which offer to spend points on."""

    offer_id = fields.UUID(required=True)


class OwnVoucherSchema(VoucherSchema):
    """A voucher as its owner sees it, with what its QR code says."""

    code = fields.String(required=True, metadata={"description": "`{authority}.{code}`, shown to nobody but its owner"})
