"""Vouchers bought and ended in a simulated history, many at a time.

By the functions behind app and till each costs 5 ms, so that some thousand would take longer than the year itself. So
their statements are used here for many vouchers together, and transfers go through the one door to the ledger.
"""

import datetime
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from bontri.demo.seed import AUTHORITY_ID, TIMEZONE
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.ledger import Transfer, end_pending_transfers, lock_pending_transfers, record_transfers
from rewards.offers import Offer
from rewards.offers.selling import TAKE
from rewards.vouchers.codes import digest_of_new_code
from rewards.vouchers.issuing import CANCEL, INSERT, void_vouchers
from rewards.vouchers.redeeming import INSERT_ATTEMPT, REDEEM
from rewards.wallets import Lot, pay_from_lots

LIST_LOTS = text("""
    SELECT w.wallet_id, a.account_id, a.credits_posted - a.debits_posted - a.debits_pending AS points, a.expires_on
      FROM wallet_accounts w
      JOIN accounts a ON a.authority_id = w.authority_id AND a.account_id = w.account_id
     WHERE w.authority_id = :authority_id AND w.wallet_id = ANY(CAST(:wallet_ids AS uuid[]))
       AND a.expires_on > :today AND a.credits_posted - a.debits_posted - a.debits_pending > 0
     ORDER BY w.wallet_id, a.expires_on, a.account_id
""")


@dataclass(frozen=True, slots=True)
class Purchase:
    """A voucher of an offer, bought with what lies in a wallet's lots."""

    wallet_id: UUID
    offer: Offer
    voucher_id: UUID


@dataclass(frozen=True, slots=True)
class Visit:
    """What becomes of a voucher: redeemed at a shop or, without one, cancelled."""

    at: datetime.datetime
    voucher_id: UUID
    wallet_id: UUID
    shop_id: UUID | None


class MarketError(Exception):
    """A voucher could not be ended as it was to be."""


def list_lots_of(connection: Connection, wallet_ids: Collection[UUID], now: datetime.datetime) -> dict[UUID, list[Lot]]:
    """Return what wallets can spend, by wallet, soonest to expire first."""
    today = now.astimezone(ZoneInfo(TIMEZONE)).date()
    values = {"authority_id": AUTHORITY_ID, "wallet_ids": list(wallet_ids), "today": today}
    lots: defaultdict[UUID, list[Lot]] = defaultdict(list)
    for wallet_id, account_id, points, expires_on in connection.execute(LIST_LOTS, values):
        lots[wallet_id].append(Lot(account_id, points, 0, expires_on, is_spendable=True, in_review_points=0))
    return lots


def issue_vouchers(
    connection: Connection,
    keyring: Keyring,
    purchases: Sequence[Purchase],
    lots: dict[UUID, list[Lot]],
    now: datetime.datetime,
) -> None:
    """Issue a voucher a purchase, one a wallet, of offers without stock, limit or budget; ``lots`` hold the prices."""
    holds = [
        Transfer(account_id, each.offer.held_by_account_id, points, "pending", voucher_id=each.voucher_id)
        for each in purchases
        for account_id, points in pay_from_lots(lots[each.wallet_id], each.offer.price_points)
    ]
    rows = [
        {
            "authority_id": AUTHORITY_ID,
            "voucher_id": each.voucher_id,
            "offer_id": each.offer.offer_id,
            "shop_id": each.offer.shop_id,
            "price_points": each.offer.price_points,
            "value_cents": each.offer.value_cents,
            "funder_id": each.offer.funder_id,
            "budget_year": None,
            "code_digest": digest_of_new_code(keyring, each.voucher_id),
            "now": now,
            "expires_at": now + datetime.timedelta(days=each.offer.voucher_valid_days),
        }
        for each in purchases
    ]
    if rows:
        connection.execute(INSERT, rows)
        connection.execute(TAKE, [{"authority_id": AUTHORITY_ID, "offer_id": each["offer_id"]} for each in rows])
        record_transfers(connection, holds, authority_id=AUTHORITY_ID, now=now)


def redeem_vouchers(connection: Connection, keyring: Keyring, visits: Sequence[Visit], now: datetime.datetime) -> None:
    """Redeem the vouchers of ``visits``, each when it was, and record what is paid ``now``.

    Raises:
        MarketError: one of them cannot be redeemed any more.
    """
    rows = [
        {
            "authority_id": AUTHORITY_ID,
            "shop_id": each.shop_id,
            "code_digest": digest_of_new_code(keyring, each.voucher_id),
            "redemption_key": f"simulated-{each.voucher_id}",
            "staff_id": None,
            "attempt_id": new_id(),
            "voucher_id": each.voucher_id,
            "outcome": "redeemed",
            "now": each.at,
        }
        for each in visits
    ]
    if rows:
        require_all(connection.execute(REDEEM, rows).rowcount, visits)
        connection.execute(INSERT_ATTEMPT, rows)
        ended = [each.voucher_id for each in visits]
        pending = lock_pending_transfers(connection, ended, authority_id=AUTHORITY_ID)
        end_pending_transfers(connection, pending, authority_id=AUTHORITY_ID, phase="post", now=now)


def cancel_vouchers(connection: Connection, visits: Sequence[Visit], now: datetime.datetime) -> None:
    """Cancel the vouchers of ``visits``, each when it was, and record what goes back ``now``.

    Raises:
        MarketError: one of them cannot be cancelled any more.
    """
    rows = [
        {"authority_id": AUTHORITY_ID, "voucher_id": each.voucher_id, "wallet_id": each.wallet_id, "now": each.at}
        for each in visits
    ]
    if rows:
        require_all(connection.execute(CANCEL, rows).rowcount, visits)
        void_vouchers(connection, [each.voucher_id for each in visits], authority_id=AUTHORITY_ID, now=now)


def require_all(ended: int, visits: Sequence[Visit]) -> None:
    """Raise MarketError unless as many vouchers were ended as there are visits."""
    if ended != len(visits):
        raise MarketError(f"{len(visits) - ended} of {len(visits)} vouchers could not be ended")
