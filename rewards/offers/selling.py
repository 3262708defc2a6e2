"""The stock of an offer, and how many vouchers of it one wallet may have: decided where the voucher is issued."""

import datetime
from collections.abc import Collection
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.errors import violates
from rewards.offers.reading import Offer
from rewards.offers.refusals import OfferLimitReachedError, OfferSoldOutError, OfferUnknownError, StockBelowSoldError
from rewards.wallets import WALLETS_OF

# Counted without a stock too: who gives one later needs to know what is out, and a count then would miss what is just
# being bought. It makes nobody wait who did not: whoever buys holds the account of the shop already.
TAKE = text("""
    UPDATE offers SET sold = sold + 1
     WHERE authority_id = :authority_id AND offer_id = :offer_id AND (stock IS NULL OR sold < stock)
""")
RETURN = text("""
    UPDATE offers o SET sold = o.sold - v.vouchers
      FROM (SELECT offer_id, count(*) AS vouchers FROM vouchers
             WHERE authority_id = :authority_id AND voucher_id = ANY(CAST(:voucher_ids AS uuid[]))
             GROUP BY offer_id ORDER BY offer_id) AS v
     WHERE o.authority_id = :authority_id AND o.offer_id = v.offer_id
""")
CHANGE = text("""
    UPDATE offers SET stock = :stock
     WHERE authority_id = :authority_id AND offer_id = :offer_id
       AND (CAST(:shop_id AS uuid) IS NULL OR shop_id = :shop_id)
""")
# The wallet's lots are locked by whoever asks: two purchases of one wallet count one after the other.
COUNT_HAD = text(f"""
    SELECT count(*) FROM vouchers v
     WHERE v.authority_id = :authority_id AND v.offer_id = :offer_id AND v.status IN ('issued', 'redeemed')
       AND (CAST(:since AS timestamptz) IS NULL OR v.issued_at >= :since)
       AND v.voucher_id IN (SELECT t.voucher_id FROM wallet_accounts w
                              JOIN transfers t ON t.authority_id = w.authority_id
                                              AND t.debit_account_id = w.account_id
                             WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF})
                               AND t.voucher_id IS NOT NULL AND t.phase = 'pending')
""")


def take_from_stock(connection: Connection, offer: Offer, *, authority_id: int) -> None:
    """Count one more of an offer as sold.

    Raises:
        OfferSoldOutError: nothing is left of its stock.
    """
    if connection.execute(TAKE, {"authority_id": authority_id, "offer_id": offer.offer_id}).rowcount != 1:
        raise OfferSoldOutError


def return_to_stock(connection: Connection, voucher_ids: Collection[UUID], *, authority_id: int) -> None:
    """Put back what vouchers that were cancelled or expired had taken."""
    connection.execute(RETURN, {"authority_id": authority_id, "voucher_ids": list(voucher_ids)})


def change_stock(
    connection: Connection, offer_id: UUID, stock: int | None, *, authority_id: int, shop_id: UUID | None = None
) -> None:
    """Give an offer another stock, None for one without end; with ``shop_id`` only one of that shop.

    Raises:
        OfferUnknownError: the authority has no such offer.
        StockBelowSoldError: more was sold; the transaction must be rolled back.
    """
    try:
        values = {"authority_id": authority_id, "offer_id": offer_id, "shop_id": shop_id, "stock": stock}
        changed = connection.execute(CHANGE, values)
    except IntegrityError as error:
        if violates(error, "ck_offers_sold_within_stock"):
            raise StockBelowSoldError from error
        raise
    if changed.rowcount != 1:
        raise OfferUnknownError


def require_within_limit(
    connection: Connection,
    offer: Offer,
    *,
    authority_id: int,
    wallet_id: UUID,
    timezone: ZoneInfo,
    now: datetime.datetime,
) -> None:
    """Raise unless the wallet may have another voucher of an offer; the wallet's lots must be locked.

    Raises:
        OfferLimitReachedError: it has had as many in the period.
    """
    if offer.most_per_wallet is None:
        return
    period = offer.limit_period or "ever"
    since, again_at = bounds_of(period, now.astimezone(timezone))
    values = {"authority_id": authority_id, "offer_id": offer.offer_id, "wallet_id": wallet_id, "since": since}
    if int(connection.execute(COUNT_HAD, values).scalar_one()) >= offer.most_per_wallet:
        raise OfferLimitReachedError(most=offer.most_per_wallet, period=period, again_at=again_at)


def bounds_of(period: str, local: datetime.datetime) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return when the period around a local instant began and when the next one begins; (None, None) for ever."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return midnight, midnight + datetime.timedelta(days=1)
    if period == "week":
        monday = midnight - datetime.timedelta(days=local.weekday())
        return monday, monday + datetime.timedelta(days=7)
    if period == "month":
        first = midnight.replace(day=1)
        return first, (first + datetime.timedelta(days=32)).replace(day=1)
    return None, None
