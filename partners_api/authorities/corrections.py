"""Corrections: asked for by one manager, approved by another."""

import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, require_agent, tenant_of
from partners_api.authorities.decisions import DECISIONS, STATES, WITH_DECIDED
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.refusals import AgentRequiredError
from partners_api.schemas import Instant, Integer
from partners_api.services import now
from partners_api.texts import Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.corrections import (
    Correction,
    CorrectionDecidedError,
    CorrectionUnknownError,
    ExpiredPointsCorrectedError,
    LotWithoutWalletError,
    SecondPersonRequiredError,
    TransferAlreadyCorrectedError,
    TransferInReviewError,
    TransferNotCorrectableError,
    TransferNotReinstatableError,
    TransferUnknownError,
    approve_correction,
    get_correction,
    list_corrections,
    reject_correction,
    request_correction,
    request_reinstatement,
)
from rewards.schema.ledger import CORRECTION_REASONS, REINSTATEMENT_REASONS

KINDS = ("reversal", "reinstatement")


class CorrectionOrderSchema(ma.Schema):
    """What to correct, and why. Statements of citizens and of the ledger name transfers."""

    transfer_id = fields.UUID(required=True)
    kind = fields.String(
        required=True,
        validate=validate.OneOf(KINDS),
        metadata={"description": "`reversal` takes a deposit's credit back, `reinstatement` gives back what expired"},
    )
    reason = fields.String(
        required=True,
        validate=validate.OneOf(sorted({*CORRECTION_REASONS, *REINSTATEMENT_REASONS})),
        metadata={
            "description": f"Told to the citizen. Of a reversal: {', '.join(CORRECTION_REASONS)}; of a reinstatement: "
            f"{', '.join(REINSTATEMENT_REASONS)}"
        },
    )
    note = Text(500, required=True, metadata={"description": "For the authority alone"})

    @ma.validates_schema
    def check_reason(self, said: dict[str, Any], **_: Any) -> None:
        """Refuse a reason of the other kind."""
        known = CORRECTION_REASONS if said["kind"] == "reversal" else REINSTATEMENT_REASONS
        if said["reason"] not in known:
            raise ma.ValidationError(f"Not a reason for a {said['kind']}.", "reason")


class CorrectionSchema(ma.Schema):
    """A correction: asked for by one agent, decided about by another."""

    correction_id = fields.UUID(required=True)
    transfer_id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    points = Integer(required=True)
    reason = fields.String(required=True)
    note = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    requested_by = fields.String(required=True)
    requested_at = Instant(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)
    taken_points = Integer(required=True, allow_none=True, metadata={"description": "Came from the wallet"})
    expired_points = Integer(required=True, allow_none=True, metadata={"description": "Had expired before"})
    lost_points = Integer(required=True, allow_none=True, metadata={"description": "Were spent: the authority's loss"})


class DecisionSchema(ma.Schema):
    """What becomes of a correction. Whoever asked for it may take it back, but not approve it."""

    decision = fields.String(required=True, validate=validate.OneOf(DECISIONS))


@listing(
    authorities,
    "/corrections",
    audience="authority",
    role="viewer",
    item=CorrectionSchema,
    key=(datetime.datetime, UUID),
    filters=WITH_DECIDED,
)
def show_corrections(caller: Principal, asked: dict[str, Any]) -> Page[Correction]:
    """List the corrections that are asked for, newest first."""
    found = list_corrections(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: (each.requested_at, each.correction_id))


@operation(
    authorities,
    "POST",
    "/corrections",
    audience="authority",
    role="manager",
    body=CorrectionOrderSchema,
    answers=(201, CorrectionSchema),
    refuses=(
        AgentRequiredError,
        TransferUnknownError,
        TransferInReviewError,
        TransferNotCorrectableError,
        TransferNotReinstatableError,
        LotWithoutWalletError,
        TransferAlreadyCorrectedError,
    ),
    is_idempotent=True,
)
def ask_for_correction(caller: Principal, said: dict[str, Any], key: str) -> Correction:
    """Ask for a correction. Nothing moves until another agent approves it."""
    require_agent(caller)
    ask: Any = request_correction if said.pop("kind") == "reversal" else request_reinstatement

    def add() -> dict[str, str]:
        asked = {"requested_by": name_of(caller), "requested_by_agent_id": caller.subject_id, "now": now()}
        return {"correction_id": str(ask(connection(), **said, **tenant_of(caller), **asked))}

    return get_correction(connection(), UUID(once(caller, key, add)["correction_id"]), **tenant_of(caller))


@operation(
    authorities,
    "POST",
    "/corrections/<uuid:correction_id>/decision",
    audience="authority",
    role="manager",
    body=DecisionSchema,
    answers=(200, CorrectionSchema),
    refuses=(
        AgentRequiredError,
        CorrectionUnknownError,
        CorrectionDecidedError,
        SecondPersonRequiredError,
        LotWithoutWalletError,
        ExpiredPointsCorrectedError,
    ),
)
def decide_correction(caller: Principal, said: dict[str, str], correction_id: UUID) -> Correction:
    """Approve another agent's correction, or reject one. An approval moves the points at once."""
    require_agent(caller)
    decided: dict[str, Any] = {"decided_by": name_of(caller), "agent_id": caller.subject_id, "now": now()}
    decide = approve_correction if said["decision"] == "approve" else reject_correction
    decide(connection(), correction_id, **tenant_of(caller), **decided)
    return get_correction(connection(), correction_id, **tenant_of(caller))
