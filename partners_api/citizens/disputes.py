"""Disputing a movement of one's wallet, and seeing what became of it."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.citizens.blueprint import citizen_of, citizens, wallet_of
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant
from partners_api.services import keyring, now
from partners_api.texts import WORDS
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.disputes import (
    Dispute,
    DisputeExistsError,
    DisputeUnknownError,
    MovementUnknownError,
    get_dispute,
    list_own_disputes,
    open_dispute,
)
from rewards.limits import TooManyTriesError
from rewards.schema.requests import DISPUTE_REASONS, DISPUTE_REFUSALS


class DisputeOrderSchema(ma.Schema):
    """What is wrong with a movement."""

    movement_id = fields.UUID(
        required=True, metadata={"description": "Of the statement: a deposit that was credited, or points that expired"}
    )
    reason = fields.String(required=True, validate=validate.OneOf(DISPUTE_REASONS))
    words = fields.String(required=True, validate=WORDS, metadata={"description": "Read by the authority's agents"})


class DisputeSchema(ma.Schema):
    """A dispute and what became of it."""

    dispute_id = fields.UUID(required=True)
    movement_id = fields.UUID(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(DISPUTE_REASONS))
    words = fields.String(required=True)
    opened_at = Instant(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["open", "accepted", "rejected"]))
    decided_at = Instant(required=True, allow_none=True)
    refusal = fields.String(required=True, allow_none=True, validate=validate.OneOf(DISPUTE_REFUSALS))
    answer = fields.String(required=True, allow_none=True, metadata={"description": "What the authority says"})
    correction_state = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(["requested", "approved", "rejected"]),
        metadata={"description": "Of an accepted one: points move when a second person has `approved`"},
    )


@listing(citizens, "/disputes", audience="citizen", item=DisputeSchema, key=(UUID,))
def show_own_disputes(caller: Principal, asked: dict[str, Any]) -> Page[Dispute]:
    """List one's disputes, newest first."""
    disputes = list_own_disputes(connection(), keyring(), **citizen_of(caller), **asked)
    return page_of(disputes, asked["limit"], lambda dispute: (dispute.dispute_id,))


@operation(
    citizens,
    "POST",
    "/disputes",
    audience="citizen",
    body=DisputeOrderSchema,
    answers=(201, DisputeSchema),
    refuses=(MovementUnknownError, DisputeExistsError, TooManyTriesError),
    is_idempotent=True,
)
def dispute_movement(caller: Principal, order: dict[str, Any], key: str) -> Dispute:
    """Say that a movement of the statement is wrong. An agent decides; ten a day at most."""

    def dispute() -> dict[str, str]:
        own = {**citizen_of(caller), **wallet_of(caller)}
        return {"dispute_id": str(open_dispute(connection(), keyring(), **order, **own, now=now()))}

    dispute_id = UUID(once(caller, key, dispute)["dispute_id"])
    return get_dispute(connection(), keyring(), dispute_id, **citizen_of(caller))


@operation(
    citizens,
    "GET",
    "/disputes/<uuid:dispute_id>",
    audience="citizen",
    answers=(200, DisputeSchema),
    refuses=(DisputeUnknownError,),
)
def show_own_dispute(caller: Principal, dispute_id: UUID) -> Dispute:
    """Show a dispute of one's own."""
    return get_dispute(connection(), keyring(), dispute_id, **citizen_of(caller))
