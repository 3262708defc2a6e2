"""Worker and API as processes of their own, online: what a citizen and a bin deal with."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.draining import drain
from benchmarks.errors import BenchError
from benchmarks.pipelines import our_pipeline
from benchmarks.publishing import open_session
from benchmarks.scene import WORKER_CLIENT_ID, Scene
from benchmarks.town import BenchTown
from bontri.demo.services import wait_until_serving
from bontri.embedded.listeners import LOOPBACK
from bontri.embedded.processes import Child, start_child
from bontri.embedded.startup import start_on_port
from bontri.progress import Teller
from bontri.readiness import ReadySocket

READY_WITHIN_S = 60.0


@dataclass(frozen=True)
class Online:
    """The processes that serve, and where the API is."""

    worker: Child
    api: Child
    api_port: int

    def assert_running(self) -> None:
        """Raise BenchError when one of them has ended."""
        for child in (self.worker, self.api):
            if not child.is_running:
                raise BenchError(f"{child.name} ended: {child.read_last_lines()}")


@contextmanager
def running_online(scene: Scene) -> Iterator[Online]:
    """Run ``bontri ingest`` and ``bontri api`` with their defaults for the time of the block.

    Raises:
        EmbeddedServiceError: the API does not start.
        BenchError: the worker does not.
    """
    with ExitStack() as stack:
        open_session(scene.mqtt_url("worker"), client_id=WORKER_CLIENT_ID, topic_filter=scene.broker.worker_filter)
        ready = ReadySocket(scene.folder / "worker.ready")
        stack.callback(ready.close)
        worker = start_ours(scene, "ingest", ready.environment)
        stack.callback(worker.stop, patience_s=20.0)
        if not ready.wait(timeout_s=READY_WITHIN_S, is_running=lambda: worker.is_running):
            raise BenchError(f"the worker is not ready: {worker.read_last_lines()}")
        api, port = start_on_port(
            lambda port: start_ours(scene, "api", api_settings(scene, port)),
            lambda child, port: wait_until_serving(child, f"http://{LOOPBACK}:{port}"),
            port=None,
        )
        stack.callback(api.stop, patience_s=20.0)
        yield Online(worker, api, port)


def start_ours(scene: Scene, command: str, more: dict[str, str]) -> Child:
    """Start a ``bontri`` command on the database of the scene."""
    return start_child(
        [sys.executable, "-m", "bontri", command],
        name=f"bontri {command}",
        log_path=scene.folder / f"{command}.log",
        environment={**scene.environment("bontri"), **more},
    )


def api_settings(scene: Scene, port: int) -> dict[str, str]:
    """Return the settings the API needs beside those of the worker."""
    return {
        "BONTRI_API_HOST": LOOPBACK,
        "BONTRI_API_PORT": str(port),
        "BONTRI_API_RATES": "public=0",
        "BONTRI_MAIL_URL": f"file://{scene.folder / 'mail'}",
    }


def find_maximal_rate(scene: Scene, town: BenchTown, messages: int, tell: Teller) -> float:
    """Return events a second of a worker on a full queue; the first of two drains warms up."""
    with tell.part("the maximal load, from a full queue", 2) as advance:
        drain(scene, our_pipeline(scene, town), messages)
        advance(1)
        rate = drain(scene, our_pipeline(scene, town), messages).rate
    tell.line(f"maximal load {rate:,.0f} events/s")
    return rate
