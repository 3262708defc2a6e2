"""What citizens' applications send and get."""

import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import SLUG, Integer, VoucherSchema
from rewards.explanations import LANGUAGES
from rewards.statements import Position

PAGE_MAX = 100


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


class SessionSchema(ma.Schema):
    """An open session; the token is shown this once."""

    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)


class LotSchema(ma.Schema):
    """Points that expire together."""

    points = Integer(required=True, metadata={"description": "Free to spend"})
    pending_points = Integer(required=True, metadata={"description": "Held by vouchers not yet redeemed"})
    expires_on = fields.Date(required=True, metadata={"description": "First day they can no longer be spent"})


class WalletSchema(ma.Schema):
    """What a citizen has."""

    points = Integer(required=True, metadata={"description": "Free to spend"})
    pending_points = Integer(required=True, metadata={"description": "Held by vouchers not yet redeemed"})
    lots = fields.List(fields.Nested(LotSchema), required=True, metadata={"description": "Soonest to expire first"})


class PositionField(fields.String):
    """Where a page starts: opaque to callers, who take it from the page before."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Regexp(r"^[0-9]{1,16}\.[0-9a-f-]{1,64}$"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        return super()._deserialize(value, attr, data, **options)


def position_text(position: Position) -> str:
    """Return a position as callers carry it: microseconds since 1970 and the movement's id."""
    recorded_at, movement_id = position
    return f"{(recorded_at - EPOCH) // datetime.timedelta(microseconds=1)}.{movement_id}"


def position_of(text: str) -> Position:
    """Return the position a caller brought back; the schema has seen to its form."""
    microseconds, _, movement_id = text.partition(".")
    return EPOCH + datetime.timedelta(microseconds=int(microseconds)), movement_id


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
