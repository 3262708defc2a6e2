"""How a movement of a statement looks outside, with its explanation as data and as a sentence."""

from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Instant, Integer
from rewards.explanations import (
    CorrectionExplanation,
    CreditExplanation,
    DepositExplanation,
    DonationExplanation,
    ReinstatementExplanation,
    ReviewExplanation,
    VoucherExplanation,
)
from rewards.grants import CAP_KINDS
from rewards.languages import Language
from rewards.schema.ledger import CORRECTION_REASONS, CREDIT_REASONS, REINSTATEMENT_REASONS, REVIEW_RULES
from rewards.statements import Movement, explain

KINDS = (
    "deposit",
    "deposit_capped",
    "deposit_pending",
    "deposit_posted",
    "deposit_voided",
    "voucher_issued",
    "voucher_redeemed",
    "voucher_cancelled",
    "voucher_expired",
    "voucher_reversed",
    "deposit_corrected",
    "welcome",
    "points_expired",
    "wallets_merged",
    "member_left",
    "share_received",
    "donated",
    "donation_returned",
    "points_reinstated",
    "points_credited",
)
EXPLANATIONS = {
    "deposit": DepositExplanation,
    "voucher": VoucherExplanation,
    "correction": CorrectionExplanation,
    "donation": DonationExplanation,
    "review": ReviewExplanation,
    "reinstatement": ReinstatementExplanation,
    "credit": CreditExplanation,
}


class CampaignExplanationSchema(ma.Schema):
    """The campaign that added points: either it multiplies, or it adds a bonus."""

    name = fields.String(required=True)
    multiplier_percent = Integer(required=True, allow_none=True, metadata={"description": "200 doubles"})
    bonus_points = Integer(required=True, allow_none=True)
    points = Integer(required=True, metadata={"description": "Added to what the tariff gives"})
    is_out_of_budget = fields.Boolean(required=True, metadata={"description": "It would have added more"})


class DepositExplanationSchema(ma.Schema):
    """How a deposit's points came about: `points` = `earned_points` − `withheld_points`."""

    material = fields.String(required=True)
    items = Integer(required=True)
    mass_g = Integer(required=True, allow_none=True)
    basis = fields.String(required=True, validate=validate.OneOf(["item", "kilogram"]))
    rate_points = Integer(required=True, metadata={"description": "Per item or per kilogram"})
    earned_points = Integer(required=True, metadata={"description": "By tariff and campaign, before caps"})
    withheld_points = Integer(required=True, metadata={"description": "Held back by a cap"})
    points = Integer(required=True)
    occurred_at = Instant(required=True)
    is_late = fields.Boolean(required=True, metadata={"description": "Recorded on a later day than it occurred"})
    campaign = fields.Nested(CampaignExplanationSchema, required=True, allow_none=True)
    withheld_by = fields.List(
        fields.String(validate=validate.OneOf(CAP_KINDS)),
        required=True,
        metadata={"description": "The caps that held points back"},
    )
    review_rule = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(REVIEW_RULES),
        metadata={"description": "Why the points wait for a review, if they do"},
    )
    review_due_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "By then they are posted, unless somebody rejects them"},
    )


class VoucherExplanationSchema(ma.Schema):
    """The voucher a movement is about."""

    voucher_id = fields.UUID(required=True)
    title = fields.String(required=True)
    shop = fields.String(required=True)
    price_points = Integer(required=True)


class CorrectionExplanationSchema(ma.Schema):
    """The deposit whose credit was taken back, and why."""

    reason = fields.String(required=True, validate=validate.OneOf(CORRECTION_REASONS))
    material = fields.String(required=True)
    items = Integer(required=True)
    occurred_at = Instant(required=True)
    taken_points = Integer(required=True, metadata={"description": "Taken from the wallet"})
    lost_points = Integer(required=True, metadata={"description": "Spent before: the authority bears them"})


class DonationExplanationSchema(ma.Schema):
    """To whom points were given, or from which goal they came back."""

    donation_id = fields.UUID(required=True)
    receiver = fields.String(required=True, validate=validate.OneOf(["cause", "goal"]))
    name = fields.String(required=True)
    points = Integer(required=True)


class ReviewExplanationSchema(ma.Schema):
    """The deposit whose credit was in review: posted, or not given for a `reason`."""

    rule = fields.String(required=True, validate=validate.OneOf(REVIEW_RULES))
    reason = fields.String(required=True, allow_none=True, validate=validate.OneOf(CORRECTION_REASONS))
    material = fields.String(required=True)
    items = Integer(required=True)
    occurred_at = Instant(required=True)
    points = Integer(required=True)


class ReinstatementExplanationSchema(ma.Schema):
    """Expired points given back, and why."""

    reason = fields.String(required=True, validate=validate.OneOf(REINSTATEMENT_REASONS))
    points = Integer(required=True)


class CreditExplanationSchema(ma.Schema):
    """Missing points credited after all, and why they were missing."""

    reason = fields.String(required=True, validate=validate.OneOf(CREDIT_REASONS))
    points = Integer(required=True)


class MovementSchema(ma.Schema):
    """One line of a statement.

    One of `deposit`, `voucher`, `correction`, `donation`, `review`, `reinstatement`, `credit` says how it came about;
    the others are null.
    """

    movement_id = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    recorded_at = Instant(required=True)
    points = Integer(required=True, metadata={"description": "Change of the points free to spend"})
    sentence = fields.String(required=True)
    deposit = fields.Nested(DepositExplanationSchema, required=True, allow_none=True)
    voucher = fields.Nested(VoucherExplanationSchema, required=True, allow_none=True)
    correction = fields.Nested(CorrectionExplanationSchema, required=True, allow_none=True)
    donation = fields.Nested(DonationExplanationSchema, required=True, allow_none=True)
    review = fields.Nested(ReviewExplanationSchema, required=True, allow_none=True)
    reinstatement = fields.Nested(ReinstatementExplanationSchema, required=True, allow_none=True)
    credit = fields.Nested(CreditExplanationSchema, required=True, allow_none=True)


def render_movement(movement: Movement, *, timezone: ZoneInfo, language: Language) -> dict[str, Any]:
    """Return one line with its sentence."""
    explained = {
        name: asdict(movement.explanation) if isinstance(movement.explanation, kind) else None
        for name, kind in EXPLANATIONS.items()
    }
    return {
        "movement_id": movement.movement_id,
        "kind": movement.kind,
        "recorded_at": movement.recorded_at,
        "points": movement.points,
        "sentence": explain(movement, timezone=timezone, language=language),
        **explained,
    }
