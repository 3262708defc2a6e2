"""What the citizens of the simulated year do with points: vouchers bought, redeemed, cancelled, left to expire; gifts.

On the year's own clock. How many there are is invented.
"""

import datetime
import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from bontri.demo.history.market import (
    Purchase,
    Visit,
    cancel_vouchers,
    issue_vouchers,
    list_lots_of,
    redeem_vouchers,
)
from bontri.demo.seed import AUTHORITY_ID, TIMEZONE
from rewards.causes import list_causes
from rewards.donations import donate_to_cause
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.offers import list_offers
from rewards.vouchers import expire_vouchers

BUYERS_PER_THOUSAND = 60
"""Citizens who spend something, by a thousand deposits with a card."""
GIVING_SHARE = 0.1
SAVING_SHARE = 0.5
"""So many of those who buy take the dearest they can have, the others anything they can have."""
CANCELLING_SHARE = 0.04
FORGETTING_SHARE = 0.05
MEAN_DAYS_TO_THE_SHOP = 4.0
MOST_DAYS_TO_THE_SHOP = 25
OPENS_AT, CLOSES_AT = datetime.time(9), datetime.time(19)
MOST_GIVEN_POINTS = 300

LIST_WALLETS = text("""
    SELECT b.badge_digest, c.wallet_id FROM badges b
      JOIN citizens c ON c.authority_id = b.authority_id AND c.citizen_id = b.citizen_id
     WHERE b.authority_id = :authority_id
""")


@dataclass(slots=True)
class Spent:
    """How many of each there were."""

    issued: int = 0
    redeemed: int = 0
    cancelled: int = 0
    expired: int = 0
    donations: int = 0


class Spending:
    """The citizens of a history as they spend their points; the same seed and deposits give the same."""

    def __init__(self, connection: Connection, keyring: Keyring, *, seed: int) -> None:
        self._connection, self._keyring = connection, keyring
        self._rng = random.Random(f"spending {seed}")  # noqa: S311 (invented, not secret)
        wallets = connection.execute(LIST_WALLETS, {"authority_id": AUTHORITY_ID}).all()
        self._wallets: dict[bytes, UUID] = {bytes(digest): wallet_id for digest, wallet_id in wallets}
        self._visits: list[Visit] = []
        self.spent = Spent()

    def go_on(self, badges: Sequence[str], now: datetime.datetime) -> None:
        """Let vouchers be used or expire that are due, and some of who made deposits with ``badges`` spend points."""
        self._end_vouchers(now)
        # The keenest come by most often: whoever was drawn twice spends once.
        drawn = self._rng.choices(badges, k=draw_buyers(self._rng, len(badges))) if badges else []
        buyers = [
            self._wallets[self._keyring.badge_digest(authority_id=AUTHORITY_ID, badge=badge)]
            for badge in dict.fromkeys(drawn)
        ]
        givers = [wallet_id for wallet_id in buyers if self._rng.random() < GIVING_SHARE]
        self._give(givers, now)
        self._buy([wallet_id for wallet_id in buyers if wallet_id not in givers], now)

    def _end_vouchers(self, now: datetime.datetime) -> None:
        due = sorted((each for each in self._visits if each.at <= now), key=lambda each: each.at)
        self._visits = [each for each in self._visits if each.at > now]
        redeemed = [each for each in due if each.shop_id is not None]
        cancelled = [each for each in due if each.shop_id is None]
        redeem_vouchers(self._connection, self._keyring, redeemed, now)
        cancel_vouchers(self._connection, cancelled, now)
        self.spent.redeemed += len(redeemed)
        self.spent.cancelled += len(cancelled)
        while expired := expire_vouchers(self._connection, authority_id=AUTHORITY_ID, now=now):
            self.spent.expired += expired

    def _give(self, wallet_ids: Sequence[UUID], now: datetime.datetime) -> None:
        causes = list_causes(self._connection, authority_id=AUTHORITY_ID)
        lots = list_lots_of(self._connection, wallet_ids, now)
        for wallet_id in wallet_ids:
            if wallet_id not in lots:
                continue
            donate_to_cause(
                self._connection,
                self._rng.choice(causes).cause_id,
                authority_id=AUTHORITY_ID,
                wallet_id=wallet_id,
                points=min(sum(lot.points for lot in lots[wallet_id]), MOST_GIVEN_POINTS),
                now=now,
            )
            self.spent.donations += 1

    def _buy(self, wallet_ids: Sequence[UUID], now: datetime.datetime) -> None:
        offers = list_offers(self._connection, authority_id=AUTHORITY_ID, now=now)
        # By price and title: ids are drawn anew in each demo.
        offers.sort(key=lambda offer: (offer.price_points, offer.title))
        lots = list_lots_of(self._connection, wallet_ids, now)
        purchases = []
        for wallet_id in wallet_ids:
            points = sum(lot.points for lot in lots.get(wallet_id, ()))
            if affordable := [offer for offer in offers if offer.price_points <= points]:
                is_saver = self._rng.random() < SAVING_SHARE
                offer = affordable[-1] if is_saver else self._rng.choice(affordable)
                purchases.append(Purchase(wallet_id, offer, new_id()))
        issue_vouchers(self._connection, self._keyring, purchases, lots, now)
        self.spent.issued += len(purchases)
        self._visits += [visit for each in purchases if (visit := draw_visit(self._rng, each, now))]


def draw_visit(rng: random.Random, purchase: Purchase, now: datetime.datetime) -> Visit | None:
    """Draw what becomes of a voucher, and when between opening and closing; None: it is forgotten."""
    fate = rng.random()
    days = min(1 + int(rng.expovariate(1 / MEAN_DAYS_TO_THE_SHOP)), MOST_DAYS_TO_THE_SHOP)
    day = now.astimezone(ZoneInfo(TIMEZONE)).date() + datetime.timedelta(days=days)
    opens_at, closes_at = (
        datetime.datetime.combine(day, hour, ZoneInfo(TIMEZONE)).astimezone(datetime.UTC)
        for hour in (OPENS_AT, CLOSES_AT)
    )
    at = opens_at + (closes_at - opens_at) * rng.random()
    if fate < FORGETTING_SHARE:
        return None
    shop_id = None if fate < FORGETTING_SHARE + CANCELLING_SHARE else purchase.offer.shop_id
    return Visit(at, purchase.voucher_id, purchase.wallet_id, shop_id)


def draw_buyers(rng: random.Random, deposits: int) -> int:
    """Draw how many want to spend something after some deposits."""
    return int(deposits * BUYERS_PER_THOUSAND / 1000 + rng.random())
