"""Lots: the account of the points one wallet was credited in one month, which expire together."""

import datetime
from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.ids import new_id, new_id_text

WALLETS = Columns(wallet_id="uuid")
FIND_LOTS = text(f"""
    SELECT CAST(t.wallet_id AS text),
           (SELECT CAST(w.account_id AS text) FROM wallet_accounts w
             WHERE w.authority_id = :authority_id AND w.wallet_id = t.wallet_id AND w.lot_month = :lot_month)
      FROM {WALLETS.unnest("t")}
""")

LINKS = Columns(account_id="uuid", wallet_id="uuid")
# The link decides who creates a month's lot; its account follows, hence the deferred foreign key.
LINK_LOTS = text(f"""
    INSERT INTO wallet_accounts (authority_id, account_id, wallet_id, lot_month)
    SELECT :authority_id, t.account_id, t.wallet_id, :lot_month FROM {LINKS.unnest("t")} ORDER BY t.wallet_id
    ON CONFLICT (authority_id, wallet_id, lot_month) DO NOTHING
    RETURNING CAST(account_id AS text)
""")

ACCOUNTS = Columns(account_id="uuid")
CREATE_LOTS = text(f"""
    INSERT INTO accounts (authority_id, account_id, kind, expires_on, created_at)
    SELECT :authority_id, t.account_id, 'lot', :expires_on, :now FROM {ACCOUNTS.unnest("t")}
""")


LIKE = Columns(account_id="uuid", lot_month="date")
LINK_LIKE = text(f"""
    INSERT INTO wallet_accounts (authority_id, account_id, wallet_id, lot_month)
    SELECT :authority_id, t.account_id, :wallet_id, t.lot_month FROM {LIKE.unnest("t")} ORDER BY t.lot_month
    ON CONFLICT (authority_id, wallet_id, lot_month) DO NOTHING
    RETURNING account_id, lot_month
""")
DATED = Columns(account_id="uuid", expires_on="date")
CREATE_DATED = text(f"""
    INSERT INTO accounts (authority_id, account_id, kind, expires_on, created_at)
    SELECT :authority_id, t.account_id, 'lot', t.expires_on, :now FROM {DATED.unnest("t")}
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
    wallet_ids: Collection[str],
    *,
    authority_id: int,
    lot_month: datetime.date,
    valid_months: int,
    now: datetime.datetime,
) -> dict[str, str]:
    """Return the lot account of each wallet for a month, creating those that are missing. Identifiers are text.

    Safe against another worker creating the same lot: one of the two links wins, the other is read.
    """
    if not wallet_ids:
        return {}
    tenant = {"authority_id": authority_id, "lot_month": lot_month}
    links = LINKS.bind(account_id=[new_id_text() for _ in wallet_ids], wallet_id=wallet_ids)
    linked = connection.scalars(LINK_LOTS, {**tenant, **links}).all()
    expires_on = expiry_of(lot_month, valid_months=valid_months)
    created = {**ACCOUNTS.bind(account_id=linked), "expires_on": expires_on, "now": now}
    connection.execute(CREATE_LOTS, {"authority_id": authority_id, **created})
    rows = connection.execute(FIND_LOTS, {**tenant, **WALLETS.bind(wallet_id=wallet_ids)}).all()
    return {row[0]: row[1] for row in rows}


def open_lots_like(
    connection: Connection,
    expiries: Mapping[datetime.date, datetime.date],
    *,
    authority_id: int,
    wallet_id: UUID,
    now: datetime.datetime,
) -> None:
    """Give a wallet the lots it lacks of the months in ``expiries``, which says when the points of each expire.

    A month of which it has a lot is left as it is, whatever that one's expiry. Waits for a worker that opens the same
    lot; so the accounts must not be locked yet.
    """
    if not expiries:
        return
    asked = LIKE.bind(account_id=[new_id() for _ in expiries], lot_month=list(expiries))
    linked = connection.execute(LINK_LIKE, {"authority_id": authority_id, "wallet_id": wallet_id, **asked}).all()
    if linked:
        dated = DATED.bind(
            account_id=[row.account_id for row in linked], expires_on=[expiries[row.lot_month] for row in linked]
        )
        connection.execute(CREATE_DATED, {"authority_id": authority_id, "now": now, **dated})
