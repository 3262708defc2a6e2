"""Deciding about what citizens dispute. No agent alone moves points: an accepted dispute asks for a correction."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, require_agent, tenant_of
from partners_api.citizens.disputes import DisputeSchema
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.refusals import AgentRequiredError
from partners_api.schemas import Instant, Integer
from partners_api.services import keyring, now
from partners_api.texts import WORDS
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.corrections import request_correction, request_credit, request_reinstatement
from rewards.disputes import (
    AuthoritysDispute,
    DisputeDecidedError,
    DisputeUnknownError,
    RemedyImpossibleError,
    accept_dispute,
    list_disputes,
    reject_dispute,
)
from rewards.schema.ledger import CORRECTION_REASONS, CREDIT_REASONS, MOST_GRANTED, REINSTATEMENT_REASONS
from rewards.schema.requests import DISPUTE_REFUSALS

OF_DECIDING = (DisputeUnknownError, DisputeDecidedError)


class AuthoritysDisputeSchema(DisputeSchema):
    """A dispute with what it is about. Whose it is, is not told."""

    correction_id = fields.UUID(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    points = Integer(required=True, metadata={"description": "Credited, or expired"})
    recorded_at = Instant(required=True)
    is_expiry = fields.Boolean(required=True, metadata={"description": "It is about points that expired"})
    bin_id = fields.String(required=True, allow_none=True)
    material = fields.String(required=True, allow_none=True)
    items = Integer(required=True, allow_none=True)
    mass_g = Integer(required=True, allow_none=True)
    occurred_at = Instant(required=True, allow_none=True)


class AnswerSchema(ma.Schema):
    """What the citizen is told."""

    answer = fields.String(required=True, validate=WORDS, metadata={"description": "Told to the citizen"})


class RejectionSchema(AnswerSchema):
    """Why the movement stays as it is."""

    refusal = fields.String(required=True, validate=validate.OneOf(DISPUTE_REFUSALS))


class RemedySchema(AnswerSchema):
    """What the second person is told besides."""

    note = fields.String(required=True, validate=WORDS, metadata={"description": "For whoever approves"})


class ReversalSchema(RemedySchema):
    """Why the credit is to be taken back."""

    reason = fields.String(required=True, validate=validate.OneOf(CORRECTION_REASONS))


class DisputeReinstatementSchema(RemedySchema):
    """Why expired points are to be given back."""

    reason = fields.String(required=True, validate=validate.OneOf(REINSTATEMENT_REASONS))


class DisputeCreditSchema(RemedySchema):
    """How many points are missing, and why."""

    points = Integer(required=True, validate=validate.Range(1, MOST_GRANTED))
    reason = fields.String(required=True, validate=validate.OneOf(CREDIT_REASONS))


class AcceptedDisputeSchema(ma.Schema):
    """The correction somebody else has to approve."""

    correction_id = fields.UUID(required=True)


@listing(
    authorities,
    "/disputes",
    audience="authority",
    role="viewer",
    item=AuthoritysDisputeSchema,
    key=(UUID,),
    filters={
        "state": fields.String(load_default=None, validate=validate.OneOf(["open", "accepted", "rejected"])),
    },
)
def show_disputes(caller: Principal, asked: dict[str, Any]) -> Page[AuthoritysDispute]:
    """List what citizens dispute, newest first."""
    disputes = list_disputes(connection(), keyring(), **tenant_of(caller), **asked)
    return page_of(disputes, asked["limit"], lambda dispute: (dispute.dispute_id,))


@operation(
    authorities,
    "POST",
    "/disputes/<uuid:dispute_id>/rejection",
    audience="authority",
    role="manager",
    body=RejectionSchema,
    answers=(204, None),
    refuses=OF_DECIDING,
)
def reject_citizen_dispute(caller: Principal, said: dict[str, Any], dispute_id: UUID) -> None:
    """Leave a movement as it is. The citizen is told why, and may dispute it again."""
    reject_dispute(connection(), dispute_id, **said, **decision_of(caller))


accepting = partial(
    operation,
    authorities,
    "POST",
    audience="authority",
    role="manager",
    answers=(201, AcceptedDisputeSchema),
    refuses=(*OF_DECIDING, RemedyImpossibleError, AgentRequiredError),
    is_idempotent=True,
)


@accepting("/disputes/<uuid:dispute_id>/reversal", body=ReversalSchema)
def accept_dispute_with_reversal(caller: Principal, said: dict[str, Any], key: str, dispute_id: UUID) -> dict[str, str]:
    """Accept that a credit is not the citizen's: a correction is asked for, which a second person approves."""
    return accept_once(caller, key, dispute_id, request_correction, said)


@accepting("/disputes/<uuid:dispute_id>/reinstatement", body=DisputeReinstatementSchema)
def accept_dispute_with_reinstatement(
    caller: Principal, said: dict[str, Any], key: str, dispute_id: UUID
) -> dict[str, str]:
    """Accept that points should not have expired: a correction is asked for, which a second person approves."""
    return accept_once(caller, key, dispute_id, request_reinstatement, said)


@accepting("/disputes/<uuid:dispute_id>/credit", body=DisputeCreditSchema)
def accept_dispute_with_credit(caller: Principal, said: dict[str, Any], key: str, dispute_id: UUID) -> dict[str, str]:
    """Accept that points are missing: a correction is asked for, which a second person approves."""
    return accept_once(caller, key, dispute_id, partial(request_credit, points=said.pop("points")), said)


def accept_once(
    caller: Principal, key: str, dispute_id: UUID, remedy: Callable[..., UUID], said: dict[str, Any]
) -> dict[str, str]:
    """Accept a dispute by a remedy that is asked for once, by an agent."""

    def work() -> dict[str, str]:
        require_agent(caller)
        asked = {**said, **decision_of(caller), "agent_id": caller.subject_id}
        return {"correction_id": str(accept_dispute(connection(), dispute_id, remedy, **asked))}

    return once(caller, key, work)


def decision_of(caller: Principal) -> dict[str, Any]:
    """Return for whom, by whom and when is decided."""
    return {**tenant_of(caller), "decided_by": name_of(caller), "now": now()}
