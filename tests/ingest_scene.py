"""What stands around the ingest in tests that speak MQTT: a database, a broker, a publisher, workers.

The broker is Mosquitto, started here; the publisher stands in for many bins (account ``fleet``) and keeps every
receipt it hears.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from sqlalchemy import text

from bontri.broker_accounts import BrokerAccount
from bontri.embedded.broker import Broker, running_broker
from bontri.embedded.folders import scratch_folder
from bontri.embedded.processes import Child, start_child
from bontri.provisioning import WORKER_USERNAME, list_broker_accounts
from bontri.readiness import ReadySocket
from ingest.broker_address import Broker as BrokerAddress
from ingest.messages import Message, Outgoing
from ingest.mqtt import MqttSource
from ingest.pipeline import Pipeline
from ingest.worker import Worker
from reliability.chaos.proxy import Proxy
from rewards.database import open_engine
from rewards.keyring import Keyring
from tests.databases import Database
from tests.requirements import require_mosquitto
from tests.speaker import read

KEYRING = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
FLEET = BrokerAccount("fleet", "secret", "fleet")
PATIENCE_S = 15.0
ROOT = Path(__file__).parents[1]


def wait_until(condition: Callable[[], Any], *, within_s: float = PATIENCE_S) -> Any:
    """Return the first true value of ``condition``."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)
    return value


@contextmanager
def mosquitto(bin_ids: Sequence[str] = ()) -> Iterator[Broker]:
    """A Mosquitto of our own with the accounts of the worker, of a publisher for many bins, and of ``bin_ids``."""
    require_mosquitto()
    accounts = [*list_broker_accounts(bin_ids, keyring=KEYRING), FLEET]
    with scratch_folder("test") as folder, running_broker(folder, accounts=accounts, kind="mosquitto") as broker:
        yield broker


def worker_url(broker: Broker, *, port: int | None = None) -> str:
    """Return the worker's address at the broker, or at a proxy before it."""
    url = broker.url(WORKER_USERNAME, KEYRING.broker_password(username=WORKER_USERNAME))
    return url.replace(f":{broker.port}", f":{port or broker.port}")


class Publisher:
    """Publishes for any bin with QoS 1, and keeps the receipts of all."""

    def __init__(self, broker: Broker) -> None:
        self.receipts: list[Outgoing] = []
        self.on_receipt: Callable[[Outgoing], object] = lambda receipt: None
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id="fleet", protocol=MQTTProtocolVersion.MQTTv5, clean_session=None
        )
        self._client.username_pw_set(FLEET.username, FLEET.password)
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = lambda client, *_: client.subscribe("bontri/v1/+/+/down/receipt", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._keep
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, *messages: Message, qos: int = 1, is_retained: bool = False) -> None:
        """Publish, and return when the broker has taken all of them; nothing is ever sent twice."""
        sent = [
            self._client.publish(message.topic, message.payload, qos=qos, retain=is_retained) for message in messages
        ]
        for info in sent:
            info.wait_for_publish(PATIENCE_S)
            assert info.is_published()

    def receipts_of(self, bin_id: str) -> list[dict[str, Any]]:
        """Return the receipts of one bin so far, in the order heard."""
        return [read(receipt) for receipt in list(self.receipts) if receipt.topic.split("/")[3] == bin_id]

    def wait_for_result(self, bin_id: str, seq: int) -> dict[str, Any]:
        """Return the newest result told of one event."""

        def find() -> dict[str, Any] | None:
            results = [result for receipt in self.receipts_of(bin_id) for result in receipt.get("results", ())]
            return next((result for result in reversed(results) if result["seq"] == seq), None)

        found: dict[str, Any] = wait_until(find)
        return found

    def _keep(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        receipt = Outgoing(message.topic, bytes(message.payload))
        self.receipts.append(receipt)
        self.on_receipt(receipt)


@contextmanager
def connected_publisher(broker: Broker) -> Iterator[Publisher]:
    publisher = Publisher(broker)
    try:
        yield publisher
    finally:
        publisher.close()


@contextmanager
def worker_thread(
    database: Database,
    url: str,
    *,
    topic_filter: str,
    client_id: str = "worker",
    source_class: type[MqttSource] = MqttSource,
) -> Iterator[Worker]:
    """The real worker on its real source, in a thread; it is stopped in order."""
    stop = threading.Event()
    engine = open_engine(database.url, role="bontri_ingest")
    source = source_class(BrokerAddress.from_url(url), client_id=client_id, topic_filter=topic_filter)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        stack.enter_context(source)
        assert source.wait_until_subscribed(timeout_s=PATIENCE_S), source.refusal
        worker = Worker(source, Pipeline(engine, KEYRING), stop=stop, writers=2)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield worker
        finally:
            stop.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def worker_environment(database_url: str, mqtt_url: str, **more: str) -> dict[str, str]:
    """Return the whole environment of ``bontri ingest``."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url,
        "MQTT_URL": mqtt_url,
        "BONTRI_MASTER_KEY": KEYRING.master_key.hex(),
        "BONTRI_BADGE_PEPPER": KEYRING.badge_pepper.hex(),
        "BONTRI_STORAGE_KEY": KEYRING.storage_key.hex(),
        "BONTRI_MQTT_CLIENT_ID": "worker",
        "BONTRI_LOG_FORMAT": "json",
        **more,
    }


@dataclass
class WorkerProcesses:
    """Starts ``bontri ingest`` again and again; whatever still runs at the end is ended."""

    folder: Path
    environment: Mapping[str, str]
    command: Sequence[str] = ("-m", "bontri", "ingest")
    started: list[Child] = field(default_factory=list)

    def start(self) -> Child:
        """Start one and return when it takes messages."""
        ready = ReadySocket(self.folder / "ready")
        try:
            child = start_child(
                [sys.executable, *self.command],
                name="bontri ingest",
                log_path=self.folder / "ingest.log",
                environment={**self.environment, **ready.environment},
            )
            self.started.append(child)
            is_ready = ready.wait(timeout_s=30, is_running=lambda: child.is_running)
            assert is_ready, child.read_last_lines(20)
        finally:
            ready.close()
        return child

    def stop_all(self) -> None:
        for child in self.started:
            child.stop()


@contextmanager
def worker_processes(
    database: Database, broker: Broker, *, command: Sequence[str] = ("-m", "bontri", "ingest")
) -> Iterator[WorkerProcesses]:
    with scratch_folder("test") as folder:
        environment = worker_environment(
            database.url, worker_url(broker), BONTRI_MQTT_TOPIC_FILTER=broker.worker_filter
        )
        processes = WorkerProcesses(folder, environment, command)
        try:
            yield processes
        finally:
            processes.stop_all()


def scalar(database: Database, query: str, **parameters: Any) -> Any:
    """Return the one value of a query, read as the owner."""
    with database.engine().connect() as connection:
        return connection.scalar(text(query), parameters)


@contextmanager
def proxy_before(broker: Broker) -> Iterator[Proxy]:
    proxy = Proxy(broker.port, seed=0)
    try:
        yield proxy
    finally:
        proxy.close()
