"""Households: who shares one's wallet, asking somebody in, joining, leaving."""

import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields

from partners_api.citizens.blueprint import citizen_of, citizens, wallet_of
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import keyring, now
from partners_api.texts import WholeText
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.households import (
    HouseholdTooSoonError,
    InvitationLockedError,
    InvitationUnknownError,
    WalletChangedError,
    WalletNotSharedError,
    WalletSharedError,
    accept_invitation,
    invite_to_wallet,
    leave_household,
    take_invitation_try,
)
from rewards.households.members import Member, list_members


class MemberSchema(ma.Schema):
    """A citizen who shares the wallet. Names are what each of them chose; no address is shown."""

    citizen_id = fields.UUID(required=True)
    display_name = fields.String(required=True, allow_none=True)
    cards = Integer(required=True, metadata={"description": "In use"})
    is_self = fields.Boolean(required=True)


class InvitationSchema(ma.Schema):
    """A code by which one other citizen may join, once. It is shown this once, and ends any earlier one."""

    code = fields.String(required=True)
    expires_at = Instant(required=True)


class JoiningSchema(ma.Schema):
    """The code a member has made."""

    code = fields.String(
        required=True,
        validate=WholeText(r"^[0-9A-Za-z -]{8,20}$"),
        metadata={"description": "Blanks and look-alikes forgiven"},
    )


class JoinedSchema(ma.Schema):
    """What was brought into the shared wallet."""

    points = Integer(required=True)


class LeftSchema(ma.Schema):
    """What one left with."""

    points = Integer(required=True)


@listing(citizens, "/household/members", audience="citizen", item=MemberSchema, key=(UUID,))
def show_members(caller: Principal, asked: dict[str, Any]) -> Page[Member]:
    """List who shares one's wallet; oneself alone where nobody else does."""
    own = {**wallet_of(caller), **citizen_of(caller)}
    members = list_members(connection(), keyring(), **own, **asked)
    return page_of(members, asked["limit"], lambda member: (member.citizen_id,))


@operation(citizens, "POST", "/household/invitations", audience="citizen", answers=(201, InvitationSchema))
def invite_to_household(caller: Principal) -> dict[str, str | datetime.datetime]:
    """Make a code by which somebody may join one's wallet. It is good once and for ten minutes."""
    code, expires_at = invite_to_wallet(connection(), keyring(), **wallet_of(caller), now=now())
    return {"code": code, "expires_at": expires_at}


@operation(
    citizens,
    "POST",
    "/household/memberships",
    audience="citizen",
    body=JoiningSchema,
    answers=(201, JoinedSchema),
    refuses=(
        InvitationLockedError,
        InvitationUnknownError,
        HouseholdTooSoonError,
        WalletSharedError,
        WalletChangedError,
    ),
    is_idempotent=True,
)
def join_household(caller: Principal, asked: dict[str, str], key: str) -> dict[str, int]:
    """Join the wallet a code is for, with one's points, cards and vouchers.

    From then on all members see all movements, earlier ones too, and may spend all points: say so before. Five codes
    may be tried in ten minutes.
    """

    def take_try() -> None:
        take_invitation_try(connection(), **citizen_of(caller), now=now())

    def join() -> dict[str, str]:
        own = {**wallet_of(caller), **citizen_of(caller)}
        return {"points": str(accept_invitation(connection(), keyring(), **own, code=asked["code"], now=now()).points)}

    return {"points": int(once(caller, key, join, take_try=take_try)["points"])}


@operation(
    citizens,
    "POST",
    "/household/departure",
    audience="citizen",
    answers=(200, LeftSchema),
    refuses=(WalletNotSharedError, WalletChangedError),
    is_idempotent=True,
)
def leave_own_household(caller: Principal, key: str) -> dict[str, int]:
    """Leave a shared wallet with an equal share of its points; vouchers stay with the household.

    One can join a household again after 30 days.
    """

    def leave() -> dict[str, str]:
        left = leave_household(
            connection(),
            caller.subject_id,
            **wallet_of(caller),
            made_by="citizen",
            now=now(),
        )
        return {"points": str(left.points)}

    return {"points": int(once(caller, key, leave)["points"])}
