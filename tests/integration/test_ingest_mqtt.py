"""The worker's session at the broker, and what it does while broker or database are away."""

import dataclasses
import datetime
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy import text
from structlog.testing import capture_logs

import ingest.mqtt
from bontri.embedded.broker import Broker
from bontri.embedded.folders import scratch_folder
from bontri.embedded.listeners import choose_free_port
from bontri.embedded.postgres import running_postgres
from bontri.provisioning import WORKER_USERNAME
from bontri.worker import FIRST_SUBSCRIPTION_S
from ingest.broker_address import Broker as BrokerAddress
from ingest.messages import Message
from ingest.mqtt import Delivery, MqttSource
from ingest.mqtt_client import Parser
from rewards.database import migrate, open_engine
from rewards.verify import verify
from tests.databases import Database, DatabasePool, execute
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import (
    KEYRING,
    PATIENCE_S,
    Proxy,
    Publisher,
    proxy_before,
    scalar,
    wait_until,
    worker_environment,
    worker_processes,
    worker_thread,
    worker_url,
)
from tests.speaker import Speaker, deposit

BADGE = "04A2B9C1"
SYSTEM_POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
SESSIONS = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def unanswered(databases: DatabasePool) -> Iterator["subprocess.Popen[str]"]:
    """A worker whose broker does not exist: it takes its time to say so, while the other tests run."""
    nowhere = f"mqtt://{WORKER_USERNAME}:secret@127.0.0.1:{choose_free_port()}"
    with databases.lend() as database, started_ingest(database.url, nowhere) as process:
        yield process


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        build_citizen(connection, town, badge=BADGE)
    return town


@pytest.fixture
def speaker(town: Town) -> Speaker:
    return Speaker(KEYRING, town.slug, town.bin_ids[0])


@pytest.fixture
def proxy(broker: Broker) -> Iterator[Proxy]:
    with proxy_before(broker) as proxy:
        yield proxy


class CleanStart(MqttSource):
    """Without the guard: what paho does when nobody tells it otherwise."""

    def __enter__(self) -> MqttSource:
        properties = Properties(PacketTypes.CONNECT)
        properties.ReceiveMaximum = ingest.mqtt.RECEIVE_MAXIMUM
        self._client.connect_async(self._broker.host, self._broker.port, clean_start=True, properties=properties)
        self._client.loop_start()
        return self


class AnyGeneration(MqttSource):
    """Without the guard: a late acknowledgement is sent on whatever connection there is."""

    def acknowledge(self, messages: Any) -> None:
        super().acknowledge(
            [
                dataclasses.replace(message, handle=dataclasses.replace(message.handle, generation=self._generation))
                for message in messages
            ]
        )


@contextmanager
def connected(
    broker: Broker, client_id: str, *, port: int | None = None, source_class: type[MqttSource] = MqttSource
) -> Iterator[MqttSource]:
    source = source_class(
        BrokerAddress.from_url(worker_url(broker, port=port)), client_id=client_id, topic_filter=broker.worker_filter
    )
    with source:
        assert source.wait_until_subscribed(timeout_s=PATIENCE_S)
        yield source


@pytest.fixture
def client_id(broker: Broker) -> Iterator[str]:
    """A session of this test's own, which must not collect what the next tests publish."""
    name = f"session-{next(SESSIONS)}"
    yield name
    with connected(broker, name, source_class=CleanStart):
        pass


def take(source: MqttSource, count: int) -> list[Message]:
    """Take messages until there are ``count``."""
    taken: list[Message] = []
    wait_until(lambda: taken.extend(source.next_batch(wait_s=0.1)) or len(taken) >= count)
    return taken


def wait_until_heard(source: MqttSource) -> None:
    """Wait until the broker has handled all that was sent to it: a connection that closes may take bytes with it."""
    source._answered.clear()
    source._client.subscribe(source._topic_filter, qos=1)
    assert source._answered.wait(PATIENCE_S)


