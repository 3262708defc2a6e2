"""SIGKILL in mid-load: whatever a broker has taken exists exactly once in the end, and no receipt promised too much."""

import queue
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bontri.embedded.broker import Broker
from bontri.provisioning import fleet_file
from ingest.messages import Message, Outgoing
from rewards.bins import NewBin, add_bins
from rewards.verify import verify
from simulators.counts import FleetCounts
from simulators.fleet_file import ProvisionedFleet, read_fleet
from simulators.run import run_fleet
from tests.databases import Database
from tests.factories import START, Town, build_citizen, build_town
from tests.ingest_scene import (
    KEYRING,
    Publisher,
    mosquitto,
    scalar,
    wait_until,
    worker_processes,
)
from tests.speaker import Speaker, deposit, read

BINS = [f"KIL-{number:05}" for number in range(8)]
BADGES = [f"BADGE-{number:03}" for number in range(30)]
KILLS = 3
RATE_PER_S, LONGEST_S, SEED = 300, 60, 7
EAGER = ("-m", "reliability.chaos.mutants", "eager-worker")
BLOCKED = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'bontri/bontri_ingest'
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with mosquitto(BINS) as broker:
        yield broker


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        site_id = connection.scalar(text("SELECT site_id FROM sites ORDER BY reference LIMIT 1"))
        bins = [NewBin(bin_id, site_id, START) for bin_id in BINS]
        add_bins(connection, bins, authority_id=town.authority_id, now=START)
        for badge in BADGES:
            build_citizen(connection, town, badge=badge)
    return town


class ReceiptChecker:
    """Compares every receipt with the database at the moment it is heard."""

    def __init__(self, database: Database) -> None:
        self.told: dict[tuple[str, int], int] = {}
        self.checked = 0
        self.premature: list[dict[str, Any]] = []
        self._database = database
        self._heard: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._check_all)
        self._thread.start()

    def hear(self, receipt: Outgoing) -> None:
        self._heard.put(read(receipt))

    def close(self) -> None:
        self._heard.put(None)
        self._thread.join(15)
        assert not self._thread.is_alive()

    def _check_all(self) -> None:
        while (receipt := self._heard.get()) is not None:
            for result in receipt.get("results", ()):
                points = self.told.setdefault((receipt["journal"], result["seq"]), result.get("points", 0))
                assert points == result.get("points", 0), "a repeat is told what its first copy was told"
            promised = {result["seq"] for result in receipt.get("results", ())} | {receipt["upto"]} - {0}
            stored = scalar(
                self._database,
                "SELECT count(*) FROM events JOIN bin_journals USING (authority_id, journal_no)"
                " WHERE journal = :journal AND seq = ANY(:seqs)",
                journal=receipt["journal"],
                seqs=list(promised),
            )
            self.checked += 1
            if stored != len(promised):
                self.premature.append(receipt)


@pytest.fixture
def checker(database: Database, publisher: Publisher) -> Iterator[ReceiptChecker]:
    checker = ReceiptChecker(database)
    publisher.on_receipt = checker.hear
    yield checker
    checker.close()


def provision(broker: Broker, town: Town) -> ProvisionedFleet:
    url = f"mqtt://{broker.host}:{broker.port}"
    return read_fleet(fleet_file(BINS, authority=town.slug, mqtt_url=url, keyring=KEYRING, badges=BADGES))


def count_events(database: Database) -> int:
    return int(scalar(database, "SELECT count(*) FROM events"))


