"""Who is told what happens in a worker: its vitals and its metrics, in one object passed along."""

from ingest.messages import Heartbeat
from ingest.metrics import IngestMetrics
from ingest.pipeline import Processed
from ingest.vitals import Vitals


class Observer:
    """Keeps what the threads of one worker tell; nothing in here can raise, block or wait."""

    def __init__(self) -> None:
        self.vitals = Vitals()
        self.metrics = IngestMetrics()

    def batch_handled(self, processed: Processed, *, messages: int, seconds: float, lag_seconds: float) -> None:
        """Note a batch that is committed, answered and acknowledged."""
        self.vitals.handled()
        self.metrics.count_batch(processed, messages=messages, seconds=seconds, lag_seconds=lag_seconds)

    def receipts_told(self, number: int) -> None:
        """Note receipts handed to the broker."""
        self.metrics.receipts.inc(number)

    def database_failed(self) -> None:
        """Note an attempt that is made again later."""
        self.vitals.database_failed()
        self.metrics.database_waits.inc()

    def errand_done(self, name: str) -> None:
        """Note that an errand was done; names are of a closed list."""
        self.metrics.errands.labels(name).inc()

    def connected(self, *, is_first: bool) -> None:
        """Note a connection to the broker."""
        if not is_first:
            self.metrics.reconnects.inc()

    def heartbeat_sent(self) -> None:
        """Note a heartbeat handed to the broker."""
        if self.vitals.heartbeat_sent_s is None:
            self.vitals.heartbeat_sent_s = self.vitals.clock()

    def heartbeat_arrived(self, heartbeat: Heartbeat) -> None:
        """Note a heartbeat in the queue: that far, the broker and the network thread work."""
        if heartbeat.is_from_broker:
            self.vitals.heartbeat_sent_s = None
        if self.vitals.heartbeat_arrived_s is None:
            self.vitals.heartbeat_arrived_s = self.vitals.clock()

    def heartbeat_handled(self, heartbeat: Heartbeat) -> None:
        """Note a heartbeat that is through."""
        vitals = self.vitals
        vitals.handled()
        vitals.heartbeat_arrived_s = None
        if heartbeat.is_from_broker:
            vitals.heartbeat_came_round_s = vitals.clock()
            self.metrics.heartbeat_seconds.observe(vitals.clock() - heartbeat.sent_s)
