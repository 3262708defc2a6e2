"""What is counted of a worker, for Prometheus. Updated once a batch, never once an event.

Every name begins with ``bontri_ingest_`` and ends with its unit. Labels are closed lists: no bin, no authority.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from ingest.pipeline import Processed

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
LAG_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
EVENTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

disable_created_metrics()  # type: ignore[no-untyped-call]


class IngestMetrics:
    """The metrics of one worker in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"bontri_ingest_{name}", help_text, labels, registry=registry)

        def histogram(name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"bontri_ingest_{name}", help_text, buckets=buckets, registry=registry)

        self.messages = counter("messages_total", "Messages of bins handled")
        self.events = counter("events_total", "Events committed, repeats not counted")
        self.repeats = counter("repeats_total", "Events that were committed before, and answered again")
        self.conflicts = counter("conflicts_total", "Events whose number is taken by another content")
        self.quarantined = counter("quarantined_total", "Messages and events put into quarantine", "code")
        self.receipts = counter("receipts_total", "Receipts handed to the broker")
        self.batch_events = histogram("batch_events", "Events in a batch, repeats included", EVENTS)
        self.batch_seconds = histogram("batch_seconds", "Time from taking a batch to its acknowledgement", SECONDS)
        self.lag_seconds = histogram(
            "lag_seconds", "Time from the arrival of the oldest message of a batch to its commit", LAG_SECONDS
        )
        self.database_waits = counter("database_waits_total", "Attempts that failed because of the database")
        self.reconnects = counter("reconnects_total", "Connections to the broker after the first")
        self.errands = counter("errands_total", "Errands the worker did beside the batches", "kind")
        self.queue_messages = Gauge(
            "bontri_ingest_queue_messages", "Messages received and not yet taken by a writer", registry=registry
        )
        self.heartbeat_seconds = histogram(
            "heartbeat_seconds", "Way of a heartbeat through broker, queue, writer and database", SECONDS
        )

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Ask ``length`` for the depth of the queue whenever metrics are read."""
        self.queue_messages.set_function(length)

    def count_batch(self, processed: Processed, *, messages: int, seconds: float, lag_seconds: float) -> None:
        """Count a committed batch."""
        self.messages.inc(messages)
        self.events.inc(processed.events - processed.repeats)
        self.batch_events.observe(processed.events)
        self.batch_seconds.observe(seconds)
        self.lag_seconds.observe(lag_seconds)
        if processed.repeats:
            self.repeats.inc(processed.repeats)
        if processed.conflicts:
            self.conflicts.inc(processed.conflicts)
        for code, number in processed.quarantined_by_code.items():
            self.quarantined.labels(code).inc(number)
