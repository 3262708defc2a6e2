"""What a watched worker says of itself while broker, database or a thread of its own fail, on the real ones."""

import datetime
import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

import bontri.mosquitto_accounts
import rewards.database
from bontri.database_probe import DatabaseProbe
from bontri.embedded.broker import Broker
from bontri.embedded.folders import scratch_folder
from bontri.embedded.postgres import running_postgres
from bontri.embedded.process_tree import list_descendants
from bontri.monitoring import MonitoringError, monitoring_listener
from bontri.worker_watch import Patience, WorkerWatch
from ingest.broker_address import Broker as BrokerAddress
from ingest.messages import Message
from ingest.mqtt import MqttSource
from ingest.observer import Observer
from ingest.pipeline import Pipeline
from ingest.worker import Worker
from rewards.database import migrate, open_engine
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import (
    KEYRING,
    PATIENCE_S,
    Publisher,
    mosquitto,
    proxy_before,
    wait_until,
    worker_url,
)
from tests.integration.test_ingest_mqtt import close_database, open_database
from tests.speaker import Speaker, deposit

SILENT_S, STUCK_S = 1.2, 0.6
QUICK = Patience(stuck_after_s=STUCK_S, silent_after_s=SILENT_S, heartbeat_every_s=0.2, round_s=0.05)
BADGE = "04A2B9C1"


@dataclass
class Watched:
    """A worker in threads of this process, with the watch over it; ``ended`` instead of an end of the process."""

    source: MqttSource
    observer: Observer
    watch: WorkerWatch
    port: int
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self) -> str:
        return self.watch.health().state

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))

    def beats(self) -> float:
        return self.metric("bontri_ingest_heartbeat_seconds_count")


@contextmanager
def watched_worker(
    database: Database,
    url: str,
    topic_filter: str,
    *,
    source_class: type[MqttSource] = MqttSource,
    asks_database: Callable[[], bool] | None = None,
) -> Iterator[Watched]:
    stop, observer, ended = threading.Event(), Observer(), threading.Event()
    engine = open_engine(database.url, role="bontri_ingest")
    source = source_class(
        BrokerAddress.from_url(url), client_id="watched", topic_filter=topic_filter, observer=observer
    )
    watch = WorkerWatch(
        source,
        observer,
        asks_database=asks_database or DatabaseProbe(database.url),
        patience=QUICK,
        end=ended.set,
    )
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        stack.enter_context(source)
        stack.enter_context(watch)
        port = stack.enter_context(monitoring_listener(watch, host="127.0.0.1", port=0))
        assert port is not None
        assert source.wait_until_subscribed(timeout_s=PATIENCE_S), source.refusal
        worker = Worker(source, Pipeline(engine, KEYRING), stop=stop, writers=2, observer=observer)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield Watched(source, observer, watch, port, ended)
        finally:
            stop.set()
            if isinstance(source, HangingSource):
                source.go_on.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


