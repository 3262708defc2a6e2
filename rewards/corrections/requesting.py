"""Asking for a correction: nothing moves yet."""

import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, insert, text
from sqlalchemy.exc import IntegrityError

from rewards.corrections.refusals import (
    LotWithoutWalletError,
    TransferAlreadyCorrectedError,
    TransferInReviewError,
    TransferNotCorrectableError,
    TransferNotReinstatableError,
    TransferUnknownError,
)
from rewards.errors import violates
from rewards.ids import new_id
from rewards.schema.ledger import Correction
from rewards.wallets import find_wallet_of_lot

CorrectionReason = Literal["bin_fault", "wrong_card", "fraud", "mistake"]
ReinstatementReason = Literal["outage", "hardship", "mistake"]
CreditReason = Literal["bin_fault", "outage", "mistake"]

FIND_TRANSFER = text("""
    SELECT t.journal_no IS NOT NULL AND (t.phase = 'single' OR r.state IN ('approved', 'lapsed')) AS is_credit,
           coalesce(r.state = 'open', false) AS is_in_review, coalesce(t.reason = 'expiry', false) AS is_expiry,
           t.debit_account_id, t.credit_account_id
      FROM transfers t
      LEFT JOIN reviews r ON r.authority_id = t.authority_id AND r.transfer_id = t.transfer_id
     WHERE t.authority_id = :authority_id AND t.transfer_id = :transfer_id
""")


def request_correction(
    connection: Connection,
    transfer_id: UUID,
    *,
    authority_id: int,
    reason: CorrectionReason,
    note: str,
    requested_by: str,
    requested_by_agent_id: UUID | None = None,
    now: datetime.datetime,
) -> UUID:
    """Ask that a deposit's credit be taken back; return the id to approve or reject it by.

    ``reason`` is told to the citizen, ``note`` (1 to 500 characters) to the authority's people only. Agents are told
    apart by ``requested_by_agent_id``, everybody else by name.

    Raises:
        TransferUnknownError, TransferInReviewError, TransferNotCorrectableError: there is nothing to take back.
        TransferAlreadyCorrectedError: it was asked for before and not rejected; the transaction must be rolled back.
    """
    get_credit(connection, transfer_id, authority_id=authority_id)
    asked = {"requested_by": requested_by, "requested_by_agent_id": requested_by_agent_id, "requested_at": now}
    said = {"kind": "reversal", "reason": reason, "note": note}
    return add_request(connection, transfer_id, {**said, **asked}, authority_id=authority_id)


def request_reinstatement(
    connection: Connection,
    transfer_id: UUID,
    *,
    authority_id: int,
    reason: ReinstatementReason,
    note: str,
    requested_by: str,
    requested_by_agent_id: UUID | None = None,
    now: datetime.datetime,
) -> UUID:
    """Ask that points which expired by a transfer be given back; return the id to approve or reject it by.

    ``reason`` is told to the citizen, ``note`` (1 to 500 characters) to the authority's people only.

    Raises:
        TransferUnknownError, TransferNotReinstatableError, LotWithoutWalletError: there is nothing to give back.
        TransferAlreadyCorrectedError: it was asked for before and not rejected; the transaction must be rolled back.
    """
    found = get_transfer(connection, transfer_id, authority_id=authority_id)
    if not found.is_expiry:
        raise TransferNotReinstatableError(transfer_id)
    if find_wallet_of_lot(connection, found.debit_account_id, authority_id=authority_id) is None:
        raise LotWithoutWalletError(transfer_id)
    asked = {"requested_by": requested_by, "requested_by_agent_id": requested_by_agent_id, "requested_at": now}
    said = {"kind": "reinstatement", "reason": reason, "note": note}
    return add_request(connection, transfer_id, {**said, **asked}, authority_id=authority_id)


def request_credit(
    connection: Connection,
    transfer_id: UUID,
    *,
    authority_id: int,
    points: int,
    reason: CreditReason,
    note: str,
    requested_by: str,
    requested_by_agent_id: UUID | None = None,
    now: datetime.datetime,
) -> UUID:
    """Ask that points which a deposit's credit lacked be credited; return the id to approve or reject it by.

    ``reason`` is told to the citizen, ``note`` (1 to 500 characters) to the authority's people only.

    Raises:
        TransferUnknownError, TransferInReviewError, TransferNotCorrectableError, LotWithoutWalletError: there is
            nothing to add to.
        TransferAlreadyCorrectedError: it was corrected before; the transaction must be rolled back.
    """
    found = get_credit(connection, transfer_id, authority_id=authority_id)
    if find_wallet_of_lot(connection, found.credit_account_id, authority_id=authority_id) is None:
        raise LotWithoutWalletError(transfer_id)
    asked = {"requested_by": requested_by, "requested_by_agent_id": requested_by_agent_id, "requested_at": now}
    said = {"kind": "credit", "granted_points": points, "reason": reason, "note": note}
    return add_request(connection, transfer_id, {**said, **asked}, authority_id=authority_id)


def get_transfer(connection: Connection, transfer_id: UUID, *, authority_id: int) -> Row[Any]:
    """Return what a transfer is to a correction; raises TransferUnknownError."""
    values = {"authority_id": authority_id, "transfer_id": transfer_id}
    found = connection.execute(FIND_TRANSFER, values).one_or_none()
    if found is None:
        raise TransferUnknownError(transfer_id)
    return found


def get_credit(connection: Connection, transfer_id: UUID, *, authority_id: int) -> Row[Any]:
    """Return a deposit's credit that stands; raises as :func:`request_correction`, but for corrections before."""
    found = get_transfer(connection, transfer_id, authority_id=authority_id)
    if found.is_in_review:
        raise TransferInReviewError(transfer_id)
    if not found.is_credit:
        raise TransferNotCorrectableError(transfer_id)
    return found


def add_request(connection: Connection, transfer_id: UUID, said: dict[str, Any], *, authority_id: int) -> UUID:
    """Add an open correction; raises TransferAlreadyCorrectedError."""
    correction_id = new_id()
    tenant = {"authority_id": authority_id, "correction_id": correction_id, "transfer_id": transfer_id}
    try:
        connection.execute(insert(Correction).values(**tenant, **said, state="requested"))
    except IntegrityError as error:
        if violates(error, "uq_corrections_transfer"):
            raise TransferAlreadyCorrectedError(transfer_id) from error
        raise
    return correction_id
