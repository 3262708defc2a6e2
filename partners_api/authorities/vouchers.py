"""Vouchers as the authority sees them, whosever they are: looked at, and redemptions taken back by two agents."""

from typing import Any, get_args
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
from partners_api.schemas import Instant, Integer, VoucherSchema
from partners_api.services import now
from partners_api.texts import Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.corrections import SecondPersonRequiredError
from rewards.errors import OverdraftError
from rewards.vouchers import (
    RedemptionReversal,
    ReversalAlreadyAskedError,
    ReversalDecidedError,
    ReversalReason,
    ReversalUnknownError,
    Voucher,
    VoucherNotRedeemedError,
    VoucherUnknownError,
    approve_reversal,
    ask_for_reversal,
    get_reversal,
    get_voucher_by_id,
    list_reversals,
    reject_reversal,
)


class RedemptionReversalOrderSchema(ma.Schema):
    """Why a redemption is to be taken back."""

    reason = fields.String(required=True, validate=validate.OneOf(get_args(ReversalReason)))
    note = Text(500, required=True, metadata={"description": "For the authority alone"})


class RedemptionReversalSchema(ma.Schema):
    """A redemption to be taken back: asked for by one agent, decided about by another."""

    reversal_id = fields.UUID(required=True)
    voucher_id = fields.UUID(required=True)
    points = Integer(required=True, metadata={"description": "What comes back to the citizen"})
    reason = fields.String(required=True, validate=validate.OneOf(get_args(ReversalReason)))
    note = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    requested_by = fields.String(required=True)
    requested_at = Instant(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)


class ReversalDecisionSchema(ma.Schema):
    """What becomes of it. Whoever asked for it may reject it, but not approve it."""

    decision = fields.String(required=True, validate=validate.OneOf(DECISIONS))


@operation(
    authorities,
    "GET",
    "/vouchers/<uuid:voucher_id>",
    audience="authority",
    role="viewer",
    answers=(200, VoucherSchema),
    refuses=(VoucherUnknownError,),
)
def show_voucher_of_somebody(caller: Principal, voucher_id: UUID) -> Voucher:
    """Show a voucher a statement has a line for; not whose it is, nor its code."""
    return get_voucher_by_id(connection(), voucher_id, **tenant_of(caller), now=now())


@operation(
    authorities,
    "POST",
    "/vouchers/<uuid:voucher_id>/reversal",
    audience="authority",
    role="manager",
    body=RedemptionReversalOrderSchema,
    answers=(201, RedemptionReversalSchema),
    refuses=(AgentRequiredError, VoucherUnknownError, VoucherNotRedeemedError, ReversalAlreadyAskedError),
    is_idempotent=True,
)
def ask_to_take_redemption_back(
    caller: Principal, order: dict[str, Any], key: str, voucher_id: UUID
) -> RedemptionReversal:
    """Ask that a redemption be taken back, also after its shop's day. An admin who is somebody else decides."""
    require_agent(caller)

    def ask() -> dict[str, str]:
        asked: dict[str, Any] = {"requested_by": name_of(caller), "agent_id": caller.subject_id, "now": now()}
        return {"reversal_id": str(ask_for_reversal(connection(), voucher_id, **tenant_of(caller), **order, **asked))}

    return get_reversal(connection(), UUID(once(caller, key, ask)["reversal_id"]), **tenant_of(caller))


@listing(
    authorities,
    "/redemption-reversals",
    audience="authority",
    role="viewer",
    item=RedemptionReversalSchema,
    key=(UUID,),
    filters=WITH_DECIDED,
)
def show_redemption_reversals(caller: Principal, asked: dict[str, Any]) -> Page[RedemptionReversal]:
    """List the redemptions agents asked to take back, newest first."""
    found = list_reversals(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: (each.reversal_id,))


@operation(
    authorities,
    "POST",
    "/redemption-reversals/<uuid:reversal_id>/decision",
    audience="authority",
    role="admin",
    body=ReversalDecisionSchema,
    answers=(200, RedemptionReversalSchema),
    refuses=(
        AgentRequiredError,
        ReversalUnknownError,
        ReversalDecidedError,
        SecondPersonRequiredError,
        VoucherNotRedeemedError,
        OverdraftError,
    ),
)
def decide_redemption_reversal(caller: Principal, said: dict[str, str], reversal_id: UUID) -> RedemptionReversal:
    """Approve what another agent asked to take back, or reject it. Approved, the points are the citizen's at once.

    The voucher stays spent. What is on a statement already is deducted from the shop's next one.
    """
    require_agent(caller)
    decided: dict[str, Any] = {"decided_by": name_of(caller), "agent_id": caller.subject_id, "now": now()}
    decide = approve_reversal if said["decision"] == "approve" else reject_reversal
    decide(connection(), reversal_id, **tenant_of(caller), **decided)
    return get_reversal(connection(), reversal_id, **tenant_of(caller))
