"""Races of 64 for one scarce thing, without HTTP in between: as many transactions at once as there are tills.

Over HTTP no more meet at the database than the API has threads; here all 64 stand at the same row: a voucher to be
redeemed, the last one of an offer's stock, a shop's tries of typed codes.
"""

import datetime
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from benchmarks.tills import PRICE_POINTS, BenchShop
from benchmarks.town import AUTHORITY_ID
from ingest.worker import utc_now
from reliability.chaos.town import ChaosTown
from rewards.database import open_engine
from rewards.errors import RewardsError
from rewards.offers import OfferSoldOutError, OfferTerms, put_on_sale
from rewards.vouchers import (
    Redemption,
    ShortCodeLockedError,
    VoucherAlreadyRedeemedError,
    issue_voucher,
    redeem_voucher,
    take_try,
)
from rewards.vouchers.short_codes import TRIES

WAYS = 64
STARTS_WITHIN_S = 30.0
WON = "won"

Attempt = Callable[[Connection, int], object]
"""What each of the 64 does in a transaction of its own; its number is given."""


@dataclass(frozen=True, slots=True)
class Raced:
    """Races, attempts, and races that had other winners or losers than there must be."""

    races: int
    attempts: int
    wrong: int


def open_racers(database_url: str) -> Engine:
    """Return an engine with the API's role and a connection for each of the 64."""
    return open_engine(database_url, role="bontri_api", pool_size=WAYS, authority_id=AUTHORITY_ID)


def race_for_vouchers(
    engine: Engine,
    town: ChaosTown,
    *,
    races: int,
    tell: Callable[[int], object],
    redeem: Callable[..., Redemption] = redeem_voucher,
) -> Raced:
    """Issue ``races`` vouchers, and let 64 tills race for each; ``tell`` is called with the number done.

    ``engine`` has the API's role and as many connections as there are tills. ``redeem`` is another's for controls.
    """

    def prepare(number: int) -> Attempt:
        shop = town.shops[number % len(town.shops)]
        code = issue(engine, town, shop, number)

        def attempt(connection: Connection, till: int) -> None:
            redeem(
                connection,
                town.keyring,
                authority_id=AUTHORITY_ID,
                shop_id=shop.shop_id,
                code=code,
                redemption_key=f"{code}-{till}",
                now=utc_now(),
            )

        return attempt

    return hold_races(engine, prepare, {WON: 1, VoucherAlreadyRedeemedError.code: WAYS - 1}, races=races, tell=tell)


def race_for_stock(
    engine: Engine, owner: Engine, town: ChaosTown, *, races: int, tell: Callable[[int], object]
) -> Raced:
    """Put ``races`` offers on sale with one voucher each in stock, and let 64 buyers race for it.

    ``owner`` puts them on sale, which no buyer may.
    """

    def prepare(number: int) -> Attempt:
        shop = town.shops[number % len(town.shops)]
        with owner.begin() as connection:
            terms = OfferTerms("The last one", PRICE_POINTS, 100, shop.shop_id, stock=1)
            offer_id = put_on_sale(connection, terms, authority_id=AUTHORITY_ID)

        def attempt(connection: Connection, buyer: int) -> None:
            issue_voucher(
                connection,
                town.keyring,
                authority_id=AUTHORITY_ID,
                wallet_id=town.wallet_ids[buyer % len(town.wallet_ids)],
                offer_id=offer_id,
                now=utc_now(),
            )

        return attempt

    return hold_races(engine, prepare, {WON: 1, OfferSoldOutError.code: WAYS - 1}, races=races, tell=tell)


def race_for_tries(engine: Engine, town: ChaosTown, *, races: int, tell: Callable[[int], object]) -> Raced:
    """Let 64 typed codes race for a shop's five tries; each race is a window of its own on the clock."""
    began_at = utc_now()

    def prepare(number: int) -> Attempt:
        shop, now = (
            town.shops[number % len(town.shops)],
            began_at + number * (TRIES.window + datetime.timedelta(seconds=1)),
        )

        def attempt(connection: Connection, _: int) -> None:
            take_try(connection, authority_id=AUTHORITY_ID, shop_id=shop.shop_id, now=now)

        return attempt

    outcomes = {WON: TRIES.most, ShortCodeLockedError.code: WAYS - TRIES.most}
    return hold_races(engine, prepare, outcomes, races=races, tell=tell)


def hold_races(
    engine: Engine,
    prepare: Callable[[int], Attempt],
    expected: Mapping[str, int],
    *,
    races: int,
    tell: Callable[[int], object],
) -> Raced:
    """Prepare and hold one race after the other; count those that came to something else than ``expected``."""
    wrong = 0
    with ThreadPoolExecutor(WAYS, thread_name_prefix="racer") as pool:
        for number in range(races):
            wrong += race(engine, pool, prepare(number)) != expected
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


def race(engine: Engine, pool: ThreadPoolExecutor, attempt: Attempt) -> Counter[str]:
    """Let 64 attempt the same at the same instant; count what came of it: won, or the code of the refusal."""
    start = threading.Barrier(WAYS)

    def run(number: int) -> str:
        with engine.connect() as connection:
            start.wait(STARTS_WITHIN_S)
            try:
                attempt(connection, number)
            except RewardsError as refusal:
                connection.rollback()
                return refusal.code
            connection.commit()
            return WON

    return Counter(pool.map(run, range(WAYS)))
