"""A database set back by a backup: once the epoch is raised the bins send again, nothing is missing, nothing twice."""

import datetime
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

import rewards.epochs
from ingest.messages import Message
from ingest.pipeline import Pipeline
from ingest.worker import utc_now
from rewards.bins import NewBin, add_bins
from rewards.displays import get_display_version, set_display_text
from rewards.epochs import raise_epoch
from rewards.verify import verify
from simulators.bin import SimulatedBin
from simulators.messages import BinIdentity
from tests.databases import Database, execute, url_of
from tests.factories import START, build_citizen, build_town
from tests.ingest_scene import KEYRING
from tests.operator_commands import run, succeed
from tests.speaker import tell

NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
SECOND, HOUR = datetime.timedelta(seconds=1), datetime.timedelta(hours=1)
BINS, BEFORE, AFTER = 4, 25, 15
BADGE = "04A2B9C1"
SLUG = "plaine-commune"


def copy_database(server_url: str, database: Database, name: str) -> Database:
    """Copy a database as a backup does; nobody may be connected to it meanwhile."""
    database.leave()
    source = database.url.rpartition("/")[2]
    execute(server_url, f"CREATE DATABASE {name} TEMPLATE {source}")
    return Database(url_of(server_url, name), {})


@contextmanager
def backup_of(server_url: str, database: Database) -> Iterator[Database]:
    name = f"bontri_backup_{uuid.uuid4().hex[:12]}"
    backup = copy_database(server_url, database, name)
    try:
        yield backup
    finally:
        for engine in backup.engines.values():
            engine.dispose()
        execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


