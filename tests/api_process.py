"""``bontri api`` as a process of its own, over the database of a test."""

import http.client
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bontri.demo.services import wait_until_serving
from bontri.embedded.listeners import LOOPBACK, choose_free_port
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.processes import Child, start_child
from bontri.embedded.startup import start_on_port
from bontri.settings import SECRETS
from rewards.keyring import Keyring
from tests.databases import Database


@dataclass
class Server:
    """``bontri api`` as a process, and where it and its monitoring listen."""

    child: Child
    port: int
    monitoring_port: int

    def get(self, path: str, *, port: int | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(LOOPBACK, port or self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def count(self, name: str, **labels: str) -> float:
        """Return what monitoring tells of a metric, summed over the labels that are not given."""
        _, metrics = self.get("/metrics", port=self.monitoring_port)
        return sum(
            sample.value
            for family in text_string_to_metric_families(metrics)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def refuses_connections(self) -> bool:
        try:
            self.get("/healthz")
        except ConnectionError:
            return True
        return False


@contextmanager
def running_server(folder: Path, database: Database, keys: Keyring, **settings: str) -> Iterator[Server]:
    secrets = dict(zip(SECRETS, (keys.master_key, keys.badge_pepper, keys.storage_key), strict=True))
    monitoring_port = choose_free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BONTRI_")},
        **{name: value.hex() for name, value in secrets.items()},
        "DATABASE_URL": database.url,
        "BONTRI_MAIL_URL": f"file://{folder}",
        "BONTRI_API_MONITORING_PORT": str(monitoring_port),
        "BONTRI_LOG_LEVEL": "error",
        **settings,
    }

    def start(port: int) -> Child:
        return start_child(
            [sys.executable, "-m", "bontri", "api"],
            name="bontri api",
            log_path=folder / "api.log",
            environment={**environment, "BONTRI_API_PORT": str(port)},
        )

    child, port = start_on_port(
        start, lambda child, port: wait_until_serving(child, f"http://{LOOPBACK}:{port}"), port=None
    )
    processes = list_descendants(child.pid)
    try:
        yield Server(child, port, monitoring_port)
    finally:
        child.stop()
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
