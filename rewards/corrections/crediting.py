"""Crediting missing points: from the authority's account ``bonus``, so that no bin is said to have given them.

They come into the wallet's lot of the month in which it is decided, and expire with it.
"""

import datetime
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, text

from rewards.corrections.refusals import LotWithoutWalletError
from rewards.ledger import Transfer, open_authority_account, record_transfers
from rewards.lots import lot_month_of, open_lots
from rewards.schema.territory import Authority
from rewards.wallets import hold_wallet_of_lot

GET = text("""
    SELECT t.credit_account_id AS lot, c.granted_points
      FROM corrections c
      JOIN transfers t ON t.authority_id = c.authority_id AND t.transfer_id = c.transfer_id
     WHERE c.authority_id = :authority_id AND c.correction_id = :correction_id
""")


@dataclass(frozen=True, slots=True)
class Granted:
    """What crediting missing points came to."""

    granted_points: int


def grant_missing(
    connection: Connection, correction_id: UUID, transfer_id: UUID, *, authority_id: int, now: datetime.datetime
) -> Granted:
    """Credit what a transfer lacked to the wallet it went to; the caller has decided so.

    Raises:
        LotWithoutWalletError: nobody is left to give to.
    """
    asked = connection.execute(GET, {"authority_id": authority_id, "correction_id": correction_id}).one()
    wallet_id = hold_wallet_of_lot(connection, asked.lot, authority_id=authority_id)
    if wallet_id is None:
        raise LotWithoutWalletError(transfer_id)
    rules = select(Authority.timezone, Authority.points_valid_months).where(Authority.authority_id == authority_id)
    timezone, valid_months = connection.execute(rules).one()
    lots = open_lots(
        connection,
        [str(wallet_id)],
        authority_id=authority_id,
        lot_month=lot_month_of(now.astimezone(ZoneInfo(timezone)).date()),
        valid_months=valid_months,
        now=now,
    )
    bonus = open_authority_account(connection, "bonus", authority_id=authority_id, now=now)
    credit = Transfer(bonus, lots[str(wallet_id)], asked.granted_points, reason="adjustment", cause_id=correction_id)
    record_transfers(connection, [credit], authority_id=authority_id, now=now)
    return Granted(asked.granted_points)
