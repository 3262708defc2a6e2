"""Several workers as processes of one parent, which starts them again when they end and answers for all of them.

The parent does no work of its own: it handles no message and has no connection. Children share one subscription, each
with a client id of its own. They die with the parent, even with a killed one; what they had in hand comes again.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bontri.embedded.processes import request_death_signal
from bontri.monitoring import Health, monitoring_listener
from bontri.readiness import find_watchdog_interval_s, notify_alive, notify_ready, without_notification
from bontri.settings import Settings, SettingsError
from bontri.signals import stop_event
from bontri.worker_reports import MetricsSum, ReportReceiver, WorkerReport
from ingest.broker_address import Broker
from ingest.sessions import end_former_sessions, member_ids
from ingest.vitals import SILENT_AFTER_S
from ingest.worker import utc_now
from rewards.instants import write_instant

log = structlog.get_logger(__name__)

ROUND_S = 0.2
STOP_WITHIN_S = 15.0
FIRST_BACK_OFF_S = 1.0
LONGEST_BACK_OFF_S = 30.0
WELL_AFTER_S = 10.0
"""A worker that has run so long and is ready is no longer held to have failed. One that ends in a loop does so sooner;
were this a minute, a few kills within it would keep a sound worker away for the longest back-off."""
FROZEN_AFTER_S = 5.0
"""A round that took so long was held up (a paused machine, SIGSTOP of all), and then the children were too."""
START_ATTEMPTS = 3
"""Ends in a row of one child before all have been ready once; then the fault is not one that passes."""

OF_THE_PARENT = ("BONTRI_INGEST_HTTP_PORT", "BONTRI_INGEST_WORKERS", "BONTRI_MQTT_CLIENT_ID")
"""Settings that a child must not find in its environment, not as NAME_FILE either."""


class WorkerGroupError(Exception):
    """The workers cannot be kept running."""


@dataclass
class Member:
    """One place in the group, and the process in it if there is one."""

    client_id: str
    process: subprocess.Popen[bytes] | None = None
    report: WorkerReport | None = None
    heard_s: float = 0.0
    started_s: float = 0.0
    start_at_s: float = 0.0
    failures: int = 0

    @property
    def is_ready(self) -> bool:
        """Tell whether its process runs and has said that it is ready."""
        return self.process is not None and self.report is not None and self.report.health.is_ready


@dataclass
class WorkerGroup(Collector):
    """The members, and what monitoring is told of them. Only ``run`` changes anything, in the main thread."""

    settings: Settings
    receiver: ReportReceiver
    members: list[Member]
    was_ready: bool = False
    starts: int = 0
    looked_s: float = field(default_factory=monotonic)
    since: dict[str, str] = field(default_factory=dict)
    counted: MetricsSum = field(default_factory=MetricsSum)
    reading: threading.Lock = field(default_factory=threading.Lock)

    def run(self, stop: threading.Event) -> None:
        """Keep every member running until told to stop; then stop them in order.

        Raises:
            WorkerGroupError: a worker ends again and again before all were ready.
        """
        interval_s = find_watchdog_interval_s() or SILENT_AFTER_S
        told_s = 0.0
        try:
            while not stop.is_set():
                self._start_due()
                self._hear(wait_s=ROUND_S)
                self._look_after_ended()
                self._kill_silent()
                self._tell_ready()
                if monotonic() - told_s >= interval_s / 2:
                    told_s = monotonic()
                    notify_alive()
        finally:
            self._stop_all()

    def health(self) -> Health:
        """Return the health of all: alive and ready when every one is, in the state of the worst."""
        healths = {member.client_id: self._health_of(member) for member in self.members}
        worst = min(healths.values(), key=lambda health: (health.is_alive, health.is_ready))
        return Health(
            worst.state,
            is_alive=worst.is_alive,
            is_ready=worst.is_ready,
            since=worst.since,
            facts={"workers": {client_id: health.as_dict() for client_id, health in healths.items()}},
        )

    def metrics(self) -> Collector:
        """Return what metrics are read from: this object."""
        return self

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of all members, added up, and those of the group."""
        with self.reading:
            total = self.counted.add([member.report.metrics for member in self.members if member.report])
        processes = sum(member.process is not None for member in self.members)
        return [
            *total,
            GaugeMetricFamily("bontri_ingest_processes", "Worker processes that run", value=processes),
            CounterMetricFamily("bontri_ingest_process_starts", "Starts of worker processes", value=self.starts),
        ]

    def _health_of(self, member: Member) -> Health:
        report = member.report
        if member.process is None or report is None:
            # One that is being started again is looked after: a fault for readiness, not for life.
            is_given_time = member.failures == 0 or not self.was_ready
            return Health("starting" if is_given_time else "ended", True, False, self.since[member.client_id])
        if monotonic() - member.heard_s > SILENT_AFTER_S:
            return Health("silent", False, False, report.health.since)
        return report.health

    def _start_due(self) -> None:
        for member in self.members:
            if member.process is None and monotonic() >= member.start_at_s:
                member.report, member.heard_s, member.started_s = None, monotonic(), monotonic()
                self.since[member.client_id] = write_instant(utc_now())
                member.process = start_worker(member.client_id, self.receiver.path)
                self.starts += 1
                log.info("worker_started", client_id=member.client_id, pid=member.process.pid)

    def _hear(self, *, wait_s: float) -> None:
        """Take all reports there are, waiting only for the first."""
        while report := self.receiver.receive(wait_s=wait_s):
            wait_s = 0.0
            for member in self.members:
                if member.process is not None and member.process.pid == report.pid:
                    member.report, member.heard_s = report, monotonic()
                    if report.health.is_ready and monotonic() - member.started_s > WELL_AFTER_S:
                        member.failures = 0

    def _look_after_ended(self) -> None:
        for member in self.members:
            if member.process is None or (code := member.process.poll()) is None:
                continue
            with self.reading:
                # Between the two, what it had counted would be there twice, or not at all.
                if member.report is not None:
                    self.counted.keep_counted(member.report.metrics)
                member.process, member.report = None, None
            back_off_s = min(FIRST_BACK_OFF_S * 2**member.failures, LONGEST_BACK_OFF_S)
            member.failures = min(member.failures + 1, 10)
            member.start_at_s = monotonic() + back_off_s
            log.error("worker_ended", client_id=member.client_id, exit_code=code, restart_in_s=back_off_s)
            if not self.was_ready and member.failures >= START_ATTEMPTS:
                raise WorkerGroupError(
                    f"worker {member.client_id} ended {START_ATTEMPTS} times at the start, at last with code {code}; "
                    "what it said is above"
                )

    def _kill_silent(self) -> None:
        """End a process that says nothing any more: stopped, or hung in a way it cannot notice itself.

        After a round that was held up all of them get their time again: they had no chance to say anything.
        """
        patience_s = SILENT_AFTER_S + self.settings.ingest_stuck_after
        # Read once, so that no freeze can come between the two questions.
        now_s, looked_s = monotonic(), self.looked_s
        self.looked_s = now_s
        if now_s - looked_s > FROZEN_AFTER_S:
            for member in self.members:
                member.heard_s = now_s
        for member in self.members:
            if member.process is not None and now_s - member.heard_s > patience_s:
                log.error("worker_silent", client_id=member.client_id, pid=member.process.pid)
                member.process.kill()
                member.process.wait()

    def _tell_ready(self) -> None:
        if not self.was_ready and all(member.is_ready for member in self.members):
            self.was_ready = True
            notify_ready()
            log.info("workers_ready", workers=len(self.members))

    def _stop_all(self) -> None:
        """Ask all to end, wait, then kill those that have not."""
        running = {member.client_id: member.process for member in self.members if member.process is not None}
        for process in running.values():
            process.terminate()
        deadline_s = monotonic() + STOP_WITHIN_S
        for client_id, process in running.items():
            try:
                code = process.wait(max(0.0, deadline_s - monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            log.info("worker_stopped_by_parent", client_id=client_id, exit_code=code)


def start_worker(client_id: str, report_to: Path) -> "subprocess.Popen[bytes]":
    """Start one worker that dies with this process; it writes to our standard error."""
    dropped = {*OF_THE_PARENT, *(f"{name}_FILE" for name in OF_THE_PARENT)}
    inherited = {name: value for name, value in without_notification(os.environ).items() if name not in dropped}
    return subprocess.Popen(
        [sys.executable, "-m", "bontri", "ingest", "--report-to", str(report_to)],
        env={**inherited, "BONTRI_MQTT_CLIENT_ID": client_id},
        stdin=subprocess.DEVNULL,
        # A terminal's Ctrl-C is for the parent, which passes it on once.
        start_new_session=True,
        preexec_fn=partial(request_death_signal, signal.SIGKILL, os.getpid()),  # noqa: PLW1509 (one system call)
    )


def run_worker_group(settings: Settings) -> None:
    """Run ``settings.ingest_workers`` workers until SIGTERM or SIGINT.

    Raises:
        SettingsError: the subscription is not a shared one; each worker would be handed every message.
        WorkerGroupError: they cannot be started.
        MonitoringError: the listener for monitoring cannot be opened.
    """
    count = settings.ingest_workers
    topic_filter = settings.worker_filter(settings.keyring())
    if not topic_filter.startswith("$share/"):
        raise SettingsError(
            [
                f"BONTRI_INGEST_WORKERS: {count} workers need a shared subscription, or each gets every message; "
                f"BONTRI_MQTT_TOPIC_FILTER is {topic_filter}: begin it with $share/…/, or run 1 worker"
            ]
        )
    stop = stop_event()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bontri-ingest-"))
        receiver = ReportReceiver(Path(folder) / "reports")
        stack.callback(receiver.close)
        end_former_sessions(Broker.from_url(settings.mqtt_url or ""), client_id=settings.mqtt_client_id, count=count)
        members = [Member(client_id) for client_id in member_ids(settings.mqtt_client_id, count)]
        now = write_instant(utc_now())
        group = WorkerGroup(settings, receiver, members, since=dict.fromkeys([each.client_id for each in members], now))
        stack.enter_context(monitoring_listener(group, host=settings.ingest_http_host, port=settings.ingest_http_port))
        group.run(stop)