class HangingSource(MqttSource):
    """Stands in for a source that hangs: at the next batch, or at the first acknowledgement, until it may go on."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.go_on = threading.Event()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.go_on.wait()
        super().acknowledge(messages)


class HangingAtTaking(HangingSource):
    def next_batch(self, *, wait_s: float) -> list[Message]:
        self.go_on.wait()
        return super().next_batch(wait_s=wait_s)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        MqttSource.acknowledge(self, messages)


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        build_citizen(connection, town, badge=BADGE)
    return town


@pytest.fixture
def speaker(town: Town) -> Speaker:
    return Speaker(KEYRING, town.slug, town.bin_ids[0])


def test_an_idle_worker_proves_itself_alive_by_heartbeats_that_come_round(broker: Broker, database: Database) -> None:
    with watched_worker(database, worker_url(broker), broker.worker_filter) as watched:
        wait_until(lambda: watched.beats() >= 5)
        status, health = watched.ask("/healthz")
        assert (status, health["state"], health["is_ready"]) == (200, "working", True)
        assert health["heartbeats"] == "through the broker"
        assert health["heartbeat_came_round_at"]
        assert health["database_answered_at"]
        assert watched.ask("/readyz")[0] == 200
        assert watched.metric("bontri_ingest_messages_total") == 0
        assert not watched.ended.is_set()


def test_what_is_committed_is_counted(
    broker: Broker, database: Database, publisher: Publisher, speaker: Speaker
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    with watched_worker(database, worker_url(broker), broker.worker_filter) as watched:
        message = speaker.events(now, deposit(1, now, badge=BADGE), deposit(2, now))
        stranger = Message(message.topic.replace(speaker.bin_id, "NOBODYS-1"), message.payload, now)
        publisher.publish(message)
        publisher.wait_for_result(speaker.bin_id, 2)
        publisher.publish(message, stranger)
        wait_until(lambda: watched.metric("bontri_ingest_messages_total") == 3)
        assert watched.metric("bontri_ingest_events_total") == 2
        assert watched.metric("bontri_ingest_repeats_total") == 2
        # Sent and counted, the second has yet to come through the broker.
        wait_until(lambda: len(publisher.receipts_of(speaker.bin_id)) == 2)
        assert watched.metric("bontri_ingest_receipts_total") == 2
        assert watched.metric('bontri_ingest_quarantined_total{code="unknown_bin"}') == 1
        assert watched.metric("bontri_ingest_lag_seconds_count") >= 2
        assert 0 < watched.metric("bontri_ingest_lag_seconds_sum") < 10


@pytest.mark.parametrize("source_class", [HangingSource, HangingAtTaking])
def test_a_worker_that_hangs_is_stuck_and_ends_itself_while_its_client_calls_itself_connected(
    broker: Broker, database: Database, source_class: type[MqttSource]
) -> None:
    with (
        capture_logs() as logged,
        watched_worker(database, worker_url(broker), broker.worker_filter, source_class=source_class) as watched,
    ):
        wait_until(lambda: watched.state == "writer_stuck")
        status, health = watched.ask("/healthz")
        assert (status, health["is_alive"]) == (503, False)
        assert watched.ask("/readyz")[0] == 503
        assert watched.ended.wait(PATIENCE_S)
        # The control: what is asked of a client elsewhere.
        assert watched.source._client.is_connected()
        stuck = next(entry for entry in logged if entry["event"] == "worker_stuck")
        assert any("writer" in name for name in stuck["where"])


def test_a_worker_that_goes_on_before_its_patience_is_over_is_left_alone(broker: Broker, database: Database) -> None:
    source_class = HangingSource
    with watched_worker(database, worker_url(broker), broker.worker_filter, source_class=source_class) as watched:
        wait_until(lambda: watched.state == "writer_stuck")
        assert isinstance(watched.source, HangingSource)
        watched.source.go_on.set()
        wait_until(lambda: watched.state == "working")
        assert not watched.ended.wait(STUCK_S * 1.5)


def test_a_writer_that_hangs_on_a_silent_database_is_not_stuck(broker: Broker, database: Database) -> None:
    """The same hang as above; but the database is asked, and does not answer either."""
    with watched_worker(
        database, worker_url(broker), broker.worker_filter, source_class=HangingSource, asks_database=lambda: False
    ) as watched:
        wait_until(lambda: watched.state == "database_away")
        assert watched.ask("/healthz")[0] == 200
        assert watched.ask("/readyz")[0] == 503
        assert not watched.ended.wait(STUCK_S * 2)


def test_a_database_that_is_away_makes_a_worker_alive_and_not_ready(broker: Broker, database: Database) -> None:
    with watched_worker(database, worker_url(broker), broker.worker_filter) as watched:
        wait_until(lambda: watched.beats() >= 1)
        close_database(database)
        try:
            wait_until(lambda: watched.state == "database_away")
            assert watched.ask("/healthz")[0] == 200
            assert watched.ask("/readyz")[0] == 503
            assert not watched.ended.wait(SILENT_S + STUCK_S * 2)
            assert watched.state == "database_away"
            assert watched.metric("bontri_ingest_database_waits_total") > 0
        finally:
            open_database(database)
        wait_until(lambda: watched.state == "working")


@pytest.mark.parametrize("asks", [True, False])
def test_a_database_server_that_has_frozen_is_away_and_control_stuck_if_nobody_asks_it(
    broker: Broker, asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections stay open, nothing is answered, and no limit of the server's own is kept: its clock stands still."""
    monkeypatch.setattr("bontri.database_probe.ANSWER_WITHIN_S", 0.5)
    with scratch_folder("test") as folder, running_postgres(folder, settings={"fsync": "off"}) as server:
        server.create_database("bontri")
        database = Database(server.url("bontri"), {})
        with database.engine().connect() as connection:
            migrate(connection)
        database.engine().dispose()
        asks_database = None if asks else lambda: True
        url = worker_url(broker)
        with watched_worker(database, url, broker.worker_filter, asks_database=asks_database) as watched:
            wait_until(lambda: watched.beats() >= 1)
            frozen = [server.pid, *list_descendants(server.pid)]
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            try:
                if asks:
                    wait_until(lambda: watched.state == "database_away")
                    assert not watched.ended.wait(SILENT_S + STUCK_S * 2)
                    assert watched.ask("/healthz")[0] == 200
                else:
                    assert watched.ended.wait(PATIENCE_S)
            finally:
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)
            wait_until(lambda: watched.state == "working")


def test_a_lock_held_for_longer_than_may_be_waited_for_is_trouble_of_the_database(
    broker: Broker, database: Database, publisher: Publisher, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewards.database, "TIME_LIMITS", "-c lock_timeout=300ms")
    now = datetime.datetime.now(datetime.UTC)
    with watched_worker(database, worker_url(broker), broker.worker_filter) as watched:
        with database.engine().begin() as connection:
            connection.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
            publisher.publish(speaker.events(now, deposit(1, now, badge=BADGE)))
            wait_until(lambda: watched.state == "database_away")
            assert not watched.ended.wait(SILENT_S + STUCK_S * 2)
            assert watched.ask("/healthz")[0] == 200
        assert publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited"
        wait_until(lambda: watched.state == "working")


