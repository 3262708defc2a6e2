"""What the citizens of the simulated year do with points: vouchers bought, redeemed, cancelled, left to expire; gifts.

Through the functions behind the app and the till, on the year's own clock. How many there are is invented.
"""

import datetime
import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from bontri.demo.seed import AUTHORITY_ID, SLUG
from rewards.causes import list_causes
from rewards.donations import donate_to_cause
from rewards.keyring import Keyring
from rewards.offers import list_offers
from rewards.vouchers import cancel_voucher, expire_vouchers, issue_voucher, redeem_voucher, voucher_text
from rewards.wallets import get_wallet

BUYERS_PER_THOUSAND = 7
"""Citizens who spend something, by a thousand deposits."""
GIVING_SHARE = 0.15
CANCELLING_SHARE = 0.06
FORGETTING_SHARE = 0.09
MEAN_DAYS_TO_THE_SHOP = 5.0
MOST_GIVEN_POINTS = 300

LIST_WALLETS = text("""
    SELECT b.badge_digest, c.wallet_id FROM badges b
      JOIN citizens c ON c.authority_id = b.authority_id AND c.citizen_id = b.citizen_id
     WHERE b.authority_id = :authority_id
""")


@dataclass(frozen=True, slots=True)
class Visit:
    """What will become of a voucher: redeemed at a shop or, without one, cancelled."""

    at: datetime.datetime
    voucher_id: UUID
    wallet_id: UUID
    shop_id: UUID | None


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
        due = sorted((each for each in self._visits if each.at <= now), key=lambda each: each.at)
        self._visits = [each for each in self._visits if each.at > now]
        for visit in due:
            self._visit(visit)
        while expired := expire_vouchers(self._connection, authority_id=AUTHORITY_ID, now=now):
            self.spent.expired += expired
        offers = list_offers(self._connection, authority_id=AUTHORITY_ID, now=now)
        causes = list_causes(self._connection, authority_id=AUTHORITY_ID)
        # The keenest come by most often: whoever was drawn twice spends once.
        drawn = self._rng.choices(badges, k=draw_buyers(self._rng, len(badges))) if badges else []
        for badge in dict.fromkeys(drawn):
            wallet_id = self._wallets[self._keyring.badge_digest(authority_id=AUTHORITY_ID, badge=badge)]
            wallet = get_wallet(self._connection, authority_id=AUTHORITY_ID, wallet_id=wallet_id, now=now)
            if self._rng.random() < GIVING_SHARE:
                points = min(wallet.points, MOST_GIVEN_POINTS)
                if points and causes:
                    self._give(wallet_id, points, self._rng.choice(causes).cause_id, now)
                continue
            affordable = sorted(
                (offer.price_points, offer.title, offer.offer_id, offer.shop_id)
                for offer in offers
                if offer.price_points <= wallet.points and offer.shop_id is not None
            )
            if affordable:
                *_, offer_id, shop_id = self._rng.choice(affordable)
                self._buy(wallet_id, offer_id, shop_id, now)

    def _give(self, wallet_id: UUID, points: int, cause_id: UUID, now: datetime.datetime) -> None:
        donate_to_cause(
            self._connection, cause_id, authority_id=AUTHORITY_ID, wallet_id=wallet_id, points=points, now=now
        )
        self.spent.donations += 1

    def _buy(self, wallet_id: UUID, offer_id: UUID, shop_id: UUID, now: datetime.datetime) -> None:
        voucher_id = issue_voucher(
            self._connection,
            self._keyring,
            authority_id=AUTHORITY_ID,
            wallet_id=wallet_id,
            offer_id=offer_id,
            now=now,
        )
        self.spent.issued += 1
        fate = self._rng.random()
        at = now + datetime.timedelta(days=min(self._rng.expovariate(1 / MEAN_DAYS_TO_THE_SHOP), 25))
        if fate < CANCELLING_SHARE:
            self._visits.append(Visit(at, voucher_id, wallet_id, None))
        elif fate > CANCELLING_SHARE + FORGETTING_SHARE:
            self._visits.append(Visit(at, voucher_id, wallet_id, shop_id))

    def _visit(self, visit: Visit) -> None:
        if visit.shop_id is None:
            cancel_voucher(
                self._connection,
                authority_id=AUTHORITY_ID,
                wallet_id=visit.wallet_id,
                voucher_id=visit.voucher_id,
                now=visit.at,
            )
            self.spent.cancelled += 1
            return
        redeem_voucher(
            self._connection,
            self._keyring,
            authority_id=AUTHORITY_ID,
            shop_id=visit.shop_id,
            code=voucher_text(self._keyring, authority=SLUG, voucher_id=visit.voucher_id),
            redemption_key=f"simulated-{visit.voucher_id}",
            now=visit.at,
        )
        self.spent.redeemed += 1


def draw_buyers(rng: random.Random, deposits: int) -> int:
    """Draw how many want to spend something after some deposits."""
    return int(deposits * BUYERS_PER_THOUSAND / 1000 + rng.random())
