"""Bins as operators send and get them."""

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Instant, Integer
from partners_api.texts import BIN_ID, Text

STATES = ("test", "live", "revoked")
CAPACITY = validate.Range(1, 100_000)


class LiveBinSchema(ma.Schema):
    """A bin: where it stands, when it was last heard, what it said of itself last."""

    bin_id = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    site = fields.String(required=True, allow_none=True, metadata={"description": "Null: it stands nowhere"})
    commune = fields.String(required=True, allow_none=True)
    longitude = fields.Float(required=True, allow_none=True)
    latitude = fields.Float(required=True, allow_none=True)
    capacity_l = Integer(required=True, allow_none=True)
    last_heard_at = Instant(required=True, allow_none=True)
    is_online = fields.Boolean(required=True, allow_none=True)
    firmware = fields.String(required=True, allow_none=True)
    model = fields.String(required=True, allow_none=True)
    status_at = Instant(required=True, allow_none=True)
    status = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "Its newest status message, as the bin protocol has it"},
    )
    used_key_number = Integer(required=True)
    valid_key_numbers = fields.List(Integer(), required=True)
    alarms = fields.List(fields.String(), required=True, metadata={"description": "Kinds of the alarms that are up"})


class NewBinSchema(ma.Schema):
    """A bin to provision at a site of the authority, with key number 1."""

    bin_id = fields.String(required=True, validate=BIN_ID, metadata={"example": "VAL-00001"})
    site = Text(200, required=True, metadata={"description": "The site's reference", "example": "SQUARE"})
    capacity_l = Integer(load_default=None, allow_none=True, validate=CAPACITY)
    state = fields.String(
        load_default="live",
        validate=validate.OneOf(("test", "live")),
        metadata={"description": "In state `test` it is answered like any other, and earns nothing"},
    )


class HandedBinSchema(ma.Schema):
    """What firmware is given. The key and the password are shown here and are stored nowhere."""

    bin_id = fields.String(required=True)
    key_number = Integer(required=True)
    key = fields.String(required=True, metadata={"description": "64 hexadecimal digits, secret"})
    password = fields.String(required=True, metadata={"description": "At the broker, with the bin's id; secret"})


class BinStateSchema(ma.Schema):
    """The state a bin is to be in."""

    state = fields.String(required=True, validate=validate.OneOf(("test", "live")))


class BinKeySchema(ma.Schema):
    """A key number; the key itself is stored nowhere."""

    key_number = Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(("valid", "revoked")))
    created_at = Instant(required=True)


class PlacementAtBinSchema(ma.Schema):
    """Where the bin stood, and from when to when."""

    site = fields.String(required=True)
    commune = fields.String(required=True)
    address = fields.String(required=True)
    placed_at = Instant(required=True)
    removed_at = Instant(required=True, allow_none=True)


class JournalSchema(ma.Schema):
    """A bin's storage: what was received of it, what is missing, what is lost."""

    journal = fields.String(required=True)
    created_at = Instant(required=True)
    last_received_at = Instant(required=True, allow_none=True)
    next_seq = Integer(required=True, allow_none=True)
    oldest_held = Integer(required=True, allow_none=True)
    highest_settled = Integer(required=True)
    received_events = Integer(required=True)
    lost_events = Integer(required=True)
    missing_events = Integer(required=True)
    ranges = Integer(required=True)


class BinEventsSchema(ma.Schema):
    """How many events of a bin were recorded."""

    live = Integer(required=True)
    test = Integer(required=True)
    last_occurred_at = Instant(required=True, allow_none=True)


class BinPortraitSchema(ma.Schema):
    """Everything known of a bin but what it was told and what raised alarms: those are lists of their own."""

    bin = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    capacity_l = Integer(required=True, allow_none=True)
    used_key_number = Integer(required=True)
    configured_version = Integer(required=True)
    created_at = Instant(required=True)
    events = fields.Nested(BinEventsSchema, required=True)
    placements = fields.List(fields.Nested(PlacementAtBinSchema), required=True)
    keys = fields.List(fields.Nested(BinKeySchema), required=True)
    journals = fields.List(fields.Nested(JournalSchema), required=True)
