"""``bontri ingest`` as an operator runs it: processes, signals, monitoring, the watchdog of systemd."""

import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bontri.embedded.broker import Broker
from bontri.embedded.folders import scratch_folder
from bontri.embedded.listeners import choose_free_port
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.processes import Child
from bontri.monitoring import Health
from bontri.worker_group import Member, WorkerGroup
from bontri.worker_reports import ReportReceiver, WorkerReport
from ingest.broker_address import Broker as BrokerAddress
from ingest.messages import Message
from ingest.mqtt import MqttSource
from ingest.sessions import end_former_sessions, member_ids
from ingest.topics import PLAIN_FILTER, shared_filter
from tests.databases import Database
from tests.factories import Town, build_town
from tests.hanging_worker import HANG_FILE
from tests.ingest_scene import (
    KEYRING,
    PATIENCE_S,
    Publisher,
    WorkerProcesses,
    scalar,
    wait_until,
    worker_environment,
    worker_url,
)
from tests.speaker import Speaker, deposit

MESSAGES = 24
LOAD = 9000
"""More than a fast worker commits between its first batches and its end: each writer finishes one more."""
GROUP = ("-m", "bontri", "ingest", "--workers", "2")


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, KEYRING)


@pytest.fixture
def port() -> int:
    return choose_free_port()


@contextmanager
def processes(
    database: Database, broker: Broker, port: int, *, command: tuple[str, ...] = GROUP, **settings: str
) -> Iterator[WorkerProcesses]:
    """Workers in a group and with sessions of this test's own."""
    name = f"test-{port}"
    environment = worker_environment(
        database.url,
        worker_url(broker),
        BONTRI_MQTT_TOPIC_FILTER=f"$share/{name}/{PLAIN_FILTER}",
        BONTRI_MQTT_CLIENT_ID=name,
        BONTRI_INGEST_HTTP_PORT=str(port),
        **settings,
    )
    with scratch_folder("test") as folder:
        started = WorkerProcesses(folder, environment, command)
        try:
            yield started
        finally:
            started.stop_all()


