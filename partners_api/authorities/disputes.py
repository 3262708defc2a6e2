"""Deciding about what citizens dispute. No agent alone moves points: an accepted dispute asks for a correction."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, require_agent
from partners_api.citizens.disputes import DisputeSchema
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.refusals import AgentRequiredError
from partners_api.schemas import TEXT, Integer
from partners_api.services import keyring, now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.disputes import (
    AuthoritysDispute,
    DisputeDecidedError,
    DisputeUnknownError,
    RemedyImpossibleError,
    accept_with_credit,
    accept_with_reinstatement,
    accept_with_reversal,
    list_disputes,
    reject_dispute,
)
from rewards.schema.ledger import CORRECTION_REASONS, CREDIT_REASONS, MOST_GRANTED, REINSTATEMENT_REASONS
from rewards.schema.requests import DISPUTE_REFUSALS

OF_DECIDING = (DisputeUnknownError, DisputeDecidedError)
OF_ACCEPTING = (*OF_DECIDING, RemedyImpossibleError, AgentRequiredError)


class AuthoritysDisputeSchema(DisputeSchema):
    """A dispute with what it is about. Whose it is, is not told."""

    correction_id = fields.UUID(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    points = Integer(required=True, metadata={"description": "Credited, or expired"})
    recorded_at = fields.AwareDateTime(required=True)
    is_expiry = fields.Boolean(required=True, metadata={"description": "It is about points that expired"})
    bin_id = fields.String(required=True, allow_none=True)
    material = fields.String(required=True, allow_none=True)
    items = Integer(required=True, allow_none=True)
    mass_g = Integer(required=True, allow_none=True)
    occurred_at = fields.AwareDateTime(required=True, allow_none=True)


class AnswerSchema(ma.Schema):
    """What the citizen is told."""

    answer = fields.String(required=True, validate=TEXT, metadata={"description": "Told to the citizen"})


class RejectionSchema(AnswerSchema):
    """Why the movement stays as it is."""

    refusal = fields.String(required=True, validate=validate.OneOf(DISPUTE_REFUSALS))


class RemedySchema(AnswerSchema):
    """What the second person is told besides."""

    note = fields.String(required=True, validate=TEXT, metadata={"description": "For whoever approves"})


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
    disputes = list_disputes(connection(), keyring(), authority_id=caller.authority_id, **asked)
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


@operation(
    authorities,
    "POST",
    "/disputes/<uuid:dispute_id>/reversal",
    audience="authority",
    role="manager",
    body=ReversalSchema,
    answers=(201, AcceptedDisputeSchema),
    refuses=OF_ACCEPTING,
    is_idempotent=True,
)
def accept_dispute_with_reversal(caller: Principal, said: dict[str, Any], key: str, dispute_id: UUID) -> dict[str, str]:
    """Accept that a credit is not the citizen's: a correction is asked for, which a second person approves."""

    def work() -> dict[str, str]:
        correction_id = accept_with_reversal(connection(), dispute_id, **said, **request_of(caller))
        return {"correction_id": str(correction_id)}

    return once(caller, key, work)


@operation(
    authorities,
    "POST",
    "/disputes/<uuid:dispute_id>/reinstatement",
    audience="authority",
    role="manager",
    body=DisputeReinstatementSchema,
    answers=(201, AcceptedDisputeSchema),
    refuses=OF_ACCEPTING,
    is_idempotent=True,
)
def accept_dispute_with_reinstatement(
    caller: Principal, said: dict[str, Any], key: str, dispute_id: UUID
) -> dict[str, str]:
    """Accept that points should not have expired: a correction is asked for, which a second person approves."""

    def work() -> dict[str, str]:
        correction_id = accept_with_reinstatement(connection(), dispute_id, **said, **request_of(caller))
        return {"correction_id": str(correction_id)}

    return once(caller, key, work)


@operation(
    authorities,
    "POST",
    "/disputes/<uuid:dispute_id>/credit",
    audience="authority",
    role="manager",
    body=DisputeCreditSchema,
    answers=(201, AcceptedDisputeSchema),
    refuses=OF_ACCEPTING,
    is_idempotent=True,
)
def accept_dispute_with_credit(caller: Principal, said: dict[str, Any], key: str, dispute_id: UUID) -> dict[str, str]:
    """Accept that points are missing: a correction is asked for, which a second person approves."""

    def work() -> dict[str, str]:
        correction_id = accept_with_credit(connection(), dispute_id, **said, **request_of(caller))
        return {"correction_id": str(correction_id)}

    return once(caller, key, work)


def decision_of(caller: Principal) -> dict[str, Any]:
    """Return for whom, by whom and when is decided."""
    return {"authority_id": caller.authority_id, "decided_by": name_of(caller), "now": now()}


def request_of(caller: Principal) -> dict[str, Any]:
    """Return the same for who asks for a correction, which takes a person.

    Raises:
        AgentRequiredError: it is a program.
    """
    require_agent(caller)
    return {**decision_of(caller), "agent_id": caller.subject_id}
