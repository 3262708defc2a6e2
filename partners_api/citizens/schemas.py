"""What citizens' applications send and get."""

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import LABEL, SLUG, Integer, VoucherSchema

CATEGORIES = ("local_shop", "leisure", "donation", "authority")
IN_REVIEW = "Credited pending a review, and in neither of the others; the statement says why and until when"


class SignInRequestSchema(ma.Schema):
    """Who wants to sign in, and where."""

    authority = fields.String(required=True, validate=SLUG, metadata={"description": "The authority's short name"})
    # As much as tells an address from a slip of the pen; whether it is one, the mail will show.
    email = fields.String(required=True, validate=validate.Regexp(r"^[!-?A-~]{1,64}@[!-?A-~]{1,190}$"))


class SignInSchema(ma.Schema):
    """A sign-in under way; the same whether or not a citizen has the address."""

    sign_in_id = fields.UUID(required=True)


class SessionRequestSchema(ma.Schema):
    """The code that came by e-mail."""

    authority = fields.String(required=True, validate=SLUG)
    sign_in_id = fields.UUID(required=True)
    code = fields.String(required=True, validate=validate.Regexp(r"^[0-9]{8}$"))
    label = fields.String(
        load_default=None, validate=LABEL, metadata={"description": "What the device calls itself, for the list"}
    )


class SessionSchema(ma.Schema):
    """An open session; the token is shown this once."""

    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)


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
    offered_until = fields.AwareDateTime(required=True, allow_none=True)
    most_per_wallet = Integer(required=True, allow_none=True, metadata={"description": "Vouchers in a `limit_period`"})
    limit_period = fields.String(
        required=True, allow_none=True, validate=validate.OneOf(["day", "week", "month", "ever"])
    )
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
    expires_at = fields.AwareDateTime(required=True)


class VoucherOrderSchema(ma.Schema):
    """Which offer to spend points on."""

    offer_id = fields.UUID(required=True)


class OwnVoucherSchema(VoucherSchema):
    """A voucher as its owner sees it, with what its QR code says."""

    code = fields.String(required=True, metadata={"description": "`{authority}.{code}`, shown to nobody but its owner"})
