"""Credits that wait for somebody to look at them. Managers decide."""

import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, tenant_of
from partners_api.authorities.decisions import DECISIONS, WITH_DECIDED
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import now
from partners_api.texts import Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.reviews import (
    ListedReview,
    ReviewDecidedError,
    ReviewUnknownError,
    approve_review,
    get_review,
    list_reviews,
    reject_review,
)
from rewards.schema.ledger import CORRECTION_REASONS

STATES = ("open", "approved", "rejected", "lapsed")


class ReviewDecisionSchema(ma.Schema):
    """What becomes of a credit in review."""

    example = {"decision": "reject", "reason": "bin_fault", "note": "The sensor counted rain"}  # noqa: RUF012

    decision = fields.String(required=True, validate=validate.OneOf(DECISIONS))
    reason = fields.String(
        validate=validate.OneOf(CORRECTION_REASONS), metadata={"description": "With `reject`: told to the citizen"}
    )
    note = Text(500, metadata={"description": "With `reject`: for the authority alone"})

    @ma.validates_schema
    def check_reason(self, said: dict[str, Any], **_: Any) -> None:
        """Refuse a rejection without a reason."""
        is_explained = "reason" in said and "note" in said
        is_plain = "reason" not in said and "note" not in said
        if not (is_explained if said["decision"] == "reject" else is_plain):
            raise ma.ValidationError("Both go with decision reject, and only with it.", "reason")


class ReviewSchema(ma.Schema):
    """A credit that waits, or waited, for a review. Whose it is is not told: judge the deposit, not the person."""

    transfer_id = fields.UUID(required=True)
    rule = fields.String(required=True, metadata={"description": "Why it is held"})
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    points = Integer(required=True)
    recorded_at = Instant(required=True)
    due_at = Instant(required=True, metadata={"description": "When it posts itself"})
    bin_id = fields.String(required=True)
    material = fields.String(required=True)
    items = Integer(required=True)
    mass_g = Integer(required=True, allow_none=True)
    occurred_at = Instant(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


@listing(
    authorities,
    "/reviews",
    audience="authority",
    role="viewer",
    item=ReviewSchema,
    key=(datetime.datetime, UUID),
    filters=WITH_DECIDED,
)
def show_reviews(caller: Principal, asked: dict[str, Any]) -> Page[ListedReview]:
    """List the credits in review, those that post themselves soonest first."""
    found = list_reviews(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: (each.due_at, each.transfer_id))


@operation(
    authorities,
    "POST",
    "/reviews/<uuid:transfer_id>/decision",
    audience="authority",
    role="manager",
    body=ReviewDecisionSchema,
    answers=(200, ReviewSchema),
    refuses=(ReviewUnknownError, ReviewDecidedError),
)
def decide_review(caller: Principal, said: dict[str, Any], transfer_id: UUID) -> ListedReview:
    """Approve a credit in review, or reject it; the citizen reads the reason. Decided once."""
    decided = {**tenant_of(caller), "decided_by": name_of(caller), "now": now()}
    if said.pop("decision") == "approve":
        approve_review(connection(), transfer_id, **decided)
    else:
        reject_review(connection(), transfer_id, **decided, **said)
    return get_review(connection(), transfer_id, **tenant_of(caller))
