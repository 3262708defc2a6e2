"""Orders to bins and alarms as operators send and get them."""

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Boolean, Instant, Integer
from partners_api.texts import WholeText
from rewards.orders import LARGEST_SEQ, USUAL_MINUTES

JOURNAL = WholeText(r"^[0-9a-f]{32}$")
MOST_EVENTS = 1_000_000


class OrderSchema(ma.Schema):
    """How long an order holds."""

    valid_s = Integer(
        load_default=3600,
        validate=validate.Range(10, 7 * 24 * 3600),
        metadata={"description": "Seconds for which it is published; a bin heard later is not told"},
    )


class ResendSchema(OrderSchema):
    """Which events are to be sent again."""

    first = Integer(required=True, validate=validate.Range(1, LARGEST_SEQ - MOST_EVENTS))
    events = Integer(
        required=True,
        validate=validate.Range(1, MOST_EVENTS),
        metadata={"description": "So many from `first` on, of those it still has"},
    )
    journal = fields.String(
        validate=JOURNAL,
        metadata={"description": "Else the bin's newest journal", "example": "0123456789abcdef0123456789abcdef"},
    )


class EmptyingModeSchema(OrderSchema):
    """Whether emptying mode begins or ends."""

    on = Boolean(
        required=True,
    )
    minutes = Integer(
        load_default=USUAL_MINUTES,
        validate=validate.Range(1, 240),
        metadata={"description": "After which it ends by itself"},
    )


class GivenOrderSchema(ma.Schema):
    """An order that was given; the list of commands tells what becomes of it."""

    command_id = fields.UUID(required=True)


class BinCommandSchema(ma.Schema):
    """An order given to a bin and what became of it; `outcome` is null while it is open."""

    command_id = fields.UUID(required=True)
    bin_id = fields.String(required=True)
    kind = fields.String(required=True)
    arguments = fields.Dict(required=True)
    issued_at = Instant(required=True)
    expires_at = Instant(required=True)
    sent_at = Instant(required=True, allow_none=True)
    times_sent = Integer(required=True)
    outcome = fields.String(required=True, allow_none=True, validate=validate.OneOf(("done", "refused", "expired")))
    ended_at = Instant(required=True, allow_none=True)


class AlarmSchema(ma.Schema):
    """Something about a bin that somebody should look at."""

    bin_id = fields.String(required=True)
    kind = fields.String(required=True)
    detail = fields.Dict(required=True)
    raised_at = Instant(required=True)
    last_seen_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    times = Integer(required=True, metadata={"description": "How often it was raised"})
