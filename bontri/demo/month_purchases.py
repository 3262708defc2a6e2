"""Vouchers bought and redeemed in a simulated month, so that its shops have something to be paid for.

Through the functions behind the app and the till, on the month's own clock. How many there are is invented.
"""

import datetime
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from bontri.demo.seed import AUTHORITY_ID, SLUG
from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.offers import Offer, list_offers
from rewards.vouchers import issue_voucher, redeem_voucher, voucher_text
from rewards.wallets import get_wallet

SHOPPERS = 6
"""Wallets that look for something after each batch of deposits; with 400 deposits a day that is some 30 hours."""
TO_THE_SHOP = datetime.timedelta(hours=1)

LIST_WALLETS = text("""
    SELECT DISTINCT wallet_id FROM citizens WHERE authority_id = :authority_id AND state = 'active' ORDER BY wallet_id
""")


class Shoppers:
    """The citizens of the demo, as they spend their points."""

    def __init__(self, engine: Engine, keyring: Keyring, *, seed: str) -> None:
        self._engine, self._keyring = engine, keyring
        self._rng = random.Random(seed)  # noqa: S311 (invented, not secret)
        with engine.connect() as connection:
            self._wallet_ids = connection.scalars(LIST_WALLETS, {"authority_id": AUTHORITY_ID}).all()

    def go_shopping(self, now: datetime.datetime) -> int:
        """Let some citizens buy what they can afford and redeem it an hour later; return how many did."""
        wallet_ids = self._rng.sample(self._wallet_ids, min(SHOPPERS, len(self._wallet_ids)))
        with self._engine.begin() as connection:
            offers = list_offers(connection, authority_id=AUTHORITY_ID, now=now)
            return sum(self._buy(connection, wallet_id, offers, now) for wallet_id in wallet_ids)

    def _buy(self, connection: Connection, wallet_id: UUID, offers: Sequence[Offer], now: datetime.datetime) -> bool:
        free_points = get_wallet(connection, authority_id=AUTHORITY_ID, wallet_id=wallet_id, now=now).points
        affordable = [
            (offer.offer_id, offer.shop_id)
            for offer in offers
            if offer.shop_id is not None and offer.price_points <= free_points
        ]
        if not affordable:
            return False
        offer_id, shop_id = self._rng.choice(affordable)
        tenant: dict[str, Any] = {"authority_id": AUTHORITY_ID}
        try:
            with connection.begin_nested():
                voucher_id = issue_voucher(
                    connection, self._keyring, **tenant, wallet_id=wallet_id, offer_id=offer_id, now=now
                )
                redeem_voucher(
                    connection,
                    self._keyring,
                    **tenant,
                    shop_id=shop_id,
                    code=voucher_text(self._keyring, authority=SLUG, voucher_id=voucher_id),
                    redemption_key=f"simulated-{new_id()}",
                    now=now + TO_THE_SHOP,
                )
        except RewardsError:
            # A limit of the offer, or of who pays for it: whoever changed the demo meant that.
            return False
        return True