class RunningFleet:
    """Real bins that drop things in until they are stopped, in a thread."""

    def __init__(self, provisioned: ProvisionedFleet, folder: Path) -> None:
        self._run = partial(run_fleet, provisioned, rate_per_s=RATE_PER_S, seed=SEED, folder=folder)
        self._stop = threading.Event()
        self._counts: list[FleetCounts] = []
        self._thread = threading.Thread(target=self._produce)
        self._thread.start()

    def stop(self) -> list[FleetCounts]:
        """Stop the deposits; return the counts of every run once each event has its receipt."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if not self._counts[-1].is_drained:
            # A slow machine: switched on again, the bins go on where they were.
            self._counts.append(self._run(duration_s=0))
        return self._counts

    def _produce(self) -> None:
        self._counts.append(self._run(duration_s=LONGEST_S, stop=self._stop))


def test_a_worker_killed_in_mid_load_again_and_again_loses_nothing_and_doubles_nothing(
    broker: Broker, database: Database, town: Town, checker: ReceiptChecker, tmp_path: Path
) -> None:
    committed_at_kills: list[int] = []
    with worker_processes(database, broker) as workers:
        worker = workers.start()
        fleet = RunningFleet(provision(broker, town), tmp_path)
        try:
            for _ in range(KILLS):
                before = count_events(database)
                wait_until(lambda before=before: count_events(database) >= before + 150)
                worker.kill()
                committed_at_kills.append(count_events(database))
                worker = workers.start()
        finally:
            counts = fleet.stop()
    deposits = sum(run.produced_deposits for run in counts)
    total = deposits + sum(run.produced_emptyings for run in counts)
    words = f"seed {SEED}: {total} events, killed after {committed_at_kills}"
    assert counts[-1].is_drained, words
    assert len(committed_at_kills) == KILLS
    assert 0 < committed_at_kills[0] < committed_at_kills[1] < committed_at_kills[2] < total, words
    assert count_events(database) == total, words
    assert scalar(database, "SELECT count(*) FROM events WHERE type = 'deposit'") == deposits
    # One point an item: what fell in by badge is what the wallets hold, and what the bins were told.
    in_wallets = scalar(database, "SELECT sum(credits_posted - debits_posted) FROM accounts WHERE kind = 'lot'")
    credited_items = scalar(
        database, "SELECT sum(e.items) FROM events e JOIN transfers t USING (authority_id, journal_no, seq)"
    )
    wait_until(lambda: len(checker.told) == total)
    assert in_wallets == credited_items == sum(checker.told.values())
    assert verify(database.engine("bontri_reader")).is_sound
    assert checker.checked > 0
    assert checker.premature == []


def kill_in_the_middle_of_a_commit(
    broker: Broker, publisher: Publisher, database: Database, messages: list[Message], command: tuple[str, ...]
) -> None:
    """Publish once, let the worker wait inside its transaction, and kill it there; then let a good worker run."""
    with worker_processes(database, broker, command=command) as workers:
        worker = workers.start()
        with database.engine().begin() as connection:
            connection.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
            publisher.publish(*messages)
            # One writer or more, as the messages fell into batches.
            wait_until(lambda: scalar(database, BLOCKED) >= 1)
            worker.kill()
    with worker_processes(database, broker) as workers:
        workers.start()
        # Published after all the others: once it has its receipt, the broker has nothing left for this worker.
        last = Speaker(KEYRING, messages[0].topic.split("/")[2], BINS[-1])
        publisher.publish(last.events(messages[0].received_at, deposit(1, messages[0].received_at)))
        publisher.wait_for_result(BINS[-1], 1)


def deposits_of_all_bins(town: Town, now: Any) -> list[Message]:
    speakers = [Speaker(KEYRING, town.slug, bin_id) for bin_id in BINS[:-1]]
    return [speaker.events(now, deposit(1, now, badge=BADGES[0])) for speaker in speakers]


def test_a_batch_killed_before_its_commit_comes_again_and_is_committed_once(
    broker: Broker, publisher: Publisher, database: Database, town: Town, now: Any
) -> None:
    messages = deposits_of_all_bins(town, now)
    kill_in_the_middle_of_a_commit(broker, publisher, database, messages, ("-m", "bontri", "ingest"))
    assert count_events(database) == len(messages) + 1
    assert verify(database.engine("bontri_reader")).is_sound


def test_control_a_worker_that_acknowledges_before_the_commit_loses_what_nobody_sends_again(
    broker: Broker, publisher: Publisher, database: Database, town: Town, now: Any
) -> None:
    messages = deposits_of_all_bins(town, now)
    kill_in_the_middle_of_a_commit(broker, publisher, database, messages, (*EAGER, "ingest"))
    # All seven in the trials; one would be too many.
    assert count_events(database) < len(messages) + 1
