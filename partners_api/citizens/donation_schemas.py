"""Causes, collective goals and donations as citizens' applications see them."""

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Instant, Integer
from rewards.donations.giving import MOST_POINTS
from rewards.schema.causes import GROUP_KINDS


class CauseSchema(ma.Schema):
    """An association one can donate points to."""

    cause_id = fields.UUID(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    siret = fields.String(required=True, allow_none=True)
    rna = fields.String(required=True, allow_none=True, metadata={"description": "Number of the association"})
    hundred_points_cents = Integer(
        required=True, allow_none=True, metadata={"description": "What `funder` pays it for 100 points; null: nothing"}
    )
    funder = fields.String(required=True, allow_none=True)
    points = Integer(required=True, metadata={"description": "What it was ever given"})


class GoalSchema(ma.Schema):
    """Points a group wants to be given together, by `ends_at`; a goal that is missed gives all of them back."""

    goal_id = fields.UUID(required=True)
    title = fields.String(required=True)
    group_kind = fields.String(required=True, validate=validate.OneOf(GROUP_KINDS))
    group_name = fields.String(required=True)
    reward = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["open", "reached", "closed", "missed"]))
    points = Integer(required=True)
    target_points = Integer(required=True)
    share_percent = Integer(required=True)
    givers = Integer(
        required=True, allow_none=True, metadata={"description": "Wallets that gave; null for fewer than 11"}
    )
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    cause_id = fields.UUID(required=True, allow_none=True, metadata={"description": "Gets the points in the end"})
    cause = fields.String(required=True, allow_none=True)


class DonationOrderSchema(ma.Schema):
    """How many points to give."""

    points = Integer(required=True, validate=validate.Range(1, MOST_POINTS))


class DonationSchema(ma.Schema):
    """Points given, to a cause or to a goal."""

    donation_id = fields.UUID(required=True)
    to_cause_id = fields.UUID(required=True, allow_none=True)
    to_goal_id = fields.UUID(required=True, allow_none=True)
    points = Integer(required=True, metadata={"description": "To a goal at most what it still missed"})
    donated_at = Instant(required=True)


class OwnDonationSchema(DonationSchema):
    """Points one gave."""

    receiver = fields.String(required=True, metadata={"description": "Name of the cause, title of the goal"})
    returned_at = Instant(
        required=True, allow_none=True, metadata={"description": "The goal was missed: the points came back"}
    )
