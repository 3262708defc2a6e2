"""Schemas more than one audience uses. All are strict: unknown fields, and numbers in strings, are refused."""

import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from rewards.instants import write_instant

YEAR_ONE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
YEAR_LAST = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


class Integer(fields.Integer):
    """A whole number, written as one in JSON (in a query everything is text)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"strict": True, **options})

    def _validated(self, value: Any) -> Any:
        """Take 3.0 for 3: JSON knows no other difference between the two, and its schemas none at all."""
        return super()._validated(int(value) if isinstance(value, float) and value.is_integer() else value)


class Boolean(fields.Boolean):
    """True or false, written as JSON has them; not ``strict``, as a query has: the words."""

    def __init__(self, *, strict: bool = True, **options: Any) -> None:
        self.is_strict = strict
        said = {"truthy": {True}, "falsy": {False}} if strict else {"truthy": {"true"}, "falsy": {"false"}}
        super().__init__(**{**said, **options})

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        """Refuse 1 and 0, which Python takes for true and false."""
        if self.is_strict and not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **options)


class Instant(fields.AwareDateTime):
    """An instant, in any time zone as it comes in and in UTC as it goes out."""

    def _serialize(self, value: Any, *args: Any, **options: Any) -> str | None:
        return None if value is None else write_instant(value)


class NearInstant(Instant):
    """An instant of this century: what is to be stored, or counted from."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        """Refuse other centuries."""
        try:
            instant = super()._deserialize(value, *args, **options)
            is_near = YEAR_ONE <= instant < YEAR_LAST
        except OverflowError:
            is_near = False
        if not is_near:
            raise self.make_error("invalid", input=value, obj_type="datetime of this century")
        return instant


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
    issued_at = Instant(required=True)
    expires_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
