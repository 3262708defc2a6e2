"""What monitoring asks a worker, a group of workers, or the API, over HTTP: ``/metrics``, ``/healthz``, ``/readyz``."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)

REQUEST_WITHIN_S = 5.0


class MonitoringError(Exception):
    """The listener cannot be opened."""


@dataclass(frozen=True)
class Health:
    """A verdict: ``is_alive`` false asks for a new process, ``is_ready`` false for patience, or for an operator."""

    state: str
    is_alive: bool
    is_ready: bool
    since: str
    facts: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as one flat JSON object."""
        verdict = {"state": self.state, "is_alive": self.is_alive, "is_ready": self.is_ready, "since": self.since}
        return {**verdict, **self.facts}


class Monitored(Protocol):
    """What can be asked."""

    def health(self) -> Health:
        """Return the newest verdict, at once."""

    def metrics(self) -> Collector:
        """Return what metrics are read from."""


@contextmanager
def monitoring_listener(
    monitored: Monitored, *, host: str, port: int | None, setting: str = "BONTRI_INGEST_HTTP_PORT"
) -> Iterator[int | None]:
    """Answer monitoring for the time of the block; give the port, or None when there is no listener.

    ``setting`` is what the port was set by.

    Raises:
        MonitoringError: the address is taken or is not ours.
    """
    if port is None:
        yield None
        return
    try:
        server = MonitoringServer((host, port), MonitoringRequest)
    except OSError as error:
        raise MonitoringError(f"cannot listen on {host}:{port}: {error.strerror}; see {setting}") from error
    server.monitored = monitored
    thread = threading.Thread(target=server.serve_forever, name="monitoring", kwargs={"poll_interval": 0.1})
    thread.daemon = True
    thread.start()
    log.info("monitoring_listens", host=host, port=server.server_port)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class MonitoringServer(ThreadingHTTPServer):
    """One thread a request; a slow reader holds nobody else up, and never the end of the process."""

    daemon_threads = True
    block_on_close = False
    monitored: Monitored


class MonitoringRequest(BaseHTTPRequestHandler):
    """Answers the three addresses."""

    server: MonitoringServer
    timeout = REQUEST_WITHIN_S
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "bontri", ""

    def do_GET(self) -> None:
        """Answer 200, 503 when the health asked for is not given, or 404."""
        monitored = self.server.monitored
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, generate_latest(monitored.metrics()), CONTENT_TYPE_LATEST)
        elif path in ("/healthz", "/readyz"):
            health = monitored.health()
            is_well = health.is_alive if path == "/healthz" else health.is_ready
            self._answer(200 if is_well else 503, json.dumps(health.as_dict()).encode(), "application/json")
        else:
            self._answer(404, b"/metrics, /healthz, /readyz\n", "text/plain")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no line a request: monitoring asks every few seconds."""
