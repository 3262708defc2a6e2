"""Races of 64 for one voucher, without HTTP in between: as many transactions at once as there are tills.

Over HTTP no more meet at the database than the API has threads; here all 64 stand at the same row.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from benchmarks.tills import BenchShop
from benchmarks.town import AUTHORITY_ID
from ingest.worker import utc_now
from reliability.chaos.town import ChaosTown
from rewards.errors import RewardsError
from rewards.vouchers import VoucherAlreadyRedeemedError, issue_voucher, redeem_voucher

WAYS = 64
STARTS_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Raced:
    """Races, attempts, and races that paid another number of times than once."""

    races: int
    attempts: int
    wrong: int


def race_for_vouchers(engine: Engine, town: ChaosTown, *, races: int, tell: Callable[[int], object]) -> Raced:
    """Issue ``races`` vouchers, and let 64 tills race for each; ``tell`` is called with the number done.

    ``engine`` has the API's role and as many connections as there are tills.
    """
    wrong = 0
    with ThreadPoolExecutor(WAYS, thread_name_prefix="racer") as pool:
        for number in range(races):
            shop = town.shops[number % len(town.shops)]
            code = issue(engine, town, shop, number)
            outcomes = race(engine, pool, town, shop, code)
            wrong += outcomes != {"paid": 1, VoucherAlreadyRedeemedError.code: WAYS - 1}
            tell(number + 1)
    return Raced(races, races * WAYS, wrong)


def issue(engine: Engine, town: ChaosTown, shop: BenchShop, number: int) -> str:
    """Issue one voucher and return its code."""
    with engine.begin() as connection:
        voucher_id = issue_voucher(
            connection,
            town.keyring,
            authority_id=AUTHORITY_ID,
            wallet_id=town.wallet_ids[number % len(town.wallet_ids)],
            offer_id=shop.offer_id,
            now=utc_now(),
        )
    return town.keyring.voucher_code(voucher_id)


def race(engine: Engine, pool: ThreadPoolExecutor, town: ChaosTown, shop: BenchShop, code: str) -> Counter[str]:
    """Let all tills redeem one voucher at the same instant, each with a key of its own; count what came of it."""
    start = threading.Barrier(WAYS)

    def redeem(number: int) -> str:
        with engine.connect() as connection:
            start.wait(STARTS_WITHIN_S)
            return attempt(connection, number)

    def attempt(connection: Connection, number: int) -> str:
        try:
            redeem_voucher(
                connection,
                town.keyring,
                authority_id=AUTHORITY_ID,
                shop_id=shop.shop_id,
                code=code,
                redemption_key=f"{code}-{number}",
                now=utc_now(),
            )
        except RewardsError as refusal:
            connection.rollback()
            return refusal.code
        connection.commit()
        return "paid"

    return Counter(pool.map(redeem, range(WAYS)))
