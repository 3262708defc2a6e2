"""A private Mosquitto with passwords and ACL, the reference backend on it, and what happens when that broker dies."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from simulators.counts import FleetCounts
from simulators.fleet_file import ProvisionedFleet, read_fleet
from simulators.run import run_fleet
from tests.unit.test_simulators_reference_backend import ReferenceBackend

ACL = """user backend
topic readwrite bontri/#

pattern write bontri/v1/+/%u/up/#
pattern read bontri/v1/+/%u/down/#
"""
LAST_BIN = 12  # every password costs the hashing of it


def wait_until(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def find_mosquitto() -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    found = shutil.which("mosquitto", path=path), shutil.which("mosquitto_passwd", path=path)
    if None in found:
        how = "mosquitto is missing; install it with: apt-get install mosquitto"
        if os.environ.get("CI") == "true":
            pytest.fail(how)
        pytest.skip(how)
    return str(found[0])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Broker:
    """One Mosquitto started here; only this process is ever killed."""

    folder: Path
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def configure(self, *, certificate: tuple[Path, Path] | None = None) -> None:
        names = [f"PLC-{number:05}" for number in range(1, LAST_BIN + 1)]
        passwords = self.folder / "passwords"
        passwords.write_text("".join(f"{name}:pw-{name}\n" for name in [*names, "backend"]))
        subprocess.run(["mosquitto_passwd", "-U", passwords], check=True, capture_output=True)
        (self.folder / "acl").write_text(ACL)
        lines = ["per_listener_settings false", "allow_anonymous false", "max_queued_messages 1000000"]
        lines += [f"password_file {passwords}", f"acl_file {self.folder / 'acl'}", "log_dest stderr"]
        lines += ["user root"] if os.geteuid() == 0 else []  # or it becomes a user that cannot read our folder
        lines += [f"listener {self.port} 127.0.0.1"]
        if certificate is not None:
            lines += [f"listener {self.tls_port} 127.0.0.1"]
            lines += [f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        log = self.folder / "mosquitto.log"
        with log.open("wb") as stderr:
            command = [find_mosquitto(), "-c", str(self.folder / "mosquitto.conf")]
            self.process = process = subprocess.Popen(command, stderr=stderr)
        wait_until(lambda: b" running" in log.read_bytes() or process.poll() is not None)
        # "running" is logged after the ports are bound, so what answers there is the process started here.
        assert process.poll() is None, log.read_text()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def running_broker(folder: Path, *, certificate: tuple[Path, Path] | None = None) -> Iterator[Broker]:
    find_mosquitto()
    folder.mkdir()
    broker = Broker(folder)
    broker.configure(certificate=certificate)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class Backend:
    """The reference backend on the wire; what its thread fails at is raised when it closes."""

    def __init__(self, port: int, provisioned: ProvisionedFleet) -> None:
        self.reference = ReferenceBackend({b.identity.bin: b.identity.keys[1] for b in provisioned.bins})
        self.failures: list[BaseException] = []
        self.subscribed = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="backend", protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set("backend", "pw-backend")
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("bontri/v1/+/+/up/#", qos=1)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.subscribed.wait(5)

    def _on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            answer = self.reference.answer(message.topic, bytes(message.payload), datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - carried to the thread of the test
            self.failures.append(error)
        else:
            if answer is not None:
                client.publish(*answer, qos=0)

    def fields(self, kind: str) -> list[dict[str, Any]]:
        return [fields for name, fields in list(self.reference.messages) if name == kind]

    def committed(self) -> dict[str, dict[int, dict[str, Any]]]:
        """Return the events by bin, each bin having had one journal only."""
        by_bin = {bin_id: events for (bin_id, _), events in list(self.reference.committed.items())}
        assert len(by_bin) == len(self.reference.committed)
        return by_bin

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        assert self.failures == []
        assert self.reference.conflicts == []


@contextmanager
def running_backend(port: int, provisioned: ProvisionedFleet) -> Iterator[Backend]:
    backend = Backend(port, provisioned)
    try:
        yield backend
    finally:
        backend.close()


def fleet_content(broker: dict[str, Any], bins: int, *, password: str | None = None) -> dict[str, Any]:
    names = [f"PLC-{number:05}" for number in range(1, bins + 1)]
    return {
        "broker": broker,
        "authority": "plaine-commune",
        "bins": [
            {
                "bin": name,
                "key_number": 1,
                "key": name.encode().hex().ljust(64, "0"),
                "password": password or f"pw-{name}",
            }
            for name in names
        ],
        "badges": [f"B{number:05}" for number in range(40)],
    }


def provision(broker: Broker, bins: int, *, password: str | None = None) -> ProvisionedFleet:
    return read_fleet(fleet_content({"host": "127.0.0.1", "port": broker.port}, bins, password=password))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


def test_the_broker_of_these_tests_refuses_strangers(broker: Broker) -> None:
    reasons: list[Any] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="x", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: reasons.append(reason)
    client.connect("127.0.0.1", broker.port)
    wait_until(lambda: bool(client.loop(0.1)) or bool(reasons))
    assert reasons[0].is_failure
    client.disconnect()


def test_a_killed_broker_loses_no_deposit(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 8)
    killed_at: list[int] = []

    def kill_once(counts: FleetCounts) -> None:
        if not killed_at:
            broker.kill()  # SIGKILL: what it had acknowledged and not delivered is gone
            broker.start()
            killed_at.append(counts.produced_deposits)

    with running_backend(broker.port, provisioned) as backend:
        counts = run_fleet(
            provisioned,
            rate_per_s=150,
            duration_s=3,
            seed=1,
            folder=tmp_path / "journals",
            on_progress=kill_once,
        )
        assert 0 < killed_at[0] < 450
        assert (counts.lost_connections, counts.unsettled_events) == (8, 0)
        assert sum(len(stored) for stored in backend.committed().values()) == counts.produced_deposits == 450
