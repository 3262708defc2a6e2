"""Many at once: a voucher is redeemed once, a wallet is spent once. Controls without the guard show the damage."""

import datetime
import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text

from rewards.database import open_engine
from rewards.errors import RewardsError
from rewards.keyring import Keyring
from rewards.ledger import Transfer, record_transfers
from rewards.vouchers import cancel_voucher, expire_vouchers, issue_voucher, redeem_voucher
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import Town, build_holder, build_town
from tests.races import race

THREADS = 16
ROUNDS = int(os.environ.get("BONTRI_RACE_ROUNDS", "12"))
AUTHORITY = 7


@pytest.fixture
def engine(database: Database):
    engine = open_engine(database.url, role="bontri_api", pool_size=THREADS, authority_id=7)
    yield engine
    engine.dispose()


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring, authority_id=AUTHORITY)


def shop_points(engine: Engine, town: Town) -> int:
    with engine.connect() as connection:
        return connection.scalars(
            text("SELECT credits_posted FROM accounts WHERE account_id = :id"), {"id": town.shop.account_id}
        ).one()


def test_voucher_raced_for_by_many_tills_is_redeemed_once(database: Database, engine, town: Town, keyring, now):
    with database.engine().begin() as connection:
        holder = build_holder(connection, town, points=10 * ROUNDS, now=now)
    for round_no in range(1, ROUNDS + 1):
        with engine.begin() as connection:
            voucher_id = issue_voucher(
                connection,
                keyring,
                authority_id=AUTHORITY,
                wallet_id=holder.wallet_id,
                offer_id=town.offer_id,
                now=now,
            )

        def redeem(connection: Connection, number: int, voucher_id=voucher_id) -> object:
            return redeem_voucher(
                connection,
                keyring,
                authority_id=AUTHORITY,
                shop_id=town.shop.shop_id,
                code=keyring.voucher_code(voucher_id),
                redemption_key=f"{voucher_id}-{number}",
                now=now,
            )

        assert race(engine, redeem, THREADS) == {"done": 1, "voucher_already_redeemed": THREADS - 1}
        assert shop_points(engine, town) == 10 * round_no


def test_control_look_then_write_pays_a_voucher_more_than_once(database: Database, engine, town: Town, keyring, now):
    with database.engine().begin() as connection:
        holder = build_holder(connection, town, points=10, now=now)
        voucher_id = issue_voucher(
            connection, keyring, authority_id=AUTHORITY, wallet_id=holder.wallet_id, offer_id=town.offer_id, now=now
        )
        issuing = connection.scalars(text("SELECT issuing_account_id FROM bins LIMIT 1")).one()
    everyone_looked = threading.Barrier(THREADS)

    def look_then_write(connection: Connection, number: int) -> None:
        status = connection.scalars(text("SELECT status FROM vouchers WHERE voucher_id = :id"), {"id": voucher_id})
        is_good = status.one() == "issued"
        everyone_looked.wait(30)
        if is_good:
            connection.execute(
                text("""UPDATE vouchers SET status = 'redeemed', ended_at = :now, redemption_key = :key,
                        redeemed_by_shop_id = shop_id
                         WHERE voucher_id = :id"""),
                {"id": voucher_id, "now": now, "key": str(number)},
            )
            paid = [Transfer(issuing, town.shop.account_id, 10, reason="adjustment")]
            record_transfers(connection, paid, authority_id=AUTHORITY, now=now)

    assert race(engine, look_then_write, THREADS) == {"done": THREADS}
    assert shop_points(engine, town) == 10 * THREADS


def test_wallet_raced_for_is_not_overspent(database: Database, engine, town: Town, keyring, now):
    for _ in range(ROUNDS):
        with database.engine().begin() as connection:
            holder = build_holder(connection, town, points=25, now=now)

        def buy(connection: Connection, _: int, holder=holder) -> object:
            return issue_voucher(
                connection,
                keyring,
                authority_id=AUTHORITY,
                wallet_id=holder.wallet_id,
                offer_id=town.offer_id,
                now=now,
            )

        assert race(engine, buy, THREADS) == {"done": 2, "points_insufficient": THREADS - 2}
        with engine.connect() as connection:
            wallet = get_wallet(connection, authority_id=AUTHORITY, wallet_id=holder.wallet_id, now=now)
        assert (wallet.points, wallet.pending_points) == (5, 20)


