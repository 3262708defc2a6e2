"""Asking for a correction: nothing moves yet."""

import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import IntegrityError

from rewards.corrections.refusals import (
    TransferAlreadyCorrectedError,
    TransferNotCorrectableError,
    TransferUnknownError,
)
from rewards.errors import violates
from rewards.ids import new_id
from rewards.schema import Correction

CorrectionReason = Literal["bin_fault", "wrong_card", "fraud", "mistake"]

FIND_TRANSFER = text("""
    SELECT journal_no IS NOT NULL AND phase = 'single' AS is_correctable FROM transfers
     WHERE authority_id = :authority_id AND transfer_id = :transfer_id
""")


def request_correction(
    connection: Connection,
    transfer_id: UUID,
    *,
    authority_id: int,
    reason: CorrectionReason,
    note: str,
    requested_by: str,
    now: datetime.datetime,
) -> UUID:
    """Ask that a deposit's credit be taken back; return the id to approve or reject it by.

    ``reason`` is told to the citizen, ``note`` (1 to 500 characters) to the authority's people only.

    Raises:
        TransferUnknownError, TransferNotCorrectableError: there is nothing to take back.
        TransferAlreadyCorrectedError: it was asked for before and not rejected; the transaction must be rolled back.
    """
    values = {"authority_id": authority_id, "transfer_id": transfer_id}
    found = connection.execute(FIND_TRANSFER, values).one_or_none()
    if found is None:
        raise TransferUnknownError(transfer_id)
    if not found.is_correctable:
        raise TransferNotCorrectableError(transfer_id)
    correction_id = new_id()
    try:
        connection.execute(
            insert(Correction).values(
                authority_id=authority_id,
                correction_id=correction_id,
                transfer_id=transfer_id,
                reason=reason,
                note=note,
                requested_by=requested_by,
                requested_at=now,
                state="requested",
            )
        )
    except IntegrityError as error:
        if violates(error, "uq_corrections_transfer"):
            raise TransferAlreadyCorrectedError(transfer_id) from error
        raise
    return correction_id