def test_a_broker_that_has_stopped_is_away_and_its_worker_alive(broker: Broker, database: Database) -> None:
    with watched_worker(database, worker_url(broker), broker.worker_filter) as watched:
        wait_until(lambda: watched.beats() >= 1)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: watched.state == "broker_away")
            assert watched.source._client.is_connected()
            assert watched.ask("/healthz")[0] == 200
            assert watched.ask("/readyz")[0] == 503
            assert not watched.ended.wait(SILENT_S + STUCK_S * 2)
            assert watched.state == "broker_away"
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        wait_until(lambda: watched.state == "working")


def test_a_lost_connection_makes_not_ready_until_there_is_another(broker: Broker, database: Database) -> None:
    with proxy_before(broker) as proxy:
        url = worker_url(broker, port=proxy.port)
        with watched_worker(database, url, broker.worker_filter) as watched:
            wait_until(lambda: watched.state == "working")
            proxy.cut()
            wait_until(lambda: watched.state == "broker_away")
            assert watched.ask("/healthz")[0] == 200
            wait_until(lambda: watched.state == "working")
            assert watched.metric("bontri_ingest_reconnects_total") == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_network_thread_that_died_is_told_although_the_client_calls_itself_connected(
    broker: Broker, database: Database, publisher: Publisher, speaker: Speaker
) -> None:
    def fail() -> None:
        raise RuntimeError("a bug in a callback")

    source = MqttSource(
        BrokerAddress.from_url(worker_url(broker)), client_id="watched", topic_filter=broker.worker_filter
    )
    with source:
        assert source.wait_until_subscribed(timeout_s=PATIENCE_S)
        source._client.on_turn = fail
        wait_until(lambda: not source.is_network_thread_alive())
        assert source._client.is_connected()
        assert source._observer.vitals.judge(is_network_thread_alive=source.is_network_thread_alive()) == "network_dead"


def test_a_broker_that_forbids_heartbeats_is_told_once_and_the_worker_works_without(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = bontri.mosquitto_accounts._TOPICS_OF_ROLE
    without = tuple(topic for topic in topics["worker"] if "heartbeat" not in topic)
    monkeypatch.setitem(topics, "worker", without)  # type: ignore[arg-type]
    with (
        mosquitto() as strict,
        capture_logs() as logged,
        watched_worker(database, worker_url(strict), strict.worker_filter) as watched,
    ):
        wait_until(watched.source.is_heartbeat_refused)
        assert not watched.ended.wait(SILENT_S + STUCK_S * 2)
        status, health = watched.ask("/readyz")
        assert (status, health["state"]) == (200, "working")
        assert health["heartbeats"] == "refused by the broker"
        assert watched.beats() == 0
        # Writers and database are still proved, by heartbeats put straight into the queue.
        before = watched.observer.vitals.database_answered_s
        wait_until(lambda: watched.observer.vitals.database_answered_s != before)
        assert [entry["event"] for entry in logged].count("heartbeat_refused") == 1


def test_a_heartbeat_of_somebody_else_is_not_taken_for_ours(broker: Broker, database: Database) -> None:
    with watched_worker(database, worker_url(broker), broker.worker_filter) as watched:
        wait_until(lambda: watched.beats() >= 1)
        forged = b"1000\n" + b"0" * 64
        watched.source._client.publish(watched.source._heartbeats.topic, forged, qos=0)
        before = watched.beats()
        wait_until(lambda: watched.beats() >= before + 3)
        assert watched.state == "working"
        assert watched.metric("bontri_ingest_messages_total") == 0


def test_the_database_is_asked_without_hanging_on_one_that_takes_and_says_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bontri.database_probe.ANSWER_WITHIN_S", 0.5)
    assert DatabaseProbe(database.url)()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        probe = DatabaseProbe(f"postgresql+psycopg://nobody:x@127.0.0.1:{port}/none?connect_timeout=1")
        assert not probe()
    assert not DatabaseProbe("postgresql+psycopg://nobody:x@127.0.0.1:1/none")()


def test_connections_to_the_database_notice_a_host_that_vanished(database: Database) -> None:
    engine = open_engine(database.url, role="bontri_ingest")
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        with socket.fromfd(raw.pgconn.socket, socket.AF_INET, socket.SOCK_STREAM) as link:
            assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            unanswered_s = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1000
            idle_s = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            probes = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
            between_s = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
    engine.dispose()
    assert 0 < unanswered_s <= 30
    assert idle_s + probes * between_s <= 30


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(MonitoringError, match="BONTRI_INGEST_HTTP_PORT"),
        monitoring_listener(None, host="127.0.0.1", port=taken.getsockname()[1]),  # type: ignore[arg-type]
    ):
        pass
