"""A shop is paid once for each redemption: by the statement of its month, or the next, less what was taken back."""

import datetime
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from rewards.errors import RewardsError
from rewards.funders import add_funder
from rewards.ledger import Transfer, open_authority_account, record_transfers
from rewards.settlement import (
    MonthNotOverError,
    PaymentDateError,
    ShopUnknownError,
    StatementLockedError,
    StatementNumber,
    StatementStateError,
    StatementUnknownError,
    draft_statement,
    find_shop,
    list_settled_shops,
    list_statements,
    mark_paid,
    mark_sent,
)
from rewards.settlement.locking import write_lines
from rewards.shops import revoke_shop
from tests.settlement_scene import DECEMBER, IN_DECEMBER, IN_JANUARY, IN_NOVEMBER, NOVEMBER, SettlementScene

THREADS = 6


@pytest.fixture
def scene(database, keyring, now) -> SettlementScene:
    return SettlementScene(database, keyring, now)


def draft(scene: SettlementScene, month: datetime.date = NOVEMBER):
    with scene.database.engine("bontri_reader").connect() as connection:
        return draft_statement(connection, authority_id=7, shop_id=scene.town.shop.shop_id, month=month)


def test_a_locked_statement_has_a_line_for_each_redemption_and_moves_the_points(scene: SettlementScene) -> None:
    offer_id = scene.sell(value_cents=120)
    vouchers = [scene.spend(offer_id, at=IN_NOVEMBER + datetime.timedelta(minutes=each)) for each in range(3)]
    foreseen = draft(scene)
    statement = scene.locked()
    assert (str(statement.number), statement.state, statement.month) == ("2026-000001", "locked", NOVEMBER)
    assert [line.voucher_id for line in statement.lines] == vouchers
    assert (statement.points, statement.value_cents, statement.payable_cents) == (30, 360, 360)
    assert (statement.shop.name, statement.shop.address) == ("Librairie", "2 rue A\nSaint-Denis")
    assert foreseen is not None
    assert (foreseen.number, foreseen.state, foreseen.lines) == (None, "draft", statement.lines)
    assert draft(scene) is None
    assert (scene.balance(scene.town.shop.account_id), scene.settled_points()) == (0, 30)
    scene.assert_sound()


def test_each_funder_has_its_total_and_what_the_shop_gives_itself_is_not_paid(scene: SettlementScene) -> None:
    sponsor, itself = (
        scene.owner(add_funder, kind=kind, name=name) for kind, name in (("sponsor", "Verrerie"), ("shop", "Librairie"))
    )
    for funder_id, value_cents in ((None, 120), (sponsor, 200), (itself, 70), (itself, 30)):
        scene.spend(scene.sell(funder_id=funder_id, value_cents=value_cents))
    statement = scene.locked()
    totals = [
        (each.funder_kind, each.lines, each.value_cents, each.payable_cents) for each in statement.list_funder_totals()
    ]
    assert totals == [("authority", 1, 120, 120), ("sponsor", 1, 200, 200), ("shop", 2, 100, 0)]
    assert (statement.value_cents, statement.payable_cents) == (420, 320)
    scene.assert_sound()


def test_a_voucher_for_all_is_settled_to_the_shop_that_redeemed_it(scene: SettlementScene) -> None:
    scene.spend(scene.sell(shop_id=None), shop_id=scene.second_shop.shop_id)
    assert scene.lock() is None
    assert scene.locked(shop_id=scene.second_shop.shop_id).points == 10
    scene.assert_sound()


def test_a_month_that_goes_on_is_not_locked(scene: SettlementScene) -> None:
    scene.spend(scene.sell())
    midnight = datetime.datetime(2026, 11, 30, 23, 0, tzinfo=datetime.UTC)  # in Paris
    for at in (IN_NOVEMBER, midnight - datetime.timedelta(microseconds=1)):
        with pytest.raises(MonthNotOverError):
            scene.lock(at=at)
    assert draft(scene) is not None
    assert scene.locked(at=midnight).points == 10


