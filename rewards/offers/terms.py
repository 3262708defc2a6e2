"""The terms of an offer: what it costs, what it is worth, who pays for it, and to whom it is sold when."""

import datetime
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from rewards.offers.refusals import OfferTermsError

Category = Literal["local_shop", "leisure", "donation", "authority"]
"""``donation``: goods a partner shop gives to somebody in need, paid like any voucher. Points themselves are given to
a cause (``rewards/donations``)."""

OfferState = Literal["draft", "submitted", "published", "paused", "ended"]
LimitPeriod = Literal["day", "week", "month", "ever"]


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """What an offer says. ``shop_id`` None: every partner shop takes its vouchers.

    ``value_cents`` is what the shop is paid, by ``funder_id``, the authority itself when None. ``stock`` None is
    without end. ``most_per_wallet`` vouchers in a ``limit_period`` of the authority's calendar.
    ``minimum_purchase_cents`` is told at the till, which alone knows the purchase.
    """

    title: str
    price_points: int
    value_cents: int
    shop_id: UUID | None
    voucher_valid_days: int = 30
    category: Category = "local_shop"
    funder_id: UUID | None = None
    stock: int | None = None
    offered_from: datetime.datetime | None = None
    offered_until: datetime.datetime | None = None
    most_per_wallet: int | None = None
    limit_period: LimitPeriod | None = None
    minimum_purchase_cents: int = 0


def require_possible(terms: OfferTerms) -> None:
    """Raise OfferTermsError when terms contradict each other; the database would not keep them either."""
    is_reversed = terms.offered_from and terms.offered_until and terms.offered_from >= terms.offered_until
    if is_reversed or (terms.most_per_wallet is None) != (terms.limit_period is None):
        raise OfferTermsError