@pytest.mark.parametrize(("has_check", "spent"), [(True, 20), (False, 10 * THREADS)])
def test_control_without_the_lock_the_check_alone_forbids_overspending(
    database: Database, engine, town: Town, now, *, has_check: bool, spent: int
):
    with database.engine().begin() as connection:
        holder = build_holder(connection, town, points=25, now=now)
        if not has_check:
            connection.execute(text("ALTER TABLE accounts DROP CONSTRAINT ck_accounts_no_overdraft"))
    everyone_looked = threading.Barrier(THREADS)

    def look_then_hold(connection: Connection, _: int) -> None:
        wallet = get_wallet(connection, authority_id=AUTHORITY, wallet_id=holder.wallet_id, now=now)
        everyone_looked.wait(30)
        if wallet.points >= 10:
            hold = Transfer(wallet.lots[0].account_id, town.shop.account_id, 10, "pending", reason="adjustment")
            record_transfers(connection, [hold], authority_id=AUTHORITY, now=now)

    race(engine, look_then_hold, THREADS)
    with engine.connect() as connection:
        wallet = get_wallet(connection, authority_id=AUTHORITY, wallet_id=holder.wallet_id, now=now)
    assert wallet.pending_points == spent


def test_all_kinds_of_work_at_once_neither_deadlock_nor_lose_a_point(
    database: Database, engine, town: Town, keyring, now
):
    with database.engine().begin() as connection:
        holders = [build_holder(connection, town, points=200, now=now) for _ in range(3)]
    tenant = {"authority_id": AUTHORITY}
    issued: list[tuple[object, object]] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        for step in range(25):
            wallet_id = chance.choice(holders).wallet_id
            at = now + chance.choice([0, 0, 0, 31]) * datetime.timedelta(days=1)
            try:
                with engine.begin() as connection:
                    kind = chance.choice(("issue", "issue", "redeem", "cancel", "expire"))
                    if kind == "issue":
                        facts = {**tenant, "wallet_id": wallet_id, "offer_id": town.offer_id, "now": now}
                        issued.append((wallet_id, issue_voucher(connection, keyring, **facts)))
                    elif kind == "expire":
                        expire_vouchers(connection, **tenant, now=at, limit=3)
                    elif issued:
                        owner, voucher_id = chance.choice(issued)
                        if kind == "cancel":
                            cancel_voucher(connection, **tenant, wallet_id=owner, voucher_id=voucher_id, now=at)
                        else:
                            code = keyring.voucher_code(voucher_id)
                            facts = {**tenant, "shop_id": town.shop.shop_id, "code": code, "now": at}
                            redeem_voucher(connection, keyring, **facts, redemption_key=f"{number}-{step}")
            except RewardsError:
                pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    with engine.connect() as connection:
        wallets = [get_wallet(connection, **tenant, wallet_id=each.wallet_id, now=now) for each in holders]
        statuses = Counter(connection.scalars(text("SELECT status FROM vouchers")))
        endings = connection.execute(
            text("""SELECT v.status, t.phase, count(*) FROM vouchers v
                      JOIN transfers t ON t.voucher_id = v.voucher_id AND t.phase IN ('post', 'void') GROUP BY 1, 2""")
        ).all()
    assert sum(wallet.points + wallet.pending_points for wallet in wallets) + shop_points(engine, town) == 600
    assert sum(wallet.pending_points for wallet in wallets) == 10 * statuses["issued"]
    assert shop_points(engine, town) == 10 * statuses["redeemed"]
    phase_of = {"redeemed": "post", "cancelled": "void", "expired": "void"}
    assert {(status, phase): count for status, phase, count in endings} == {
        (status, phase_of[status]): count for status, count in statuses.items() if status != "issued"
    }
    assert len(statuses) > 2
