"""The workers' group at the broker has a name nobody can guess: whoever knows it takes messages away from them."""

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from bontri.embedded.broker import Broker
from bontri.embedded.folders import scratch_folder
from bontri.settings import Settings, read_settings
from ingest.topics import shared_filter
from rewards.bins import NewBin, add_bins
from rewards.keyring import Keyring
from tests.bin_session import bin_session
from tests.databases import Database
from tests.factories import START, build_town
from tests.ingest_scene import (
    KEYRING,
    Publisher,
    WorkerProcesses,
    connected_publisher,
    mosquitto,
    scalar,
    worker_environment,
    worker_url,
)
from tests.speaker import Speaker, deposit

INTRUDER, HONEST = "SHR-00001", "SHR-00002"
MESSAGES = 40
OVERTAKEN_WITHIN_S = 3.0
GUESSABLE = "$share/ingest/bontri/v1/+/+/up/#"


@pytest.fixture
def broker() -> Iterator[Broker]:
    with mosquitto([INTRUDER]) as broker:
        yield broker


@pytest.fixture
def honest(database: Database) -> Speaker:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        site_id = connection.scalar(text("SELECT site_id FROM sites LIMIT 1"))
        add_bins(connection, [NewBin(HONEST, site_id, START)], authority_id=town.authority_id, now=START)
    return Speaker(KEYRING, town.slug, HONEST)


@contextmanager
def running_worker(database: Database, broker: Broker) -> Iterator[WorkerProcesses]:
    """``bontri ingest`` with the settings every installation has, no filter among them."""
    with scratch_folder("test") as folder:
        processes = WorkerProcesses(folder, worker_environment(database.url, worker_url(broker)))
        processes.start()
        try:
            yield processes
        finally:
            processes.stop_all()


def publish_all(publisher: Publisher, honest: Speaker) -> None:
    """Publish deposits, one a message; the broker has taken and passed on every one of them."""
    now = datetime.datetime.now(datetime.UTC)
    for seq in range(1, MESSAGES + 1):
        publisher.publish(honest.events(now, deposit(seq, now)))


def count_handled(database: Database, publisher: Publisher, honest: Speaker) -> int:
    """Publish one more when nobody else is in the group; return how many of the others the worker has.

    One writer may have the last before another has the first, so those that are missing then get a little more time.
    """
    now = datetime.datetime.now(datetime.UTC)
    publisher.publish(honest.events(now, deposit(MESSAGES + 1, now)))
    publisher.wait_for_result(HONEST, MESSAGES + 1)
    deadline_s = time.monotonic() + OVERTAKEN_WITHIN_S
    while (handled := count_events(database)) < MESSAGES and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return handled


def count_events(database: Database) -> int:
    return int(scalar(database, "SELECT count(*) FROM events WHERE seq <= :seq", seq=MESSAGES))


def count_with_intruder(database: Database, broker: Broker, honest: Speaker, topic_filter: str) -> int:
    with running_worker(database, broker) as processes, connected_publisher(broker) as publisher:
        with bin_session(broker, INTRUDER) as intruder:
            # Mosquitto grants any subscription: the right to read is looked at when it delivers.
            assert intruder.subscribe(topic_filter) in (0, 1)
            publish_all(publisher, honest)
        handled = count_handled(database, publisher, honest)
        assert intruder.heard == []
        log = (processes.folder / "ingest.log").read_text()
        assert "worker_ready" in log
        assert KEYRING.share_group() not in log
    return handled


def test_a_bin_in_the_group_everybody_would_guess_takes_nothing_away(
    database: Database, broker: Broker, honest: Speaker
) -> None:
    assert count_with_intruder(database, broker, honest, GUESSABLE) == MESSAGES


def test_control_a_bin_that_knows_the_group_takes_messages_away(
    database: Database, broker: Broker, honest: Speaker
) -> None:
    known = shared_filter(KEYRING.share_group())
    assert count_with_intruder(database, broker, honest, known) < MESSAGES * 3 / 4


def settings_with(monkeypatch: pytest.MonkeyPatch, topic_filter: str | None) -> Settings:
    monkeypatch.delenv("BONTRI_MQTT_TOPIC_FILTER", raising=False)
    if topic_filter is not None:
        monkeypatch.setenv("BONTRI_MQTT_TOPIC_FILTER", topic_filter)
    return read_settings()


def test_all_workers_of_an_installation_share_one_group_and_no_other_installation_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_with(monkeypatch, None)
    other = Keyring(master_key=b"o" * 32, badge_pepper=KEYRING.badge_pepper, storage_key=KEYRING.storage_key)
    assert settings.worker_filter(KEYRING) == settings.worker_filter(KEYRING)
    assert settings.worker_filter(KEYRING) != settings.worker_filter(other)
    assert settings.worker_filter(KEYRING).startswith("$share/")
    assert settings.worker_filter(KEYRING) != GUESSABLE
    assert settings_with(monkeypatch, "bontri/v1/+/+/up/#").worker_filter(KEYRING) == "bontri/v1/+/+/up/#"