def cut_and_wait(proxy: Proxy, source: MqttSource) -> None:
    """Break the connection, and wait for the next one: an end and a beginning later."""
    generation = source._generation
    proxy.cut()
    wait_until(lambda: source._generation == generation + 2)


def some_messages(count: int) -> list[Message]:
    now = datetime.datetime.now(datetime.UTC)
    topic = "bontri/v1/plaine-commune/BIN-0007/up/events"
    return [Message(topic, b"message %d" % number, now) for number in range(count)]


def payloads(messages: list[Message]) -> list[bytes]:
    return [message.payload for message in messages]


@pytest.mark.parametrize("source_class", [MqttSource, CleanStart])
def test_what_comes_while_the_worker_is_down_waits_for_it_and_with_a_clean_start_is_lost(
    broker: Broker, publisher: Publisher, client_id: str, source_class: type[MqttSource]
) -> None:
    with connected(broker, client_id, source_class=source_class):
        pass
    backlog = some_messages(30)
    publisher.publish(*backlog)
    marker = Message(backlog[0].topic, b"the worker is back", backlog[0].received_at)
    with connected(broker, client_id, source_class=source_class) as source:
        publisher.publish(marker)
        is_kept = source_class is MqttSource
        expected = [*backlog, marker] if is_kept else [marker]
        taken = take(source, len(expected))
        source.acknowledge(taken)
        assert sorted(payloads(taken)) == sorted(payloads(expected))


def test_messages_not_acknowledged_come_again_after_a_reconnect_and_only_once(
    broker: Broker, publisher: Publisher, client_id: str, proxy: Proxy
) -> None:
    messages = some_messages(10)
    with connected(broker, client_id, port=proxy.port) as source:
        publisher.publish(*messages)
        first = source.next_batch(wait_s=PATIENCE_S)
        wait_until(lambda: len(source._queue) + len(first) == len(messages))
        # Some are taken, the others wait in the queue: of these no copy may stay when they come again.
        cut_and_wait(proxy, source)
        again = take(source, len(messages))
        assert {message.handle.generation for message in again} == {source._generation}
        assert sorted(payloads(again)) == sorted(payloads(messages))
        assert source.next_batch(wait_s=0.2) == []
        source.acknowledge(again)
        wait_until_heard(source)
    with connected(broker, client_id) as source:
        assert source.next_batch(wait_s=0.2) == []


@pytest.mark.parametrize("source_class", [MqttSource, AnyGeneration])
def test_a_late_acknowledgement_is_not_sent_on_another_connection_where_it_would_delete_a_message(
    broker: Broker, publisher: Publisher, client_id: str, proxy: Proxy, source_class: type[MqttSource]
) -> None:
    messages = some_messages(5)
    with connected(broker, client_id, port=proxy.port, source_class=source_class) as source:
        publisher.publish(*messages)
        stale = take(source, len(messages))
        cut_and_wait(proxy, source)
        again = take(source, len(messages))
        assert {message.handle.generation for message in stale} != {message.handle.generation for message in again}
        source.acknowledge(stale)
        wait_until_heard(source)
    with connected(broker, client_id) as source:
        left = [] if source_class is AnyGeneration else take(source, len(messages))
        source.acknowledge(left)
        assert source.next_batch(wait_s=0.2) == []


PARSERS: tuple[Parser, ...] = ("fast", "stock")


