"""What children tell the parent, and the sum that monitoring is shown."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from bontri.monitoring import Health
from bontri.worker_reports import LONGEST_REPORT_BYTES, MetricsSum, ReportReceiver, ReportSender
from ingest.contract import MOST_EVENTS
from ingest.metrics import IngestMetrics
from ingest.pipeline import Processed

HEALTH = Health("working", is_alive=True, is_ready=True, since="2026-11-21T10:00:00+00:00", facts={"subscribed": True})


class Worker:
    """Stands in for a worker's watch: a health, and real metrics."""

    def __init__(self) -> None:
        self.counts = IngestMetrics()

    def health(self) -> Health:
        return HEALTH

    def metrics(self) -> CollectorRegistry:
        return self.counts.registry

    def handle(self, *, events: int, repeats: int = 0, codes: Counter[str] | None = None) -> None:
        processed = Processed(events=events, repeats=repeats, quarantined_by_code=codes or Counter())
        self.counts.count_batch(processed, messages=1, seconds=0.01, lag_seconds=0.02)

    def text(self) -> str:
        return generate_latest(self.counts.registry).decode()


class Summed(Collector):
    def __init__(self, metrics: MetricsSum, *texts: str) -> None:
        self.metrics, self.texts = metrics, texts

    def collect(self):
        return self.metrics.add(self.texts)


def value_of(text: str, sample: str) -> float:
    return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{sample} "))


@pytest.fixture
def receiver() -> Iterator[ReportReceiver]:
    with tempfile.TemporaryDirectory() as folder:
        receiver = ReportReceiver(Path(folder) / "reports")
        yield receiver
        receiver.close()


def test_a_batch_is_counted_once_with_its_repeats_conflicts_and_codes() -> None:
    worker = Worker()
    worker.handle(events=10, repeats=4, codes=Counter({"event_conflict": 2, "schema": 1}))
    text = worker.text()
    assert value_of(text, "bontri_ingest_events_total") == 6
    assert value_of(text, "bontri_ingest_repeats_total") == 4
    assert value_of(text, "bontri_ingest_conflicts_total") == 2
    assert value_of(text, 'bontri_ingest_quarantined_total{code="event_conflict"}') == 2
    assert value_of(text, 'bontri_ingest_quarantined_total{code="schema"}') == 1
    assert value_of(text, "bontri_ingest_batch_events_count") == 1


def test_every_metric_is_named_after_the_ingest_with_its_unit_last() -> None:
    for metric in IngestMetrics().registry.collect():
        assert metric.name.startswith("bontri_ingest_")
        name = metric.name + ("_total" if metric.type == "counter" else "")
        assert name.endswith(("_total", "_seconds", "_events", "_messages")), name


def test_the_sum_is_that_of_one_worker_who_did_it_all() -> None:
    one, two, both = Worker(), Worker(), Worker()
    for worker in (one, both):
        worker.handle(events=3, codes=Counter({"schema": 1}))
    for worker in (two, both):
        worker.handle(events=400, repeats=5)
    summed = generate_latest(Summed(MetricsSum(), one.text(), two.text())).decode()
    assert sorted(summed.splitlines()) == sorted(both.text().splitlines())


def test_what_an_ended_process_counted_stays_and_its_queue_does_not() -> None:
    ended, running, total = Worker(), Worker(), MetricsSum()
    ended.handle(events=7)
    ended.counts.watch_queue(lambda: 5)
    running.handle(events=1)
    running.counts.watch_queue(lambda: 2)
    total.keep_counted(ended.text())
    text = generate_latest(Summed(total, running.text())).decode()
    assert value_of(text, "bontri_ingest_events_total") == 8
    assert value_of(text, "bontri_ingest_queue_messages") == 2
    # Asked twice, the same: reading adds nothing.
    assert generate_latest(Summed(total, running.text())).decode() == text


def test_a_report_arrives_whole(receiver: ReportReceiver) -> None:
    worker = Worker()
    for number in range(40):
        worker.handle(events=MOST_EVENTS, codes=Counter({f"code_{number}": 1}))
    sender = ReportSender(receiver.path, client_id="worker-1", pid=os.getpid())
    sender.send(worker)
    report = receiver.receive(wait_s=1.0)
    sender.close()
    assert report is not None
    assert (report.client_id, report.pid, report.health) == ("worker-1", os.getpid(), HEALTH)
    assert report.metrics == worker.text()
    assert len(report.metrics) < LONGEST_REPORT_BYTES / 5


def test_a_parent_that_does_not_read_holds_no_child_up(receiver: ReportReceiver) -> None:
    sender = ReportSender(receiver.path, client_id="worker-1", pid=1)
    for _ in range(300):
        sender.send(Worker())
    sender.close()
    assert receiver.receive(wait_s=0.0) is not None


def test_a_parent_that_is_gone_is_no_error(receiver: ReportReceiver) -> None:
    sender = ReportSender(receiver.path.with_name("nobody"), client_id="worker-1", pid=1)
    sender.send(Worker())
    sender.close()
