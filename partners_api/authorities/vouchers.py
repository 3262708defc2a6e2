"""Vouchers as the authority sees them, whosever they are: looked at, and a redemption taken back."""

from typing import Any, get_args
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, tenant_of
from partners_api.idempotency import once
from partners_api.operations import operation
from partners_api.schemas import VoucherSchema
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.errors import OverdraftError
from rewards.vouchers import (
    ReversalReason,
    Voucher,
    VoucherNotRedeemedError,
    VoucherUnknownError,
    get_voucher_by_id,
    reverse_redemption,
)


class RedemptionReversalSchema(ma.Schema):
    """Why a redemption is taken back."""

    reason = fields.String(required=True, validate=validate.OneOf(get_args(ReversalReason)))


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
    role="admin",
    body=RedemptionReversalSchema,
    answers=(200, VoucherSchema),
    refuses=(VoucherUnknownError, VoucherNotRedeemedError, OverdraftError),
    is_idempotent=True,
)
def reverse_for_authority(caller: Principal, order: dict[str, Any], key: str, voucher_id: UUID) -> Voucher:
    """Take a redemption back, also after the day on which its shop could: the points are the citizen's again.

    The voucher stays spent. What is on a statement already is deducted from the shop's next one.
    """

    def take_back() -> dict[str, str]:
        who = name_of(caller)
        reverse_redemption(connection(), voucher_id, **tenant_of(caller), **order, reversed_by=who, now=now())
        return {"voucher_id": str(voucher_id)}

    once(caller, key, take_back)
    return get_voucher_by_id(connection(), voucher_id, **tenant_of(caller), now=now())
