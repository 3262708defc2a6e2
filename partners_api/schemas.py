"""Schemas more than one audience uses. All are strict: unknown fields, and numbers in strings, are refused."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

SLUG = validate.Regexp(r"^[a-z0-9-]{2,32}$")
ENTERED_CODE = validate.Regexp(r"^[ -~]{1,100}$")


class Integer(fields.Integer):
    """A whole number, written as one in JSON (in a query everything is text)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"strict": True, **options})

    def _validated(self, value: Any) -> Any:
        """Take 3.0 for 3: JSON knows no other difference between the two, and its schemas none at all."""
        return super()._validated(int(value) if isinstance(value, float) and value.is_integer() else value)


VOUCHER_STATES = ("issued", "redeemed", "reversed", "cancelled", "expired")


class VoucherSchema(ma.Schema):
    """A voucher. Its points are held from issue on; they go to the shop, or come back."""

    voucher_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    shop_id = fields.UUID(required=True, allow_none=True, metadata={"description": "Null: every partner shop takes it"})
    shop = fields.String(required=True, allow_none=True)
    title = fields.String(required=True)
    price_points = Integer(required=True)
    value_cents = Integer(required=True)
    status = fields.String(required=True, validate=validate.OneOf(VOUCHER_STATES))
    issued_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