def ask(port: int, path: str) -> str:
    """Return what monitoring answers, with 503 as well as with 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return str(error.read().decode())


def metric(port: int, name: str) -> float:
    lines = ask(port, "/metrics").splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def logged(worker: Child) -> list[dict[str, Any]]:
    return [json.loads(line) for line in worker.log_path.read_text().splitlines() if line.startswith("{")]


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def deposits(town: Town, first: int, count: int) -> list[Message]:
    now = datetime.datetime.now(datetime.UTC)
    speaker = Speaker(KEYRING, town.slug, town.bin_ids[0])
    return [speaker.events(now, deposit(seq, now)) for seq in range(first, first + count)]


def test_two_workers_share_the_work_and_one_port_tells_the_sum(
    broker: Broker, database: Database, town: Town, publisher: Publisher, port: int
) -> None:
    with processes(database, broker, port) as workers:
        parent = workers.start()
        children = list_descendants(parent.pid)
        assert len(children) == 2
        publisher.publish(*deposits(town, 1, 40))
        wait_until(lambda: metric(port, "bontri_ingest_events_total") == 40)
        assert metric(port, "bontri_ingest_messages_total") == 40
        for errand in ("downlink", "fleet_watch", "replay"):
            wait_until(lambda name=errand: f'bontri_ingest_errands_total{{kind="{name}"}} ' in ask(port, "/metrics"))
        health = json.loads(ask(port, "/readyz"))
        assert (health["state"], health["is_ready"]) == ("working", True)
        assert {name: each["state"] for name, each in health["workers"].items()} == {
            f"test-{port}-1": "working",
            f"test-{port}-2": "working",
        }

        # Killed, it is started again, what it had counted stays, and everything is committed.
        os.kill(children[0], signal.SIGKILL)
        publisher.publish(*deposits(town, 41, 40))
        wait_until(lambda: metric(port, "bontri_ingest_process_starts_total") == 3)
        wait_until(lambda: scalar(database, "SELECT count(*) FROM events") == 80)
        wait_until(lambda: json.loads(ask(port, "/healthz"))["is_ready"])
        assert metric(port, "bontri_ingest_events_total") >= 40

        children = list_descendants(parent.pid)
        parent.process.terminate()
        assert parent.process.wait(20) == 0
        assert not [pid for pid in children if is_running(pid)]
        events = [entry["event"] for entry in logged(parent)]
        assert events.count("worker_stopped_by_parent") == 2
        assert {entry["exit_code"] for entry in logged(parent) if entry["event"] == "worker_stopped_by_parent"} == {0}
    assert scalar(database, "SELECT count(*) FROM events") == 80


def test_a_worker_stopped_in_mid_load_leaves_nothing_to_be_handled_twice(
    broker: Broker, database: Database, town: Town, publisher: Publisher, port: int
) -> None:
    with processes(database, broker, port, command=("-m", "bontri", "ingest")) as workers:
        first = workers.start()
        with database.engine().begin() as connection:
            # All of them wait before the first is committed.
            connection.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
            publisher.publish(*deposits(town, 1, LOAD))
        wait_until(lambda: scalar(database, "SELECT count(*) FROM events") > 0)
        first.process.terminate()
        assert first.process.wait(20) == 0
        before = scalar(database, "SELECT count(*) FROM events")
        assert before < LOAD
        told = sum(len(receipt["results"]) for receipt in publisher.receipts_of(town.bin_ids[0]))
        assert told == before
        second = workers.start()
        wait_until(lambda: scalar(database, "SELECT count(*) FROM events") == LOAD)
        wait_until(lambda: metric(port, "bontri_ingest_events_total") == LOAD - before)
        assert metric(port, "bontri_ingest_repeats_total") == 0
        second.process.terminate()
        assert second.process.wait(20) == 0


def test_workers_die_with_a_parent_that_was_killed(broker: Broker, database: Database, port: int) -> None:
    with processes(database, broker, port) as workers:
        parent = workers.start()
        children = list_descendants(parent.pid)
        parent.process.kill()
        wait_until(lambda: not [pid for pid in children if is_running(pid)])


def test_workers_that_cannot_start_end_the_group_with_a_sentence(broker: Broker, database: Database) -> None:
    environment = worker_environment("postgresql://nobody@127.0.0.1:1/none", worker_url(broker))
    done = subprocess.run(
        [sys.executable, *GROUP], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "ended 3 times at the start" in done.stderr
    assert "the database of DATABASE_URL cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_workers_on_a_plain_filter_are_refused(broker: Broker, database: Database) -> None:
    environment = worker_environment(database.url, worker_url(broker), BONTRI_MQTT_TOPIC_FILTER=PLAIN_FILTER)
    done = subprocess.run(
        [sys.executable, *GROUP], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "need a shared subscription" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_that_says_nothing_any_more_is_killed(tmp_path: Path) -> None:
    receiver = ReportReceiver(tmp_path / "reports")
    settings: Any = type("Settings", (), {"ingest_stuck_after": 60.0})()
    with subprocess.Popen(["sleep", "100"]) as silent, subprocess.Popen(["sleep", "100"]) as spoken:
        members = [Member("a", silent, heard_s=time.monotonic() - 100), Member("b", spoken, heard_s=time.monotonic())]
        for member in members:
            process = member.process
            assert process is not None
            well = Health("working", is_alive=True, is_ready=True, since="")
            member.report = WorkerReport(member.client_id, process.pid, well, "")
        group = WorkerGroup(settings, receiver, members)
        assert group.health().state == "silent"
        assert not group.health().is_alive
        group._kill_silent()
        assert silent.poll() == -signal.SIGKILL
        assert spoken.poll() is None
        spoken.kill()
    receiver.close()


def test_a_worker_that_does_not_heed_the_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bontri.worker_group.STOP_WITHIN_S", 0.5)
    receiver = ReportReceiver(tmp_path / "reports")
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(100)"
    settings: Any = None
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        WorkerGroup(settings, receiver, [Member("deaf", process)])._stop_all()
        assert process.poll() == -signal.SIGKILL
    receiver.close()


def test_a_stuck_worker_ends_with_1_and_says_where_it_hangs(broker: Broker, database: Database, port: int) -> None:
    with scratch_folder("test") as folder:
        hang = folder / "hang"
        settings = {HANG_FILE: str(hang), "BONTRI_INGEST_STUCK_AFTER": "0.5"}
        command = ("-m", "tests.hanging_worker", "ingest")
        with processes(database, broker, port, command=command, **settings) as workers:
            worker = workers.start()
            assert json.loads(ask(port, "/readyz"))["is_ready"]
            hang.touch()
            assert worker.process.wait(20) == 1
            stuck = next(entry for entry in logged(worker) if entry["event"] == "worker_stuck")
            assert any("hanging_worker.py" in line for lines in stuck["where"].values() for line in lines)


def read_until_silent(manager: socket.socket) -> list[bytes]:
    """Return what is said until nothing has been for the time the socket waits; runs into the test's limit if never."""
    said = []
    with suppress(TimeoutError):
        while True:
            said.append(manager.recv(100))
    return said


