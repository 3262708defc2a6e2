"""The private broker: real Mosquitto and real iotcore, asked over MQTT 5."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bontri.broker_accounts import BrokerAccount
from bontri.embedded import mosquitto
from bontri.embedded.broker import Broker, running_broker
from bontri.embedded.errors import (
    DataFolderBusyError,
    EmbeddedServiceError,
    ListenerError,
    NotSupportedError,
    ProgramMissingError,
)
from bontri.embedded.folders import scratch_folder
from bontri.embedded.listeners import list_listeners
from bontri.embedded.mosquitto import find_mosquitto
from tests.requirements import require_mosquitto

BIN_A, BIN_B = (BrokerAccount(name, "secret", "bin") for name in ("AAA-00001", "BBB-00002"))
WORKER = BrokerAccount("worker", "secret", "worker")
FLEET = BrokerAccount("fleet", "secret", "fleet")
ACCOUNTS = [BIN_A, BIN_B, WORKER, FLEET]
NOT_AUTHORIZED, BAD_CREDENTIALS, NO_SUBSCRIBER = 0x87, 0x86, 0x10
Kind = Literal["mosquitto", "iotcore"]


def require(kind: Kind) -> None:
    if kind == "mosquitto":
        require_mosquitto()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with scratch_folder("test") as folder:
        yield folder


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    require("mosquitto")
    with scratch_folder("test") as folder, running_broker(folder, accounts=ACCOUNTS, kind="mosquitto") as running:
        yield running


@pytest.fixture(params=["mosquitto", "iotcore"])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    require(chosen)
    return chosen


class Session:
    """One MQTT 5 connection driven by hand; keeps what it was told."""

    def __init__(
        self, broker: Broker, account: BrokerAccount, *, password: str | None = None, expiry_s: int = 0
    ) -> None:
        self.connect_code: int | None = None
        self.suback_codes: list[int] = []
        self.puback_codes: list[int] = []
        self.received: list[bytes] = []
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=account.username, protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.username_pw_set(account.username, account.password if password is None else password)
        self.client.on_connect = lambda _c, _d, _f, code, _p: setattr(self, "connect_code", code.value)
        self.client.on_subscribe = lambda _c, _d, _m, codes, _p: self.suback_codes.extend(c.value for c in codes)
        self.client.on_publish = lambda _c, _d, _m, code, _p: self.puback_codes.append(code.value)
        self.client.on_message = lambda _c, _d, message: self.received.append(bytes(message.payload))
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = expiry_s
        self.client.connect(broker.host, broker.port, clean_start=expiry_s == 0, properties=properties)
        self.is_broken = False
        self.pump_until(lambda: self.connect_code is not None)

    def pump_until(self, condition: Callable[[], bool], *, seconds: float = 5.0) -> bool:
        deadline = time.monotonic() + seconds
        while not condition() and not self.is_broken and time.monotonic() < deadline:
            self.is_broken = self.client.loop(0.02) != MQTTErrorCode.MQTT_ERR_SUCCESS
        return condition()

    def subscribe(self, topic_filter: str) -> None:
        self.client.subscribe(topic_filter, qos=1)
        assert self.pump_until(lambda: bool(self.suback_codes))

    def publish(self, topic: str, payload: bytes = b"x") -> int:
        """Return the reason code of the PUBACK."""
        known = len(self.puback_codes)
        self.client.publish(topic, payload, qos=1)
        assert self.pump_until(lambda: len(self.puback_codes) > known)
        return self.puback_codes[-1]

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.client.disconnect()


@pytest.mark.usefixtures("nothing_left")
def test_broker_round_trips_on_loopback_only_and_leaves_nothing(data_dir: Path, kind: Kind) -> None:
    with running_broker(data_dir, accounts=ACCOUNTS, kind=kind) as broker:
        assert broker.kind == kind
        assert [listener.address for listener in list_listeners(broker.port)] == ["127.0.0.1"]
        broker.assert_healthy()
        with Session(broker, WORKER) as worker, Session(broker, BIN_A) as bin_a:
            worker.subscribe(broker.worker_filter)
            assert bin_a.publish("bontri/v1/marseille/AAA-00001/up/events", b"deposit") == 0
            assert worker.pump_until(lambda: worker.received == [b"deposit"])
    assert not list_listeners(broker.port)


@pytest.mark.usefixtures("nothing_left")
def test_broker_does_not_run_as_root_nor_in_its_groups(data_dir: Path, kind: Kind) -> None:
    with running_broker(data_dir, accounts=ACCOUNTS, kind=kind) as broker:
        status = Path(f"/proc/{broker.pid}/status").read_text()
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in lines["Uid"].split()
    if os.geteuid() == 0:
        assert "0" not in lines["Gid"].split() + lines["Groups"].split()


def test_wrong_password_and_no_password_are_refused(data_dir: Path, kind: Kind) -> None:
    with running_broker(data_dir, accounts=ACCOUNTS, kind=kind) as broker:
        for account, password in ((BIN_A, "wrong"), (BIN_A, ""), (BrokerAccount("CCC-3", "x", "bin"), None)):
            with Session(broker, account, password=password) as refused:
                # iotcore hangs up without a word; Mosquitto says why.
                expected = {NOT_AUTHORIZED, BAD_CREDENTIALS} if kind == "mosquitto" else {None}
                assert refused.connect_code in expected
        with Session(broker, BIN_A) as accepted:
            assert accepted.connect_code == 0


def test_nothing_is_left_after_an_exception(data_dir: Path, kind: Kind, nothing_left: None) -> None:
    with pytest.raises(KeyboardInterrupt), running_broker(data_dir, accounts=ACCOUNTS, kind=kind) as broker:
        raise KeyboardInterrupt
    assert not list_listeners(broker.port)


def test_port_of_somebody_else_is_refused(data_dir: Path, kind: Kind, nothing_left: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises((EmbeddedServiceError, ListenerError)),
            running_broker(data_dir, accounts=ACCOUNTS, kind=kind, port=port),
        ):
            pytest.fail("started")


def test_open_port_alone_is_not_health(data_dir: Path, kind: Kind) -> None:
    with running_broker(data_dir, accounts=ACCOUNTS, kind=kind) as broker:
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            socket.create_connection((broker.host, broker.port)).close()  # Control: the kernel still accepts.
            with pytest.raises(EmbeddedServiceError, match="no message came back"):
                broker.assert_healthy(timeout_s=0.3)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        broker.assert_healthy()
        broker.kill()
        with pytest.raises(ListenerError):
            broker.assert_healthy()


def test_bin_may_publish_as_itself_only(broker: Broker) -> None:
    with Session(broker, WORKER) as worker, Session(broker, BIN_A) as bin_a:
        worker.subscribe("bontri/v1/+/+/up/#")
        assert bin_a.publish("bontri/v1/marseille/AAA-00001/up/events", b"mine") == 0
        for topic in (
            "bontri/v1/marseille/BBB-00002/up/events",
            "bontri/v1/marseille/AAA-00001/down/receipt",
            "bontri/v1/marseille/BBB-00002/down/command",
            "bontri/v1/AAA-00001/up/events",
            "bontri/health",
            "elsewhere",
        ):
            assert bin_a.publish(topic) == NOT_AUTHORIZED, topic
        bin_a.publish("bontri/v1/marseille/AAA-00001/up/status", b"last")
        assert worker.pump_until(lambda: b"last" in worker.received)
        assert worker.received == [b"mine", b"last"]


def test_bin_may_read_its_own_only(broker: Broker) -> None:
    with (
        Session(broker, WORKER) as worker,
        Session(broker, BIN_A) as bin_a,
        Session(broker, BIN_B) as bin_b,
    ):
        bin_a.subscribe("bontri/#")
        bin_b.subscribe("bontri/v1/+/BBB-00002/down/#")
        worker.publish("bontri/v1/marseille/BBB-00002/down/receipt", b"for b")
        bin_b.publish("bontri/v1/marseille/BBB-00002/up/events", b"from b")
        worker.publish("bontri/v1/marseille/AAA-00001/down/receipt", b"for a")
        assert bin_b.pump_until(lambda: bin_b.received == [b"for b"])
        assert bin_a.pump_until(lambda: bool(bin_a.received))
        assert bin_a.received == [b"for a"]


def test_worker_may_not_publish_as_a_bin_and_the_fleet_may(broker: Broker) -> None:
    with Session(broker, WORKER) as worker, Session(broker, FLEET) as fleet:
        assert worker.publish("bontri/v1/marseille/AAA-00001/up/events") == NOT_AUTHORIZED
        assert fleet.publish("bontri/v1/marseille/AAA-00001/up/events") in (0, NO_SUBSCRIBER)
        assert fleet.publish("bontri/v1/marseille/AAA-00001/down/command") == NOT_AUTHORIZED
        fleet.subscribe("bontri/v1/+/+/down/#")
        worker.publish("bontri/v1/marseille/AAA-00001/down/receipt", b"receipt")
        assert fleet.pump_until(lambda: fleet.received == [b"receipt"])


def test_packet_too_large_for_a_bin_still_reaches_the_worker(broker: Broker) -> None:
    with Session(broker, WORKER) as worker, Session(broker, BIN_A) as bin_a:
        worker.subscribe(broker.worker_filter)
        bin_a.publish("bontri/v1/marseille/AAA-00001/up/events", bytes(60_000))
        assert worker.pump_until(lambda: [len(payload) for payload in worker.received] == [60_000])


def test_accounts_are_replaced_while_clients_stay(data_dir: Path) -> None:
    require("mosquitto")
    new = BrokerAccount("CCC-00003", "fresh", "bin")
    with running_broker(data_dir, accounts=ACCOUNTS, kind="mosquitto") as broker:
        with Session(broker, new) as early:
            assert early.connect_code == NOT_AUTHORIZED
        with Session(broker, WORKER) as worker, Session(broker, BIN_A) as removed:
            worker.subscribe(broker.worker_filter)
            broker.reload_accounts([WORKER, new])
            with Session(broker, new) as accepted:
                assert accepted.publish("bontri/v1/marseille/CCC-00003/up/events", b"new") == 0
            assert worker.pump_until(lambda: worker.received == [b"new"])
            removed.pump_until(lambda: False, seconds=1.0)
            assert removed.is_broken
        broker.assert_healthy()


def test_iotcore_says_that_it_cannot_replace_accounts(data_dir: Path) -> None:
    with (
        running_broker(data_dir, accounts=ACCOUNTS, kind="iotcore") as broker,
        pytest.raises(NotSupportedError, match="start it again"),
    ):
        broker.reload_accounts(ACCOUNTS)


def test_worker_filter_is_shared_on_mosquitto_and_plain_on_iotcore(data_dir: Path, kind: Kind) -> None:
    expected = {"mosquitto": "$share/ingest/bontri/v1/+/+/up/#", "iotcore": "bontri/v1/+/+/up/#"}
    with running_broker(data_dir, accounts=ACCOUNTS, kind=kind) as broker:
        assert broker.worker_filter == expected[kind]
        assert broker.url("worker", "a:b@c/d") == f"mqtt://worker:a%3Ab%40c%2Fd@127.0.0.1:{broker.port}"
        assert "secret" not in repr(broker)


def test_queued_messages_survive_an_orderly_restart_on_the_same_port(data_dir: Path) -> None:
    require("mosquitto")
    with running_broker(data_dir, accounts=ACCOUNTS, kind="mosquitto") as first:
        with Session(first, WORKER, expiry_s=3600) as worker:
            worker.subscribe(first.worker_filter)
        with Session(first, BIN_A) as bin_a:
            assert bin_a.publish("bontri/v1/marseille/AAA-00001/up/events", b"kept") == 0
    with running_broker(data_dir, accounts=ACCOUNTS, kind="mosquitto", port=first.port) as second:
        assert second.port == first.port
        with Session(second, WORKER, expiry_s=3600) as worker:
            assert worker.pump_until(lambda: worker.received == [b"kept"])


def test_killed_broker_starts_again_on_the_same_port(data_dir: Path, kind: Kind) -> None:
    with running_broker(data_dir, accounts=ACCOUNTS, kind=kind) as first, Session(first, WORKER):
        first.kill()
    with running_broker(data_dir, accounts=ACCOUNTS, kind=kind, port=first.port) as second:
        second.assert_healthy()
        assert second.pid != first.pid


def test_folder_in_use_by_another_broker_is_refused(data_dir: Path) -> None:
    with running_broker(data_dir, accounts=ACCOUNTS, kind="iotcore") as broker:
        with (
            pytest.raises(DataFolderBusyError, match="in use by process"),
            running_broker(data_dir, accounts=ACCOUNTS),
        ):
            pytest.fail("started twice")
        broker.assert_healthy()


@pytest.fixture
def no_mosquitto(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mosquitto, "_SYSTEM_FOLDERS", str(tmp_path))


@pytest.mark.usefixtures("no_mosquitto")
def test_missing_mosquitto_says_what_to_install(data_dir: Path) -> None:
    with (
        pytest.raises(ProgramMissingError, match=r"apt install mosquitto.*MQTT_URL"),
        running_broker(data_dir, accounts=ACCOUNTS, kind="mosquitto"),
    ):
        pytest.fail("started")


@pytest.mark.usefixtures("no_mosquitto")
def test_iotcore_steps_in_for_a_missing_mosquitto(data_dir: Path) -> None:
    with running_broker(data_dir, accounts=ACCOUNTS) as broker:
        assert broker.kind == "iotcore"


@pytest.mark.usefixtures("no_mosquitto")
def test_mosquitto_before_version_2_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "mosquitto"
    old.write_text("#!/bin/sh\necho mosquitto version 1.6.9\nexit 3\n")
    old.chmod(0o755)
    with pytest.raises(ProgramMissingError, match="not Mosquitto 2"):
        find_mosquitto()