def test_months_are_those_of_the_authority(scene: SettlementScene) -> None:
    offer_id = scene.sell()
    scene.spend(offer_id, at=datetime.datetime(2026, 11, 30, 22, 59, tzinfo=datetime.UTC))
    scene.spend(offer_id, at=datetime.datetime(2026, 11, 30, 23, 0, tzinfo=datetime.UTC))
    assert [len(scene.locked(month, at=IN_JANUARY).lines) for month in (NOVEMBER, DECEMBER)] == [1, 1]


def test_what_came_in_late_falls_into_the_next_statement(scene: SettlementScene) -> None:
    offer_id = scene.sell()
    scene.spend(offer_id)
    scene.locked()
    late = scene.spend(offer_id, at=IN_NOVEMBER)
    with pytest.raises(StatementLockedError) as refusal:
        scene.lock()
    assert refusal.value.number == "2026-000001"
    assert [line.voucher_id for line in scene.locked(DECEMBER, at=IN_JANUARY).lines] == [late]
    scene.assert_sound()


def test_numbers_have_no_gaps_and_begin_anew_each_year(scene: SettlementScene) -> None:
    offer_id = scene.sell(shop_id=None)
    scene.spend(offer_id)
    scene.spend(offer_id, shop_id=scene.second_shop.shop_id)
    scene.spend(offer_id, at=IN_DECEMBER)
    assert str(scene.locked().number) == "2026-000001"
    # Rolled back, its number goes to the next.
    with pytest.raises(StatementLockedError):
        scene.lock()
    assert str(scene.locked(shop_id=scene.second_shop.shop_id).number) == "2026-000002"
    assert str(scene.locked(DECEMBER, at=IN_JANUARY).number) == "2027-000001"
    scene.assert_sound()


def test_a_shop_that_redeemed_nothing_gets_no_statement(scene: SettlementScene) -> None:
    assert draft(scene) is None
    assert scene.lock() is None
    scene.spend(scene.sell())
    with scene.database.engine("bontri_reader").connect() as connection:
        assert list_settled_shops(connection, NOVEMBER, authority_id=7) == [scene.town.shop.shop_id]
        assert list_settled_shops(connection, datetime.date(2026, 10, 1), authority_id=7) == []
    assert str(scene.locked().number) == "2026-000001"


def test_a_shop_that_has_left_is_paid_for_what_it_gave_away(scene: SettlementScene) -> None:
    scene.spend(scene.sell())
    scene.owner(revoke_shop, shop_id=scene.town.shop.shop_id)
    assert scene.locked().payable_cents == 120


def test_a_redemption_taken_back_before_is_in_no_statement(scene: SettlementScene) -> None:
    scene.reverse(scene.spend(scene.sell()), at=IN_NOVEMBER)
    assert scene.lock() is None
    scene.assert_sound()


@pytest.mark.parametrize("is_for_all", [False, True])
def test_one_taken_back_later_is_deducted_from_the_next_statement(scene: SettlementScene, is_for_all: bool) -> None:
    before = scene.points()
    offer_id = scene.sell(**({"shop_id": None} if is_for_all else {}))
    voucher_id = scene.spend(offer_id)
    scene.locked()
    scene.reverse(voucher_id, at=IN_DECEMBER)
    # The points are home at once; the money follows.
    assert (scene.points(), scene.settled_points()) == (before, 0)
    scene.assert_sound()
    scene.spend(offer_id, at=IN_DECEMBER)
    statement = scene.locked(DECEMBER, at=IN_JANUARY)
    lines = [(line.kind, line.points, line.value_cents, line.payable_cents) for line in statement.lines]
    assert sorted(lines) == [("redemption", 10, 120, 120), ("reversal", -10, -120, -120)]
    assert (statement.points, statement.payable_cents, scene.settled_points()) == (0, 0, 10)
    scene.assert_sound()


