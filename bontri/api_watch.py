"""What monitoring asks of the API: each process tells its parent about itself, and the parent answers for all of them.

As workers do (docs/decisions/0017-children-tell-the-parent.md): whichever process a scrape fell on would tell of itself
alone. The listener is the parent's, on an address of its own, and never the one citizens reach.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bontri.embedded.process_tree import list_descendants
from bontri.monitoring import Health, monitoring_listener
from bontri.settings import Settings
from bontri.worker_reports import MetricsSum, ReportReceiver, ReportSender, WorkerReport
from ingest.worker import utc_now
from partners_api.metrics import ApiMetrics
from rewards.instants import write_instant

REPORT_EVERY_S = 1.0
SILENT_AFTER_S = 10.0
RECEIVE_WAIT_S = 0.2


class ProcessWatch:
    """One process of the API, as it tells about itself."""

    def __init__(self, metrics: ApiMetrics) -> None:
        self._metrics, self._since = metrics, write_instant(utc_now())

    def health(self) -> Health:
        """Return that it lives: who asks for more asks its /readyz."""
        return Health("working", is_alive=True, is_ready=True, since=self._since)

    def metrics(self) -> Collector:
        """Return what is counted."""
        return self._metrics.registry


def report_to_parent(path: Path, metrics: ApiMetrics) -> None:
    """Tell the parent about this process once a second, from a thread that ends with it."""
    sender = ReportSender(path, client_id=f"api-{os.getpid()}", pid=os.getpid())
    watch = ProcessWatch(metrics)

    def report() -> None:
        while True:
            sender.send(watch)
            time.sleep(REPORT_EVERY_S)

    threading.Thread(target=report, name="reports", daemon=True).start()


class ApiWatch(Collector):
    """All processes of the API, as they last told about themselves."""

    def __init__(self, *, processes: int) -> None:
        self._processes, self._since = processes, write_instant(utc_now())
        self._newest: dict[int, tuple[float, WorkerReport]] = {}
        self._sum, self._holding = MetricsSum(), threading.Lock()

    def note(self, report: WorkerReport) -> None:
        """Take a report in; what processes that have ended had counted is kept."""
        with self._holding:
            self._newest[report.pid] = (time.monotonic(), report)
            for pid in set(self._newest) - set(list_descendants(os.getpid())):
                self._sum.keep_counted(self._newest.pop(pid)[1].metrics)

    def health(self) -> Health:
        """Return whether every process told of itself lately."""
        with self._holding:
            heard = sum(time.monotonic() - at_s < SILENT_AFTER_S for at_s, _ in self._newest.values())
        is_whole = heard >= self._processes
        facts = {"processes": self._processes, "processes_heard": heard}
        return Health("working" if is_whole else "silent", is_whole, is_whole, self._since, facts)

    def metrics(self) -> Collector:
        """Return the sum over the processes."""
        return self

    def collect(self) -> Iterable[Metric]:
        """Add up what the processes last told."""
        with self._holding:
            summed = self._sum.add(report.metrics for _, report in self._newest.values())
            processes = len(self._newest)
        yield from summed
        yield GaugeMetricFamily("bontri_api_processes", "Processes of the API that run", value=processes)


@contextmanager
def watched_processes(settings: Settings) -> Iterator[Path | None]:
    """Answer monitoring for the time of the block; give where processes report to, None when nobody asks.

    Raises:
        MonitoringError: the address is taken or is not ours.
    """
    if settings.api_monitoring_port is None:
        yield None
        return
    watch, ends = ApiWatch(processes=settings.api_workers), threading.Event()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bontri-api-")))
        receiver = ReportReceiver(folder / "reports")
        stack.callback(receiver.close)
        host, port = settings.api_monitoring_host, settings.api_monitoring_port
        stack.enter_context(monitoring_listener(watch, host=host, port=port, setting="BONTRI_API_MONITORING_PORT"))

        def receive() -> None:
            while not ends.is_set():
                report = receiver.receive(wait_s=RECEIVE_WAIT_S)
                if report is not None:
                    watch.note(report)

        thread = threading.Thread(target=receive, name="reports", daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(ends.set)
        yield receiver.path
