"""A process that plays a fleet online: it signs and publishes deposits at a steady rate until it is ended.

Started by :func:`running_fleet`; its parameters are in its environment, and every second it writes what it has
published to its log. Signing costs it 25 µs a message on the cores that are measured, which bins would not.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from benchmarks.fast_publisher import FastPublisher
from benchmarks.scene import Scene
from benchmarks.town import BenchTown
from bontri.embedded.processes import Child, start_child
from bontri.settings import SECRETS, read_settings
from bontri.signals import stop_event
from ingest.worker import utc_now

SLICE_S = 0.02
REPORT_EVERY_S = 1.0
PARAMETERS = "FLEET_PARAMETERS"


@dataclass(frozen=True, slots=True)
class FleetParameters:
    """What a fleet is told."""

    rate_per_s: float
    bins: int
    citizens: int
    seed: int


@dataclass(frozen=True, slots=True)
class FleetReport:
    """What a fleet tells: messages published, of these acknowledged by the broker, and for how long."""

    published: int
    taken: int
    seconds: float


@contextmanager
def running_fleet(scene: Scene, parameters: FleetParameters) -> Iterator[Child]:
    """Run a fleet for the time of the block; it stops in order, with everything it published acknowledged."""
    environment = {
        **scene.environment("bontri", MQTT_URL=scene.mqtt_url("publisher")),
        PARAMETERS: json.dumps(asdict(parameters)),
    }
    child = start_child(
        [sys.executable, "-m", "benchmarks.fleet"],
        name="fleet",
        log_path=scene.folder / "fleet.log",
        environment=environment,
    )
    try:
        yield child
    finally:
        child.stop()


def read_report(child: Child) -> FleetReport | None:
    """Return what a fleet told last; None before the first time."""
    with child.log_path.open() as log:
        log.seek(child.log_start)
        lines = [line for line in log if line.startswith("{") and line.endswith("}\n")]
    return FleetReport(**json.loads(lines[-1])) if lines else None


def run() -> None:
    """Publish at the rate asked for until SIGTERM."""
    settings = read_settings(*SECRETS, "MQTT_URL")
    wanted = FleetParameters(**json.loads(os.environ[PARAMETERS]))
    town = BenchTown(settings.keyring(), bins=wanted.bins, citizens=wanted.citizens, seed=wanted.seed)
    stop = stop_event()
    published, told_s = 0, 0.0
    with FastPublisher(settings.mqtt_url or "", client_id="bench-fleet") as publisher:
        started_s = time.monotonic()
        while not stop.is_set():
            elapsed_s = time.monotonic() - started_s
            due = int(elapsed_s * wanted.rate_per_s) - published
            publisher.send(town.messages(due, now=utc_now()))
            published += due
            if elapsed_s - told_s >= REPORT_EVERY_S:
                told_s = elapsed_s
                tell(published, publisher, elapsed_s)
            publisher.exchange(wait_s=0)
            stop.wait(SLICE_S)
        elapsed_s = time.monotonic() - started_s
        publisher.wait_until_taken()
        tell(published, publisher, elapsed_s)


def tell(published: int, publisher: FastPublisher, seconds: float) -> None:
    """Write a line for whoever started us."""
    report = FleetReport(published, published - publisher.waiting, seconds)
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run()
