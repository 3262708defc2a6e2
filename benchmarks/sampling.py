"""What is sampled while a load runs: memory and open descriptors of our processes, the broker, connections."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.draining import read_status_mb
from benchmarks.online import Online
from benchmarks.scene import Scene
from bontri.embedded.process_tree import list_descendants

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"

BOUNDS_PER_HOUR = {
    "worker_mb": 5.0,
    "api_mb": 5.0,
    "broker_mb": 5.0,
    "worker_descriptors": 5.0,
    "api_descriptors": 5.0,
    "connections": 2.0,
}
"""Growth an hour that counts as none: a worker that begins at 100 MB would take 20 hours to its promised 200."""


@dataclass
class Samples:
    """Series over the seconds since the load began; memory in MB of 10^6 bytes, over all processes of a command."""

    seconds: list[float] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in BOUNDS_PER_HOUR})


class Sampler:
    """Takes a sample whenever told to."""

    def __init__(self, scene: Scene, online: Online) -> None:
        self.samples = Samples()
        self._scene, self._online = scene, online
        self._connection: psycopg.Connection[Any] = psycopg.connect(scene.plain_url("postgres"), autocommit=True)
        self._started_s = time.monotonic()

    def close(self) -> None:
        """Close its own connection, which is not counted."""
        self._connection.close()

    def take(self) -> None:
        """Take one sample of everything."""
        worker, api = family(self._online.worker.pid), family(self._online.api.pid)
        row = self._connection.execute(CONNECTIONS).fetchone()
        sample = {
            "worker_mb": memory_mb(worker),
            "api_mb": memory_mb(api),
            "broker_mb": memory_mb([self._scene.broker.pid]),
            "worker_descriptors": descriptors(worker),
            "api_descriptors": descriptors(api),
            "connections": float(row[0]) if row else 0.0,
        }
        self.samples.seconds.append(time.monotonic() - self._started_s)
        for name, value in sample.items():
            self.samples.series[name].append(value)


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    return [pid, *list_descendants(pid)]


def memory_mb(pids: list[int]) -> float:
    """Return the resident memory of processes together."""
    return round(sum(read_status_mb(pid, "VmRSS") for pid in pids), 2)


def descriptors(pids: list[int]) -> float:
    """Count the open descriptors of processes together."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return float(total)