class Street:
    """Simulated bins of the protocol, each with its own storage, and whatever backend they are connected to."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.now = NOW
        self.bins = [self._start(f"EPO-{number:05}", folder, stack) for number in range(1, BINS + 1)]

    def _start(self, bin_id: str, folder: Path, stack: ExitStack) -> SimulatedBin:
        key = KEYRING.bin_key(authority=SLUG, bin_id=bin_id, key_number=1)
        identity = BinIdentity(authority=SLUG, bin=bin_id, keys={1: key})
        simulated = SimulatedBin(identity, folder / f"{bin_id}.journal", self.now)
        stack.callback(simulated.close)
        return simulated

    def deposit(self, count: int) -> None:
        for simulated in self.bins:
            for _ in range(count):
                simulated.deposit(self.now, material="glass", items=1, badge=BADGE)
            self.now += SECOND

    def talk(self, database: Database, *, for_s: int = 90) -> int:
        """Let the bins speak with the backend over a new connection; return how many messages they sent."""
        pipeline = Pipeline(database.engine("bontri_ingest"), KEYRING)
        by_topic = {f"bontri/v1/{SLUG}/{each.identity.bin}/down/receipt": each for each in self.bins}
        sent = 0
        for simulated in self.bins:
            simulated.prepare_connection(self.now)
            simulated.on_connected(self.now)
        for _ in range(for_s):
            self.now += SECOND
            said = []
            for simulated in self.bins:
                for message in simulated.due_messages(self.now):
                    said.append(message)
                    simulated.on_puback(message.n, reason_code=0)
            sent += len(said)
            messages = [Message(message.topic, message.payload, self.now) for message in said]
            for receipt in tell(pipeline, messages, now=self.now) if messages else []:
                by_topic[receipt.topic].on_message(receipt.topic, receipt.payload, self.now)
        for simulated in self.bins:
            simulated.on_disconnected()
        return sent

    @property
    def unsettled(self) -> int:
        return sum(simulated.unsettled_events for simulated in self.bins)


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with ExitStack() as stack:
        yield Street(tmp_path, stack)


@pytest.fixture
def town_database(database: Database, street: Street) -> Database:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        build_citizen(connection, town, badge=BADGE)
        site_id = connection.scalar(text("SELECT site_id FROM sites LIMIT 1"))
        bins = [NewBin(simulated.identity.bin, site_id, START) for simulated in street.bins]
        add_bins(connection, bins, authority_id=town.authority_id, now=START)
    return database


def count(database: Database, table: str) -> int:
    with database.engine().connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def points_of(database: Database) -> int:
    query = "SELECT sum(credits_posted) FROM accounts WHERE kind = 'lot'"
    with database.engine().connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def test_after_a_restore_and_a_new_epoch_nothing_is_missing_and_nothing_twice(
    server_url: str, town_database: Database, street: Street
) -> None:
    street.deposit(BEFORE)
    street.talk(town_database)
    assert street.unsettled == 0
    with backup_of(server_url, town_database) as restored:
        street.deposit(AFTER)
        street.talk(town_database)
        assert street.unsettled == 0
        total = BINS * (BEFORE + AFTER)
        assert count(town_database, "events") == total
        # The restore: what came after the backup is forgotten, though every bin has its receipt.
        assert count(restored, "events") == BINS * BEFORE
        told = succeed(restored, "restore-epoch", "--all", "--yes").stdout
        assert f"{SLUG}: epoch " in told
        street.talk(restored)
        assert street.unsettled == 0
        assert count(restored, "events") == total
        assert count(restored, "transfers") == total
        assert points_of(restored) == points_of(town_database) == total
        verification = verify(restored.engine("bontri_reader"))
        assert verification.is_sound
        assert verification.counts[SLUG]["missing_events"] == 0
        assert verification.counts[SLUG]["quarantined_messages"] == 0


def test_control_without_a_new_epoch_events_stay_missing(
    server_url: str, town_database: Database, street: Street
) -> None:
    street.deposit(BEFORE)
    street.talk(town_database)
    with backup_of(server_url, town_database) as restored:
        street.deposit(AFTER)
        street.talk(town_database)
        street.talk(restored)
        assert street.unsettled == 0
        assert count(restored, "events") == BINS * BEFORE


def events_after_two_restores(server_url: str, database: Database, street: Street) -> int:
    """Restore one backup, and the same one again an hour later, with a deposit of each bin before each."""
    street.deposit(BEFORE)
    street.talk(database)
    with backup_of(server_url, database) as first, backup_of(server_url, database) as second:
        for restored, at in ((first, NOW), (second, NOW + HOUR)):
            street.deposit(1)
            with restored.engine("bontri_operator").begin() as connection:
                raise_epoch(connection, authority_id=7, now=at)
            street.talk(restored)
        return count(second, "events")


def test_a_backup_restored_twice_is_given_a_higher_epoch_each_time(
    server_url: str, town_database: Database, street: Street
) -> None:
    assert events_after_two_restores(server_url, town_database, street) == BINS * (BEFORE + 2)


def test_control_counted_on_from_the_backup_the_second_epoch_would_cancel_nothing(
    server_url: str, town_database: Database, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_on = """
        UPDATE authorities SET epoch = epoch + 1 WHERE authority_id = :authority_id RETURNING epoch, :floor, :versions
    """
    monkeypatch.setattr(rewards.epochs, "RAISE_EPOCH", text(counted_on))
    # What the first restore received is settled for the bins, and the second does not have it.
    assert events_after_two_restores(server_url, town_database, street) == BINS * (BEFORE + 1)


def test_an_epoch_always_rises_even_within_a_minute(town_database: Database) -> None:
    with town_database.engine("bontri_operator").begin() as connection:
        epochs = [raise_epoch(connection, authority_id=7, now=NOW) for _ in range(3)]
    assert epochs == sorted(set(epochs))
    with town_database.engine("bontri_operator").begin() as connection:
        assert raise_epoch(connection, authority_id=99, now=NOW) is None


def version_of(database: Database) -> int:
    with database.engine("bontri_reader").connect() as connection:
        return get_display_version(connection, authority_id=7, now=NOW)


def change_texts(database: Database, times: int) -> None:
    with database.engine("bontri_operator").begin() as connection:
        for number in range(times):
            set_display_text(connection, authority_id=7, language="fr", name="welcome", words=f"Bonjour {number}")


def test_after_a_restore_what_bins_show_has_a_higher_version_than_any_bin_holds(
    server_url: str, town_database: Database
) -> None:
    with backup_of(server_url, town_database) as first, backup_of(server_url, town_database) as second:
        change_texts(town_database, 3)
        held = version_of(town_database)
        # Control: the backup has forgotten versions that bins hold, and a bin keeps the higher one.
        assert version_of(first) < held
        succeed(first, "restore-epoch", "--all", "--yes")
        assert version_of(first) > held
        change_texts(first, 3)
        held = version_of(first)
        with second.engine("bontri_operator").begin() as connection:
            raise_epoch(connection, authority_id=7, now=utc_now() + HOUR)
        assert version_of(second) > held


def test_a_backup_of_a_restored_database_too_forgets_no_thousand_versions(
    server_url: str, town_database: Database
) -> None:
    succeed(town_database, "restore-epoch", "--all", "--yes")
    with backup_of(server_url, town_database) as restored:
        change_texts(town_database, 300)
        held = version_of(town_database)
        assert version_of(restored) < held
        succeed(restored, "restore-epoch", "--all", "--yes")
        assert version_of(restored) > held


@pytest.mark.parametrize("arguments", [("--all",), ("--authority", SLUG), ("--yes",), ("--all", "--authority", SLUG)])
def test_without_yes_or_without_saying_whose_nothing_is_done(
    town_database: Database, arguments: tuple[str, ...]
) -> None:
    result = run(town_database, "restore-epoch", *arguments)
    assert result.exit_code == 2
    if "--yes" not in arguments and len(arguments) < 3:
        assert result.stderr.startswith("This cancels every receipt")
        assert result.stderr.endswith("add --yes to do it.\n")
    with town_database.engine().connect() as connection:
        assert connection.scalar(text("SELECT epoch FROM authorities")) == 1


def test_one_authority_alone_can_be_named(town_database: Database) -> None:
    with town_database.engine().begin() as connection:
        build_town(connection, KEYRING, authority_id=8, slug="grand-lyon")
    succeed(town_database, "restore-epoch", "--authority", "grand-lyon", "--yes")
    with town_database.engine().connect() as connection:
        epochs = {row.slug: row.epoch for row in connection.execute(text("SELECT slug, epoch FROM authorities"))}
    assert epochs[SLUG] == 1
    assert epochs["grand-lyon"] > 1
