"""What a worker process tells the parent of its group once a second: its health and its metrics, as one datagram.

A socket in a folder of the parent's own; the kernel keeps datagrams whole, and a parent that does not read holds no
child up. Why not a file of metrics per process: docs/decisions/0017-children-tell-the-parent.md.
"""

import json
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bontri.monitoring import Health, Monitored

LONGEST_REPORT_BYTES = 150_000
"""Less than the kernel's usual limit of a datagram (212,992); a report has about 12,000."""


@dataclass(frozen=True)
class WorkerReport:
    """One report: who, of which process, how it is, and its metrics as text."""

    client_id: str
    pid: int
    health: Health
    metrics: str


class ReportSender:
    """The child's end."""

    def __init__(self, path: Path, *, client_id: str, pid: int) -> None:
        self._path = str(path)
        self._client_id = client_id
        self._pid = pid
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, monitored: Monitored) -> None:
        """Send a report; one that cannot be taken now is dropped, the next comes in a second."""
        report = {
            "client_id": self._client_id,
            "pid": self._pid,
            "health": monitored.health().as_dict(),
            "metrics": generate_latest(monitored.metrics()).decode(),
        }
        with suppress(OSError):
            self._socket.sendto(json.dumps(report).encode(), self._path)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class ReportReceiver:
    """The parent's end; the socket's folder must be closed to others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def receive(self, *, wait_s: float) -> WorkerReport | None:
        """Return the next report, or None when none came in time."""
        self._socket.settimeout(wait_s)
        try:
            said = json.loads(self._socket.recv(LONGEST_REPORT_BYTES))
        except (TimeoutError, BlockingIOError):
            return None
        health = said["health"]
        verdict = {name: health.pop(name) for name in ("state", "is_alive", "is_ready", "since")}
        return WorkerReport(said["client_id"], said["pid"], Health(**verdict, facts=health), said["metrics"])

    def close(self) -> None:
        """Close the socket; its folder is removed by whoever made it."""
        self._socket.close()


class MetricsSum:
    """Adds up metrics of several processes. What has been counted stays counted when its process has ended."""

    def __init__(self) -> None:
        self._ended: list[Metric] = []

    def keep_counted(self, text: str) -> None:
        """Add what a process that has ended had counted; its gauges, which tell of the present, are dropped."""
        counted = [metric for metric in text_string_to_metric_families(text) if metric.type != "gauge"]
        self._ended = add_metrics([*self._ended, *counted])

    def add(self, texts: Iterable[str]) -> list[Metric]:
        """Return the sum of what has been kept and the newest text of each process that runs."""
        running = [metric for text in texts for metric in text_string_to_metric_families(text)]
        return add_metrics([*self._ended, *running])


def add_metrics(metrics: Iterable[Metric]) -> list[Metric]:
    """Add up metrics sample by sample; in the order of their first appearance."""
    sums: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for metric in metrics:
        sums.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
        samples = values.setdefault(metric.name, {})
        for sample in metric.samples:
            key = sample.name, tuple(sample.labels.items())
            samples[key] = samples.get(key, 0.0) + sample.value
    for name, samples in values.items():
        for (sample_name, labels), value in samples.items():
            sums[name].add_sample(sample_name, dict(labels), value)
    return list(sums.values())
