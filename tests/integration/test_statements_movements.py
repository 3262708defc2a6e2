"""The statement tells every movement, newest first, and sums to what the wallet holds."""

import datetime
from zoneinfo import ZoneInfo

import pytest

from rewards.explanations import DepositExplanation
from rewards.statements import explain, list_movements
from rewards.vouchers import cancel_voucher, expire_vouchers, issue_voucher, redeem_voucher
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import build_citizen, build_town, deposit

PARIS = ZoneInfo("Europe/Paris")
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def connection(database: Database):
    with database.engine().connect() as connection:
        yield connection


def test_statement_of_all_kinds_of_movements_sums_to_the_balance(connection, keyring, now):
    town = build_town(connection, keyring, day_cap_points=40)
    citizen = build_citizen(connection, town, badge="B")
    tenant = {"authority_id": town.authority_id}
    own = {**tenant, "wallet_id": citizen.wallet_id}
    for hour, items in enumerate((15, 30, 5)):
        deposit(connection, town, badge="B", items=items, now=now + hour * HOUR)
    issued = [
        issue_voucher(connection, keyring, **own, offer_id=town.offer_id, now=now + (3 + no) * HOUR) for no in range(3)
    ]
    cancel_voucher(connection, **own, voucher_id=issued[0], now=now + 6 * HOUR)
    redeem_voucher(
        connection,
        keyring,
        **tenant,
        shop_id=town.shop.shop_id,
        code=keyring.voucher_code(issued[1]),
        redemption_key="k",
        now=now + 7 * HOUR,
    )
    end = now + datetime.timedelta(days=31)
    expire_vouchers(connection, **tenant, now=end)
    movements = list_movements(connection, **own, timezone=PARIS)
    assert [(movement.kind, movement.points) for movement in movements] == [
        ("voucher_expired", 10),
        ("voucher_redeemed", 0),
        ("voucher_cancelled", 10),
        ("voucher_issued", -10),
        ("voucher_issued", -10),
        ("voucher_issued", -10),
        ("deposit_capped", 0),
        ("deposit", 25),
        ("deposit", 15),
    ]
    assert sum(movement.points for movement in movements) == get_wallet(connection, **own, now=end).points == 30
    sentences = [explain(movement, timezone=PARIS, language="en") for movement in movements]
    assert sentences[0] == "Voucher “Un carnet” at Librairie expired: 10 points returned"
    assert sentences[6] == "5 items of glass × 1 point = 5 points; daily cap: 5 points withheld"
    assert sentences[7] == "30 items of glass × 1 point = 30 points; daily cap: 5 points withheld"
    pages, after = [], None
    while page := list_movements(connection, **own, timezone=PARIS, after=after, limit=2):
        pages += page
        after = page[-1].position
    assert pages == movements


def test_voucher_held_in_two_lots_is_one_movement(connection, keyring, now):
    town = build_town(connection, keyring)
    citizen = build_citizen(connection, town, badge="B")
    later = now + datetime.timedelta(days=40)
    deposit(connection, town, badge="B", items=6, now=now)
    deposit(connection, town, badge="B", items=6, now=later)
    own = {"authority_id": town.authority_id, "wallet_id": citizen.wallet_id}
    issue_voucher(connection, keyring, **own, offer_id=town.offer_id, now=later + HOUR)
    assert [each.points for each in list_movements(connection, **own, timezone=PARIS)] == [-10, 6, 6]


def test_late_deposit_says_so_by_the_days_of_the_authority(connection, keyring, now):
    town = build_town(connection, keyring)
    citizen = build_citizen(connection, town, badge="B")
    # 23:30 UTC on the 20th is the 21st in Paris already: not late.
    for occurred_at in (datetime.datetime(2026, 11, day, 23, 30, tzinfo=datetime.UTC) for day in (19, 20)):
        deposit(connection, town, badge="B", now=now, occurred_at=occurred_at)
    own = {"authority_id": town.authority_id, "wallet_id": citizen.wallet_id}
    movements = {
        movement.explanation.occurred_at.day: movement for movement in list_movements(connection, **own, timezone=PARIS)
    }
    assert isinstance(movements[19].explanation, DepositExplanation)
    assert [movements[day].explanation.is_late for day in (19, 20)] == [True, False]
    assert (
        explain(movements[19], timezone=PARIS, language="fr")
        == "1 verre × 1 point = 1 point ; dépôt du 20 novembre 2026, enregistré le 21 novembre 2026"
    )
