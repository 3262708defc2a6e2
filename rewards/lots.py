"""Lots: the account of the points one wallet was credited in one month, which expire together."""

import datetime
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.ids import new_id

WALLETS = Columns(wallet_id="uuid")
FIND_LOTS = text(f"""
    SELECT w.wallet_id, w.account_id FROM {WALLETS.unnest("t")} JOIN wallet_accounts w
        ON w.authority_id = :authority_id AND w.wallet_id = t.wallet_id AND w.lot_month = :lot_month
""")

LINKS = Columns(account_id="uuid", wallet_id="uuid")
# The link decides who creates a month's lot; its account follows, hence the deferred foreign key.
LINK_LOTS = text(f"""
    INSERT INTO wallet_accounts (authority_id, account_id, wallet_id, lot_month)
    SELECT :authority_id, t.account_id, t.wallet_id, :lot_month FROM {LINKS.unnest("t")} ORDER BY t.wallet_id
    ON CONFLICT (authority_id, wallet_id, lot_month) DO NOTHING
    RETURNING account_id
""")

ACCOUNTS = Columns(account_id="uuid")
CREATE_LOTS = text(f"""
    INSERT INTO accounts (authority_id, account_id, kind, expires_on, created_at)
    SELECT :authority_id, t.account_id, 'lot', :expires_on, :now FROM {ACCOUNTS.unnest("t")}
""")


def lot_month_of(day: datetime.date) -> datetime.date:
    """Return the first day of the month whose lot points credited on ``day`` go to."""
    return day.replace(day=1)


def expiry_of(lot_month: datetime.date, *, valid_months: int) -> datetime.date:
    """Return the first day on which the points of a lot can no longer be spent."""
    months = lot_month.year * 12 + lot_month.month - 1 + valid_months + 1
    return datetime.date(months // 12, months % 12 + 1, 1)


def open_lots(
    connection: Connection,
    wallet_ids: Collection[UUID],
    *,
    authority_id: int,
    day: datetime.date,
    valid_months: int,
    now: datetime.datetime,
) -> dict[UUID, UUID]:
    """Return the lot account of each wallet for the month of ``day``, creating those that are missing.

    Safe against another worker creating the same lot: one of the two links wins, the other is read.
    """
    lot_month = lot_month_of(day)
    lots = find_lots(connection, wallet_ids, authority_id=authority_id, lot_month=lot_month)
    missing = [wallet_id for wallet_id in wallet_ids if wallet_id not in lots]
    if not missing:
        return lots
    linked = connection.scalars(
        LINK_LOTS,
        {
            "authority_id": authority_id,
            "lot_month": lot_month,
            **LINKS.bind(account_id=[new_id() for _ in missing], wallet_id=missing),
        },
    ).all()
    connection.execute(
        CREATE_LOTS,
        {
            "authority_id": authority_id,
            **ACCOUNTS.bind(account_id=linked),
            "expires_on": expiry_of(lot_month, valid_months=valid_months),
            "now": now,
        },
    )
    return lots | find_lots(connection, missing, authority_id=authority_id, lot_month=lot_month)


def find_lots(
    connection: Connection, wallet_ids: Collection[UUID], *, authority_id: int, lot_month: datetime.date
) -> dict[UUID, UUID]:
    """Find the lot accounts of one month by wallet."""
    rows = connection.execute(
        FIND_LOTS, {"authority_id": authority_id, "lot_month": lot_month, **WALLETS.bind(wallet_id=wallet_ids)}
    ).all()
    return {row.wallet_id: row.account_id for row in rows}
