"""What vouchers cost a funder in a year stays within its budget, whoever buys at once; what is not used comes back."""

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from rewards.funders import FunderUnknownError, add_funder, get_funder_id
from rewards.offers import (
    BudgetBelowCommittedError,
    FunderBudgetSpentError,
    change_budget,
    give_back_to_budgets,
    list_budgets,
)
from rewards.vouchers import expire_vouchers
from tests.ingest_scene import scalar, wait_until
from tests.settlement_scene import IN_DECEMBER, IN_JANUARY, SettlementScene

THREADS = 6
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def scene(database, keyring, now) -> SettlementScene:
    return SettlementScene(database, keyring, now)


@pytest.fixture
def sponsor(scene: SettlementScene) -> UUID:
    """A sponsor who gives 250 cents in 2026."""
    funder_id: UUID = scene.owner(add_funder, kind="sponsor", name="Verrerie")
    give(scene, funder_id, 250)
    return funder_id


def give(scene: SettlementScene, funder_id: UUID, budget_cents: int) -> None:
    with scene.database.engine("bontri_operator").begin() as connection:
        change_budget(connection, funder_id, authority_id=7, year=2026, budget_cents=budget_cents)


def budget(scene: SettlementScene, name: str = "Verrerie") -> tuple[int | None, int | None]:
    """Return what is committed of the funder's budget, and what of that is redeemed."""
    with scene.database.engine("bontri_reader").connect() as connection:
        [found] = [each for each in list_budgets(connection, authority_id=7) if each.name == name]
    return found.committed_cents, found.redeemed_cents


def test_vouchers_stop_where_the_budget_ends(scene: SettlementScene, sponsor: UUID) -> None:
    offer_id = scene.sell(funder_id=sponsor, value_cents=120, stock=5)
    before = scene.points()
    first = scene.buy(offer_id)
    scene.redeem(first, scene.town.shop.shop_id)
    scene.buy(offer_id)
    assert budget(scene) == (240, 120)
    assert "Un pain" not in scene.on_sale()
    with pytest.raises(FunderBudgetSpentError):
        scene.buy(offer_id)
    assert (scene.points(), budget(scene)) == (before - 20, (240, 120))
    # The refused one has taken nothing of the stock either.
    with scene.database.engine().connect() as connection:
        assert connection.scalar(text("SELECT sold FROM offers WHERE stock = 5")) == 2
    # Other funders' offers are sold as before.
    scene.buy(scene.sell())
    scene.assert_sound()


def test_what_is_cancelled_expires_or_is_taken_back_can_be_spent_again(scene: SettlementScene, sponsor: UUID) -> None:
    offer_id = scene.sell(funder_id=sponsor, value_cents=120)
    scene.cancel(scene.buy(offer_id))
    assert budget(scene) == (0, 0)
    scene.reverse(scene.spend(offer_id), at=IN_DECEMBER)
    assert budget(scene) == (0, 0)
    scene.buy(offer_id)
    with scene.database.engine("bontri_api").begin() as connection:
        assert expire_vouchers(connection, authority_id=7, now=IN_JANUARY) == 1
    assert budget(scene) == (0, 0)
    scene.assert_sound()


def test_a_voucher_counts_in_the_year_it_was_bought(scene: SettlementScene, sponsor: UUID) -> None:
    offer_id = scene.sell(funder_id=sponsor, value_cents=120)
    last_minute = datetime.datetime(2026, 12, 31, 22, 59, tzinfo=datetime.UTC)
    scene.buy(offer_id, at=last_minute)
    # In Paris it is the next year, for which no budget was given.
    scene.buy(offer_id, at=last_minute + datetime.timedelta(minutes=1))
    assert budget(scene) == (120, 0)
    scene.assert_sound()


def test_what_was_bought_before_counts_in_a_budget_given_later(scene: SettlementScene) -> None:
    with scene.database.engine("bontri_reader").connect() as connection:
        authority = get_funder_id(connection, "Plaine-Commune", authority_id=7)
        with pytest.raises(FunderUnknownError):
            get_funder_id(connection, "Nobody", authority_id=7)
    offer_id = scene.sell(value_cents=120)
    scene.cancel(scene.buy(offer_id))
    scene.spend(offer_id)
    scene.buy(offer_id)
    with pytest.raises(BudgetBelowCommittedError):
        give(scene, authority, 239)
    assert budget(scene, "Plaine-Commune") == (None, None)
    give(scene, authority, 240)
    give(scene, authority, 360)
    assert budget(scene, "Plaine-Commune") == (240, 120)
    scene.buy(offer_id)
    with pytest.raises(FunderBudgetSpentError):
        scene.buy(offer_id)
    scene.assert_sound()


def test_of_many_who_buy_at_once_as_many_do_as_the_budget_pays_for(scene: SettlementScene, sponsor: UUID) -> None:
    assert race(scene, scene.sell(funder_id=sponsor, value_cents=120)) == 2
    assert budget(scene) == (240, 0)
    scene.assert_sound()


def test_control_without_the_guard_more_is_sold_than_is_paid_for(
    scene: SettlementScene, sponsor: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded = (
        "UPDATE funder_budgets SET committed_cents = committed_cents + :value_cents"
        " WHERE authority_id = :authority_id AND funder_id = :funder_id AND year = :year"
    )
    monkeypatch.setattr("rewards.offers.budgets.SPEND", text(unguarded))
    with scene.database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE funder_budgets DROP CONSTRAINT ck_funder_budgets_committed_within_budget"))
    assert race(scene, scene.sell(funder_id=sponsor, value_cents=120)) == THREADS
    assert budget(scene) == (120 * THREADS, 0)


def give_while_vouchers_end(scene: SettlementScene, sponsor: UUID) -> None:
    """Give another budget while somebody ends two vouchers, one of which it has yet to count."""
    offer_id = scene.sell(funder_id=sponsor, value_cents=100)
    uncounted, counted = scene.buy(offer_id), scene.buy(offer_id)
    with scene.database.engine().begin() as connection:
        forget = text("UPDATE vouchers SET budget_year = NULL WHERE authority_id = 7 AND voucher_id = :voucher_id")
        connection.execute(forget, {"voucher_id": uncounted})
    with ThreadPoolExecutor(1) as pool, scene.database.engine("bontri_api").begin() as ending:
        hold = text("SELECT voucher_id FROM vouchers WHERE authority_id = 7 ORDER BY voucher_id FOR UPDATE")
        ending.execute(hold).all()
        giving = pool.submit(give, scene, sponsor, 500)
        wait_until(lambda: scalar(scene.database, WAITING) == 1)
        give_back_to_budgets(ending, [counted], authority_id=7)
        ending.commit()
        giving.result(30)


def test_a_budget_is_given_while_vouchers_end(scene: SettlementScene, sponsor: UUID) -> None:
    give_while_vouchers_end(scene, sponsor)


def test_control_a_budget_taken_before_its_vouchers_meets_them_in_a_deadlock(
    scene: SettlementScene, sponsor: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewards.offers.budgets.LOCK_ADOPTED", text("SELECT 1"))
    with pytest.raises(OperationalError, match="deadlock"):
        give_while_vouchers_end(scene, sponsor)


def race(scene: SettlementScene, offer_id: UUID) -> int:
    """Let several buy at the same instant; return how many could."""
    start = threading.Barrier(THREADS)

    def buy(number: int) -> bool:
        start.wait(30)
        try:
            scene.buy(offer_id, citizen=(scene.citizen, scene.other)[number % 2])
        except FunderBudgetSpentError:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(buy, range(THREADS)))
