"""Giving expired points back: to the very lot they left, which is opened again for a while."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.corrections.expired import count_expired
from rewards.corrections.refusals import ExpiredPointsCorrectedError, LotWithoutWalletError
from rewards.expiry import reopen_lot
from rewards.ledger import Transfer, record_transfers
from rewards.wallets import find_wallet_of_lot

# The lot is locked before the account of what expired, as by the sweep: the other way round both could wait for ever.
LOCK_LOT = text("""
    SELECT t.debit_account_id AS lot, t.credit_account_id AS expired, t.points
      FROM transfers t
      JOIN accounts a ON a.authority_id = t.authority_id AND a.account_id = t.debit_account_id
     WHERE t.authority_id = :authority_id AND t.transfer_id = :transfer_id
       FOR UPDATE OF a
""")


@dataclass(frozen=True, slots=True)
class Reinstated:
    """What giving expired points back came to: less than expired where a correction has taken some of them since."""

    returned_points: int


def give_back_expired(
    connection: Connection, correction_id: UUID, transfer_id: UUID, *, authority_id: int, now: datetime.datetime
) -> Reinstated:
    """Give back what expired by a transfer, to be spent within 30 days at least; the caller has decided so.

    Raises:
        LotWithoutWalletError: nobody is left to give to.
        ExpiredPointsCorrectedError: corrections have taken them all.
    """
    expiry = connection.execute(LOCK_LOT, {"authority_id": authority_id, "transfer_id": transfer_id}).one()
    if find_wallet_of_lot(connection, expiry.lot, authority_id=authority_id) is None:
        raise LotWithoutWalletError(transfer_id)
    points = min(expiry.points, count_expired(connection, expiry.lot, authority_id=authority_id))
    if not points:
        raise ExpiredPointsCorrectedError(transfer_id)
    reopen_lot(connection, expiry.lot, authority_id=authority_id, now=now)
    back = Transfer(expiry.expired, expiry.lot, points, reason="reinstatement", cause_id=correction_id)
    record_transfers(connection, [back], authority_id=authority_id, now=now)
    return Reinstated(points)