def test_a_statement_of_nothing_but_reversals_is_a_debt_of_the_shop(scene: SettlementScene) -> None:
    voucher_id = scene.spend(scene.sell())
    scene.locked()
    scene.reverse(voucher_id, at=IN_DECEMBER)
    assert scene.locked(DECEMBER, at=IN_JANUARY).payable_cents == -120
    scene.assert_sound()


def test_a_statement_is_sent_and_then_paid_once(scene: SettlementScene) -> None:
    scene.spend(scene.sell())
    number = scene.locked().number
    assert number is not None
    at = {"authority_id": 7, "now": IN_DECEMBER}
    paid = {**at, "paid_on": IN_DECEMBER.date(), "paid_by": "ada"}
    with scene.database.engine("bontri_operator").begin() as connection:
        with pytest.raises(StatementStateError):
            mark_paid(connection, number, **paid)
        mark_sent(connection, number, **at, sent_by="ada")
        with pytest.raises(StatementStateError):
            mark_sent(connection, number, **at, sent_by="ada")
        for day in (-1, 1):
            with pytest.raises(PaymentDateError):
                mark_paid(connection, number, **{**paid, "paid_on": paid["paid_on"] + datetime.timedelta(days=day)})
        mark_paid(connection, number, **paid)
        with pytest.raises(StatementStateError):
            mark_paid(connection, number, **paid)
        with pytest.raises(StatementUnknownError):
            mark_sent(connection, StatementNumber(2026, 2), **at, sent_by="ada")
        [listed] = list_statements(connection, authority_id=7, state="paid")
    assert (listed.number, listed.shop, listed.payable_cents) == (number, "Librairie", 120)
    scene.assert_sound()


@pytest.mark.parametrize("said", ["", "2026", "2026-", "x-1", "2026-1-1", "2026-99999999999999"])
def test_what_is_no_number_names_no_statement(said: str) -> None:
    assert StatementNumber.parse("2026-1") == StatementNumber.parse("2026-000001")
    with pytest.raises(StatementUnknownError):
        StatementNumber.parse(said)


def test_a_shop_is_found_by_its_name_or_id(scene: SettlementScene) -> None:
    with scene.database.engine("bontri_reader").connect() as connection:
        assert find_shop(connection, "LIBRAIRIE", authority_id=7) == scene.town.shop.shop_id
        assert find_shop(connection, str(scene.town.shop.shop_id), authority_id=7) == scene.town.shop.shop_id
        with pytest.raises(ShopUnknownError):
            find_shop(connection, "Nobody", authority_id=7)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE settlement_lines SET value_cents = 1",
        "DELETE FROM settlement_lines",
        "UPDATE settlements SET payable_cents = 1",
        "UPDATE settlements SET month = '2026-01-01'",
        "DELETE FROM settlements",
    ],
)
def test_nobody_at_work_can_change_what_is_locked(scene: SettlementScene, statement: str) -> None:
    for role in ("bontri_api", "bontri_operator", "bontri_reader"):
        with scene.database.engine(role).connect() as connection, pytest.raises(ProgrammingError, match="denied"):
            connection.execute(text(statement))


def race(scene: SettlementScene, work: Callable[[Connection], object]) -> list[str]:
    """Let threads do the same at the same instant, each in its transaction; list what came of each, sorted."""
    start = threading.Barrier(THREADS)

    def run(_: int) -> str:
        with scene.database.engine("bontri_operator").connect() as connection:
            connection.execute(text("SELECT 1"))
            start.wait(30)
            try:
                work(connection)
            except RewardsError as refusal:
                connection.rollback()
                return refusal.code
            connection.commit()
            return "done"

    with ThreadPoolExecutor(THREADS) as pool:
        return sorted(pool.map(run, range(THREADS)))


