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


class Text(fields.String):
    """Text of 1 to ``longest`` characters, not all blanks; with ``has_lines`` line breaks are part of it."""

    def __init__(self, longest: int, *, has_lines: bool = False, **options: Any) -> None:
        printed = r"[^\x00-\x09\x0b-\x1f\x7f]" if has_lines else r"[^\x00-\x1f\x7f]"
        pattern = rf"^{printed}*[^\x00-\x20\x7f]{printed}*$"
        checks = [validate.Length(1, longest), validate.Regexp(pattern)]
        super().__init__(**{"validate": checks, **options})

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        """Refuse half of a surrogate pair, which JSON can write and nothing can store."""
        said = super()._deserialize(value, *args, **options)
        try:
            said.encode()
        except UnicodeEncodeError:
            raise self.make_error("invalid_utf8") from None
        return said


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
