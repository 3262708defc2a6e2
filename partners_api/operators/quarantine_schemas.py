"""Messages in quarantine as operators see them: never their bytes, which may hold a badge."""

import re

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.operators.health_schemas import counts
from partners_api.schemas import Instant, Integer
from partners_api.texts import BIN_ID, WholeText

MESSAGE_ID = re.compile(r"^[0-9a-f]{32}$")
CODE = WholeText(r"^[a-z_]{1,40}$")


class KeptMessageSchema(ma.Schema):
    """A message that could not be accepted, without its bytes; `code` is null when only events of it were refused."""

    message_id = fields.String(
        required=True, metadata={"description": "32 hexadecimal digits", "example": "0123456789abcdef0123456789abcdef"}
    )
    bin_id = fields.String(required=True, allow_none=True)
    topic = fields.String(required=True)
    code = fields.String(required=True, allow_none=True)
    codes = fields.List(fields.String(), required=True)
    detail = fields.String(required=True)
    times = Integer(required=True, metadata={"description": "How often the same bytes came"})
    received_at = Instant(required=True)
    last_received_at = Instant(required=True)
    replay = fields.String(required=True, validate=validate.OneOf(("stored", "requested", "replayed", "settled")))
    replay_requested_at = Instant(required=True, allow_none=True)
    replayed_at = Instant(required=True, allow_none=True)


class KeptEventSchema(ma.Schema):
    """An event that was refused singly."""

    journal = fields.String(required=True)
    seq = Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)
    is_recorded = fields.Boolean(required=True, metadata={"description": "The same content was recorded since"})


class KeptMessageWithEventsSchema(KeptMessageSchema):
    """A message in quarantine, with its events that were refused."""

    events = fields.List(fields.Nested(KeptEventSchema), required=True)


class QuarantineSummarySchema(ma.Schema):
    """What is in quarantine, in counts."""

    waiting_messages = Integer(required=True)
    waiting_by_code = counts("Messages refused whole, and events refused singly, by code")
    overflows_by_code = counts("Messages above the bound of a bin and day: counted, and not kept")
    due_for_pruning = Integer(
        required=True, metadata={"description": "Messages the job prune-quarantine removes when it runs next"}
    )


class ReplaySchema(ma.Schema):
    """Which of the messages that wait are to be replayed; nothing given means all."""

    bin_id = fields.String(load_default=None, allow_none=True, validate=BIN_ID, metadata={"example": "VAL-00001"})
    code = fields.String(load_default=None, allow_none=True, validate=CODE, metadata={"example": "unknown_bin"})
    since = Instant(load_default=None, allow_none=True)


class RequestedReplaySchema(ma.Schema):
    """What was requested; workers take it up within seconds, and the list tells what came of it."""

    requested_messages = Integer(required=True)
    may_be_more = fields.Boolean(required=True, metadata={"description": "Ask again: no more are taken at a time"})