def test_a_worker_under_systemd_feeds_its_watchdog_until_it_is_stuck(
    broker: Broker, database: Database, port: int
) -> None:
    with scratch_folder("test") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(PATIENCE_S)
        hang = folder / "hang"
        environment = worker_environment(
            database.url,
            worker_url(broker),
            NOTIFY_SOCKET=str(folder / "notify"),
            WATCHDOG_USEC="400000",
            BONTRI_MQTT_CLIENT_ID=f"test-{port}",
            BONTRI_INGEST_STUCK_AFTER="60",
            **{HANG_FILE: str(hang)},
        )
        command = [sys.executable, "-m", "tests.hanging_worker", "ingest"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as worker:
            try:
                said = [manager.recv(100) for _ in range(6)]
                assert said.count(b"READY=1") == 1
                assert said.count(b"WATCHDOG=1") == 5
                hang.touch()
                manager.settimeout(2.0)
                assert set(read_until_silent(manager)) <= {b"WATCHDOG=1"}
                assert worker.poll() is None
            finally:
                worker.kill()


def test_the_port_of_monitoring_can_be_chosen_by_the_system(broker: Broker, database: Database) -> None:
    with processes(database, broker, 0, command=("-m", "bontri", "ingest")) as workers:
        worker = workers.start()
        listening = next(entry for entry in logged(worker) if entry["event"] == "monitoring_listens")
        assert listening["host"] == "127.0.0.1"
        assert json.loads(ask(listening["port"], "/healthz"))["is_alive"]
        worker.process.terminate()
        assert worker.process.wait(20) == 0


@pytest.mark.parametrize(("before", "now", "left"), [(3, 1, 3), (1, 2, 1), (3, 2, 1), (2, 2, 0), (1, 1, 0)])
def test_sessions_of_a_former_number_of_workers_take_no_share_any_more(
    broker: Broker, publisher: Publisher, before: int, now: int, left: int
) -> None:
    members = WorkerSessions(broker, f"group-{before}-{now}")
    members.leave_behind(before)
    ended = end_former_sessions(members.address, client_id=members.name, count=now)
    assert len(ended) == left
    assert not set(ended) & set(member_ids(members.name, now))
    assert members.take(publisher, now, within_s=PATIENCE_S) == MESSAGES


def test_control_a_session_nobody_takes_up_again_keeps_its_share(broker: Broker, publisher: Publisher) -> None:
    members = WorkerSessions(broker, "group-control")
    members.leave_behind(3)
    assert 0 < members.take(publisher, 1, within_s=2.0) < MESSAGES


class WorkerSessions:
    """Sessions of several workers in one shared subscription."""

    def __init__(self, broker: Broker, name: str) -> None:
        self.name = name
        self.address = BrokerAddress.from_url(worker_url(broker))
        self._filter = shared_filter(name)

    def leave_behind(self, count: int) -> None:
        """Let ``count`` workers subscribe and go."""
        with self._connected(count):
            pass

    def take(self, publisher: Publisher, count: int, *, within_s: float) -> int:
        """Publish, and return how many messages ``count`` workers are handed."""
        taken, deadline = 0, time.monotonic() + within_s
        with self._connected(count) as sources:
            date = datetime.datetime.now(datetime.UTC)
            publisher.publish(*[Message(f"bontri/v1/a/{self.name}/up/events", b"x", date)] * MESSAGES)
            while taken < MESSAGES and time.monotonic() < deadline:
                for source in sources:
                    batch = source.next_batch(wait_s=0.1)
                    source.acknowledge(batch)
                    taken += len(batch)
        return taken

    @contextmanager
    def _connected(self, count: int) -> Iterator[list[MqttSource]]:
        with ExitStack() as stack:
            sources = [
                stack.enter_context(MqttSource(self.address, client_id=client_id, topic_filter=self._filter))
                for client_id in member_ids(self.name, count)
            ]
            for source in sources:
                assert source.wait_until_subscribed(timeout_s=PATIENCE_S)
            yield sources