@pytest.mark.parametrize("parser", PARSERS)
def test_both_parsers_hand_over_the_same_messages(
    broker: Broker, publisher: Publisher, client_id: str, parser: Parser
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    sizes = (0, 1, 127, 128, 129, 16_383, 16_384, 16_385, 60_000)
    topics = ("bontri/v1/plaine-commune/BIN-0007/up/events", "bontri/v1/a/B/up/é", f"bontri/v1/a/B/up/{'x' * 200}")
    sent = [Message(topic, bytes([number % 256]) * size, now) for topic in topics for number, size in enumerate(sizes)]
    source = MqttSource(
        BrokerAddress.from_url(worker_url(broker)),
        client_id=client_id,
        topic_filter=broker.worker_filter,
        parser=parser,
    )
    with source:
        assert source.wait_until_subscribed(timeout_s=PATIENCE_S)
        publisher.publish(*sent)
        publisher.publish(sent[0], qos=0)
        taken = take(source, len(sent) + 1)
        assert [(each.topic, each.payload) for each in taken] == [
            (each.topic, each.payload) for each in [*sent, sent[0]]
        ]
        assert [each.handle is None for each in taken] == [*[False] * len(sent), True]
        source.acknowledge(taken)
        wait_until_heard(source)
    with connected(broker, client_id) as source:
        assert source.next_batch(wait_s=0.2) == []


def test_status_at_qos_0_cannot_fill_the_memory_while_the_database_is_away(
    broker: Broker, publisher: Publisher, client_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.mqtt, "RECEIVE_MAXIMUM", 50)
    with connected(broker, client_id) as source:
        publisher.publish(*some_messages(120), qos=0)
        publisher.publish(*some_messages(1), qos=1)
        # The last one has passed all the others by.
        wait_until(lambda: any(message.handle for message in list(source._queue)))
        assert len(source._queue) == 51
        source.acknowledge(take(source, 51))


def test_a_batch_is_bounded_in_messages_and_bytes(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.mqtt, "MOST_MESSAGES", 10)
    monkeypatch.setattr(ingest.mqtt, "MOST_BATCH_BYTES", 100)
    source = MqttSource(
        BrokerAddress.from_url(worker_url(broker)), client_id="never-connected", topic_filter=broker.worker_filter
    )
    now = datetime.datetime.now(datetime.UTC)
    sizes = [1] * 25 + [60, 60, 500, 1]
    source._queue.extend(Message("topic", b"x" * size, now, Delivery(1, 0)) for size in sizes)
    batches = [source.next_batch(wait_s=0.1) for _ in range(7)]
    assert [[len(message.payload) for message in batch] for batch in batches] == [
        [1] * 10,
        [1] * 10,
        [*[1] * 5, 60],
        [60],
        [500],
        [1],
        [],
    ]


def test_a_batch_is_bounded_in_events(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.mqtt, "MOST_BATCH_EVENTS", 1000)
    source = MqttSource(
        BrokerAddress.from_url(worker_url(broker)), client_id="never-connected", topic_filter=broker.worker_filter
    )
    now = datetime.datetime.now(datetime.UTC)
    payload = b'{"events":[' + b'{"seq":1},' * 100 + b"]}"
    source._queue.extend(Message("topic", payload, now, Delivery(1, 0)) for _ in range(25))
    assert [len(source.next_batch(wait_s=0.1)) for _ in range(4)] == [10, 10, 5, 0]


def close_database(database: Database) -> None:
    """Refuse everybody, the superuser too, and end the connections there are."""
    name = database.engine().url.database
    server = database.url.replace(f"/{name}", "/postgres")
    database.engine().dispose()
    execute(
        server,
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'",
    )


def open_database(database: Database) -> None:
    name = database.engine().url.database
    execute(database.url.replace(f"/{name}", "/postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def make_read_only(database: Database) -> None:
    """What a primary looks like after a failover to another server: it answers, and takes nothing."""
    name = database.engine().url.database
    database.engine().dispose()
    execute(
        database.url.replace(f"/{name}", "/postgres"),
        f"ALTER DATABASE {name} SET default_transaction_read_only = on",
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'",
    )


def make_writable(database: Database) -> None:
    name = database.engine().url.database
    # Sessions keep what they began with.
    execute(
        database.url.replace(f"/{name}", "/postgres"),
        f"ALTER DATABASE {name} RESET default_transaction_read_only",
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'",
    )


OUTAGES = {"closed": (close_database, open_database), "read-only": (make_read_only, make_writable)}


@pytest.mark.parametrize("outage", OUTAGES)
def test_while_the_database_is_away_nothing_is_acknowledged_and_then_all_is_committed(
    broker: Broker, publisher: Publisher, database: Database, speaker: Speaker, outage: str
) -> None:
    begin, end = OUTAGES[outage]
    now = datetime.datetime.now(datetime.UTC)
    with (
        capture_logs() as logged,
        worker_thread(database, worker_url(broker), topic_filter=broker.worker_filter) as worker,
    ):
        publisher.publish(speaker.events(now, deposit(1, now, badge=BADGE)))
        assert publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited"
        wait_until(lambda: worker.handled.messages == 1)
        begin(database)
        try:
            publisher.publish(speaker.events(now, deposit(2, now, badge=BADGE)))
            wait_until(lambda: [entry["event"] for entry in logged].count("database_unavailable") >= 2)
            assert worker.handled.messages == 1
            assert len(publisher.receipts_of(speaker.bin_id)) == 1
        finally:
            end(database)
        assert publisher.wait_for_result(speaker.bin_id, 2) == {"seq": 2, "state": "credited", "points": 1}
    assert [entry for entry in logged if entry["event"] == "message_set_aside"] == []
    assert scalar(database, "SELECT count(*) FROM events") == 2
    assert verify(database.engine("bontri_reader")).is_sound


def test_a_worker_stopped_while_the_database_is_away_leaves_its_batch_to_the_next(
    broker: Broker, publisher: Publisher, database: Database, speaker: Speaker
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    url, topic_filter = worker_url(broker), broker.worker_filter
    with capture_logs() as logged, worker_thread(database, url, topic_filter=topic_filter) as worker:
        close_database(database)
        try:
            publisher.publish(speaker.events(now, deposit(1, now, badge=BADGE)))
            wait_until(lambda: any(entry["event"] == "database_unavailable" for entry in logged))
            worker._stop.set()
        finally:
            open_database(database)
    assert worker.handled.messages == 0
    assert scalar(database, "SELECT count(*) FROM events") == 0
    with worker_thread(database, url, topic_filter=topic_filter):
        assert publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited"
    assert scalar(database, "SELECT count(*) FROM events") == 1


def test_a_broker_that_went_away_is_found_again(
    broker: Broker, publisher: Publisher, database: Database, speaker: Speaker, proxy: Proxy
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    with worker_thread(database, worker_url(broker, port=proxy.port), topic_filter=broker.worker_filter):
        proxy.cut()
        publisher.publish(speaker.events(now, deposit(1, now, badge=BADGE)))
        assert publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited"


@dataclasses.dataclass
class Failure:
    exit_code: int
    words: str


@contextmanager
def started_ingest(database_url: str, mqtt_url: str, **more: str) -> Iterator["subprocess.Popen[str]"]:
    """Start ``bontri ingest`` in a process group of its own, so that whatever it leaves behind can be seen."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bontri", "ingest"],
        env=worker_environment(database_url, mqtt_url, BONTRI_LOG_LEVEL="error", **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_failure(process: "subprocess.Popen[str]") -> Failure:
    output, errors = process.communicate(timeout=40)
    assert output == ""
    assert list_process_group(process.pid) == []
    return Failure(process.returncode, errors)


def list_process_group(leader: int) -> list[int]:
    """List the processes of the session a process began, however they ended up."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader:
            found.append(int(stat.parent.name))
    return found


def assert_one_sentence(failure: Failure, *words: str) -> None:
    assert failure.exit_code == 1, failure.words
    assert "Traceback" not in failure.words
    assert failure.words.count("\n") == 1, failure.words
    assert failure.words.startswith("bontri: ")
    for word in words:
        assert word in failure.words


def test_refused_credentials_are_told_at_once_in_one_sentence(broker: Broker, database: Database) -> None:
    wrong = broker.url(WORKER_USERNAME, "not-the-password")
    started_s = time.monotonic()
    with started_ingest(database.url, wrong) as process:
        failure = wait_for_failure(process)
    assert_one_sentence(failure, "MQTT_URL", "refused the connection", "Not authorized")
    assert "not-the-password" not in failure.words
    assert time.monotonic() - started_s < FIRST_SUBSCRIPTION_S


def test_a_database_nobody_answers_for_is_told_in_one_sentence(broker: Broker) -> None:
    nowhere = f"postgresql://bontri:secret@127.0.0.1:{choose_free_port()}/bontri"
    with started_ingest(nowhere, worker_url(broker)) as process:
        failure = wait_for_failure(process)
    assert_one_sentence(failure, "DATABASE_URL", "refused")
    assert "secret" not in failure.words


def test_a_database_without_the_schema_is_told_in_one_sentence(broker: Broker, server_url: str) -> None:
    with started_ingest(server_url, worker_url(broker)) as process:
        failure = wait_for_failure(process)
    assert failure.exit_code == 1
    assert "Traceback" not in failure.words
    assert "DATABASE_URL" in failure.words


def test_a_worker_process_stops_in_order_and_another_goes_on(
    broker: Broker, publisher: Publisher, database: Database, speaker: Speaker
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    with worker_processes(database, broker) as workers:
        worker = workers.start()
        publisher.publish(speaker.events(now, deposit(1, now, badge=BADGE)))
        assert publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited"
        worker.process.terminate()
        assert worker.process.wait(PATIENCE_S) == 0
        assert "worker_stopped" in worker.read_last_lines()
        publisher.publish(speaker.events(now, deposit(2, now, badge=BADGE)))
        workers.start()
        assert publisher.wait_for_result(speaker.bin_id, 2)["state"] == "credited"


@pytest.mark.skipif(not SYSTEM_POSTGRES_15.is_dir(), reason="no system PostgreSQL 15: apt install postgresql-15")
def test_the_oldest_supported_postgresql_works_the_same(broker: Broker, publisher: Publisher) -> None:
    with scratch_folder("test") as folder, running_postgres(folder, bin_dir=SYSTEM_POSTGRES_15) as server:
        assert server.version.startswith("15.")
        server.create_database("bontri")
        database = Database(server.url("bontri"), {})
        engine = open_engine(database.url, role="owner")
        try:
            with engine.connect() as connection:
                migrate(connection)
            with engine.begin() as connection:
                town = build_town(connection, KEYRING, day_cap_points=3)
                build_citizen(connection, town, badge=BADGE)
            speaker = Speaker(KEYRING, town.slug, town.bin_ids[0])
            now = datetime.datetime.now(datetime.UTC)
            with worker_processes(database, broker) as workers:
                workers.start()
                events = [deposit(seq, now, items=2, badge=BADGE) for seq in (1, 2, 3, 5)]
                publisher.publish(speaker.events(now, *events, deposit(6, now, material="wood")))
                assert publisher.wait_for_result(speaker.bin_id, 3)["state"] == "capped"
                assert publisher.wait_for_result(speaker.bin_id, 6)["code"] == "unknown_material"
            assert verify(database.engine("bontri_reader")).is_sound
            with engine.connect() as connection:
                assert connection.scalar(text("SELECT sum(points) FROM transfers")) == 3
        finally:
            engine.dispose()
            for each in database.engines.values():
                each.dispose()


def test_a_broker_nobody_answers_for_is_told_in_one_sentence(unanswered: "subprocess.Popen[str]") -> None:
    assert_one_sentence(wait_for_failure(unanswered), "MQTT_URL", f"no answer within {FIRST_SUBSCRIPTION_S:.0f} s")
