"""What a worker remembers between batches: forgotten in time, and never believed against the database."""

import datetime
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ingest.directory import REMEMBERED_S
from ingest.pipeline import Pipeline
from rewards.badges import announce_holders_change
from rewards.households import merge_wallets
from rewards.keyring import Keyring
from rewards.memory import MOST_REMEMBERED, Memory, Recollection
from rewards.pipelining import RowsMissingError
from rewards.rules import find_rules
from rewards.verify import verify
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import scalar, wait_until
from tests.speaker import Speaker, deposit, read, tell

BADGE = "04A2B9C1"


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        build_citizen(connection, town, badge=BADGE)
    return town


@pytest.fixture
def pipeline(database: Database, keyring: Keyring) -> Pipeline:
    return Pipeline(database.engine("bontri_ingest"), keyring)


@pytest.fixture
def report(pipeline: Pipeline, town: Town, keyring: Keyring, now: datetime.datetime) -> Callable[[], str]:
    """Report one deposit of the badge; return what the receipt says of it."""
    speaker, seqs = Speaker(keyring, town.slug, town.bin_ids[0]), iter(range(1, 10_000))

    def report_one() -> str:
        message = speaker.events(now, deposit(next(seqs), now, badge=BADGE))
        [receipt] = tell(pipeline, [message], now=now)
        return str(read(receipt)["results"][0]["state"])

    return report_one


def block_badges(database: Database, town: Town, *, is_announced: bool) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE badges SET state = 'blocked'"))
        if is_announced:
            announce_holders_change(connection, authority_id=town.authority_id)


def test_a_blocked_badge_earns_nothing_from_a_second_later_on(
    database: Database, town: Town, report: Callable[[], str]
) -> None:
    assert report() == "credited"
    block_badges(database, town, is_announced=True)
    started_s = time.monotonic()
    wait_until(lambda: report() == "counted", within_s=2 * REMEMBERED_S)
    assert time.monotonic() - started_s < REMEMBERED_S + 0.5


def test_control_a_blocked_badge_nobody_announced_goes_on_earning(
    database: Database, town: Town, report: Callable[[], str]
) -> None:
    assert report() == "credited"
    block_badges(database, town, is_announced=False)
    deadline = time.monotonic() + 1.5 * REMEMBERED_S
    while time.monotonic() < deadline:
        assert report() == "credited"


def test_a_new_card_counts_at_once(database: Database, town: Town, report: Callable[[], str]) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE badges SET badge_digest = '\\x00'"))
    assert report() == "counted"
    with database.engine().begin() as connection:
        build_citizen(connection, town, badge=BADGE)
    assert report() == "credited"


def test_deposits_after_a_merge_are_the_shared_wallet_s_at_once_and_soon_lie_in_its_own_lots(
    database: Database, town: Town, report: Callable[[], str], now: datetime.datetime
) -> None:
    assert report() == "credited"
    tenant = {"authority_id": town.authority_id}
    with database.engine().begin() as connection:
        wallet_id = connection.execute(text("SELECT wallet_id FROM citizens")).scalar_one()
        shared = build_citizen(connection, town).wallet_id
        pair = {"from_wallet_id": wallet_id, "to_wallet_id": shared}
        moved = merge_wallets(connection, **tenant, **pair, made_by="ada", now=now).points
    assert report() == "credited"

    def held() -> tuple[int, int]:
        """Return the points of the shared wallet, and those in its own lots."""
        with database.engine().connect() as connection:
            wallet = get_wallet(connection, **tenant, wallet_id=shared, now=now)
        own = "SELECT coalesce(sum(credits_posted), 0) FROM accounts JOIN wallet_accounts USING (account_id)"
        return wallet.points, int(scalar(database, f"{own} WHERE wallet_id = :id", id=shared))

    assert held() == (2 * moved, moved)
    wait_until(lambda: report() == "credited" and held()[1] > moved, within_s=2 * REMEMBERED_S)
    assert verify(database.engine("bontri_reader")).is_sound


def set_back(database: Database) -> None:
    """Let the database forget what was reported, as a restore would."""
    tables = "events, transfers, capped_deposits, daily_deposits, wallet_accounts, bin_journals, cap_usages"
    with database.engine().begin() as connection:
        connection.execute(text(f"TRUNCATE {tables}"))
        connection.execute(text("DELETE FROM accounts WHERE kind = 'lot'"))
        connection.execute(text("UPDATE accounts SET debits_posted = 0, credits_posted = 0"))


def test_a_database_set_back_under_a_running_worker_is_believed(
    database: Database, pipeline: Pipeline, report: Callable[[], str]
) -> None:
    assert report() == "credited"
    set_back(database)
    assert report() == "credited"
    assert verify(database.engine("bontri_reader")).is_sound


def test_control_what_was_remembered_is_refused_by_a_database_set_back(
    database: Database, pipeline: Pipeline, report: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert report() == "credited"
    set_back(database)
    monkeypatch.setattr(Memory, "forget", lambda self: None)
    with pytest.raises(RowsMissingError):
        report()


def test_a_transaction_that_failed_teaches_nothing(
    database: Database, pipeline: Pipeline, report: Callable[[], str]
) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE transfers ADD CONSTRAINT broken CHECK (points < 0)"))
    with pytest.raises(IntegrityError):
        report()
    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE transfers DROP CONSTRAINT broken"))
    assert report() == "credited"
    assert verify(database.engine("bontri_reader")).is_sound


def test_memory_is_bounded(database: Database, town: Town) -> None:
    with database.engine().connect() as connection:
        rules = find_rules(connection, town.slug)
    assert rules is not None
    memory, month = Memory(), datetime.date(2026, 11, 1)
    learned = {("BIN", f"{number:032x}"): number for number in range(MOST_REMEMBERED + 1)}
    recollection = memory.recall(rules, lot_month=month)
    recollection.learned_journals.update(learned)
    recollection.keep()
    assert memory.recall(rules, lot_month=month) == Recollection()