def test_of_many_who_lock_at_once_one_does(scene: SettlementScene) -> None:
    from rewards.settlement import lock_statement

    offer_id = scene.sell()
    for _ in range(3):
        scene.spend(offer_id)
    outcomes = race(
        scene,
        lambda connection: lock_statement(
            connection,
            authority_id=7,
            shop_id=scene.town.shop.shop_id,
            month=NOVEMBER,
            locked_by="grace",
            now=IN_DECEMBER,
        ),
    )
    assert outcomes == ["done", *["statement_locked"] * (THREADS - 1)]
    assert scene.settled_points() == 30
    scene.assert_sound()


def test_control_look_then_write_pays_a_shop_for_each_who_locks(scene: SettlementScene) -> None:
    scene.spend(scene.sell())
    with scene.database.engine().begin() as connection:
        for name in (
            "settlement_lines DROP CONSTRAINT uq_settlement_lines_authority_id_voucher_id_kind",
            "settlements DROP CONSTRAINT uq_settlements_authority_id_shop_id_month",
            "accounts DROP CONSTRAINT ck_accounts_no_overdraft",
        ):
            connection.execute(text(f"ALTER TABLE {name}"))
    looked = threading.Barrier(THREADS)
    numbers = iter(range(1, THREADS + 1))

    def look_then_write(connection: Connection) -> None:
        found = draft_statement(connection, authority_id=7, shop_id=scene.town.shop.shop_id, month=NOVEMBER)
        looked.wait(30)
        assert found is not None
        settlement_id = connection.scalar(
            text(
                "INSERT INTO settlements SELECT 7, gen_random_uuid(), :shop_id, '2026-11-01', 2026, :number, 's', '',"
                " 'a', '', 10, 120, 120, :now, 'x', 'locked' RETURNING settlement_id"
            ),
            {"shop_id": found.shop_id, "number": next(numbers), "now": IN_DECEMBER},
        )
        write_lines(connection, found.lines, settlement_id, authority_id=7)
        settled = open_authority_account(connection, "settled", authority_id=7, now=IN_DECEMBER)
        moved = Transfer(scene.town.shop.account_id, settled, 10, reason="settlement", cause_id=settlement_id)
        record_transfers(connection, [moved], authority_id=7, now=IN_DECEMBER)

    assert race(scene, look_then_write) == ["done"] * THREADS
    assert scene.settled_points() == 10 * THREADS


def test_reversals_beside_a_locker_are_deducted_or_never_settled(scene: SettlementScene) -> None:
    offer_id = scene.sell(price_points=5)
    vouchers = [scene.spend(offer_id) for _ in range(8)]
    start = threading.Barrier(5)

    def reverse(number: int) -> None:
        start.wait(30)
        scene.reverse(vouchers[number], at=IN_DECEMBER)

    def lock(_: int) -> None:
        start.wait(30)
        scene.locked()

    with ThreadPoolExecutor(5) as pool:
        [done.result(30) for done in [pool.submit(lock, 0), *(pool.submit(reverse, each) for each in range(4))]]
    scene.assert_sound()
    scene.lock(DECEMBER, at=IN_JANUARY)
    with scene.database.engine().connect() as connection:
        settled = connection.scalar(text("SELECT sum(points) FROM settlement_lines"))
    assert settled == 20
    scene.assert_sound()


def test_a_voucher_can_have_one_line_of_a_kind(scene: SettlementScene) -> None:
    scene.spend(scene.sell())
    statement = scene.locked()
    with scene.database.engine().connect() as connection, pytest.raises(IntegrityError, match="voucher_id_kind"):
        connection.execute(
            text(
                "INSERT INTO settlement_lines SELECT authority_id, settlement_id, 2, kind, voucher_id, occurred_at,"
                " title, points, value_cents, payable_cents, funder_id, funder_kind, funder_name FROM settlement_lines"
            )
        )
    assert asdict(statement.lines[0])["title"] == "Un pain"
