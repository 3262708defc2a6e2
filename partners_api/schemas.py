"""Schemas more than one audience uses. All are strict: unknown fields, and numbers in strings, are refused."""

from collections.abc import Callable
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

SLUG = validate.Regexp(r"^[a-z0-9-]{2,32}$")


def require_characters(text: str) -> None:
    """Refuse halves of surrogate pairs, which JSON can write and UTF-8 cannot."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ma.ValidationError("Halves of surrogate pairs are no characters.")


LABEL: list[Callable[[Any], Any]] = [validate.Regexp(r"^[^\x00-\x1f\x7f]{1,40}$"), require_characters]
"""A line somebody calls a thing by: no control characters."""
TEXT: list[Callable[[Any], Any]] = [validate.Regexp(r"^[^\x00-\x09\x0b-\x1f\x7f]{1,500}$"), require_characters]
"""What somebody writes; newlines are the only control characters."""
MATERIAL = validate.Regexp(r"^[a-z][a-z0-9_-]{1,31}$")
BIN_ID = validate.Regexp(r"^[A-Z0-9-]{4,32}$")
ENTERED_CODE = validate.Regexp(r"^[ -~]{1,100}$")


class Integer(fields.Integer):
    """A whole number, written as one in JSON (in a query everything is text)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"strict": True, **options})

    def _validated(self, value: Any) -> Any:
        """Take 3.0 for 3: JSON knows no other difference between the two, and its schemas none at all."""
        return super()._validated(int(value) if isinstance(value, float) and value.is_integer() else value)


class Text(fields.String):
    """Text people write: one line of 1 to ``longest`` characters, or ``has_lines``; nothing that cannot be stored.

    Not all blanks, unless ``least`` is 0.
    """

    def __init__(self, longest: int, *, least: int = 1, has_lines: bool = False, **options: Any) -> None:
        printed = r"[^\x00-\x09\x0b-\x1f\x7f]" if has_lines else r"[^\x00-\x1f\x7f]"
        pattern = rf"^{printed}*[^\x00-\x20\x7f]{printed}*$" if least else rf"^{printed}*$"
        checks = [validate.Length(least, longest), validate.Regexp(pattern)]
        super().__init__(**{"validate": checks, **options})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        """Refuse halves of characters too: JSON can write them, UTF-8 and so PostgreSQL cannot."""
        found = str(super()._deserialize(value, attr, data, **options))
        if not is_storable(found):
            raise ma.ValidationError("holds half a character")
        return found


def is_storable(text: str) -> bool:
    """Tell whether a text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
