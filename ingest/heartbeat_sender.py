"""Sending heartbeats round: through the broker while it gives them back, else straight into the worker's queue."""

from collections.abc import Callable

import structlog

from ingest.heartbeat import HeartbeatLine
from ingest.messages import Heartbeat
from ingest.observer import Observer

log = structlog.get_logger(__name__)


class HeartbeatSender:
    """Sends the heartbeats of one worker, and gives up sending them through a broker that lets none pass."""

    def __init__(self, client_id: str, observer: Observer) -> None:
        self._line = HeartbeatLine(client_id)
        self._observer = observer
        self.topic = self._line.topic

    @property
    def is_refused(self) -> bool:
        """Tell whether the broker lets no heartbeat pass; then they go straight into the queue."""
        return self._line.is_refused

    def send(
        self, *, through_broker: Callable[[str, bytes], object], into_queue: Callable[[Heartbeat], object]
    ) -> None:
        """Send a heartbeat, unless one is waiting for a writer.

        While the broker is away, does not give the last one back, or lets none pass, one is put straight into the
        queue: it proves at least the writers and the database.
        """
        vitals = self._observer.vitals
        if vitals.heartbeat_arrived_s is not None:
            return
        if vitals.heartbeat_sent_s is not None and self._line.note_lost():
            self._give_up("none has come back")
        if vitals.subscribed_s is None or vitals.heartbeat_sent_s is not None or self._line.is_refused:
            into_queue(Heartbeat(vitals.clock(), is_from_broker=False))
        if vitals.subscribed_s is not None and not self._line.is_refused:
            self._observer.heartbeat_sent()
            through_broker(self.topic, self._line.write(now_s=vitals.clock()))

    def read(self, payload: bytes) -> Heartbeat | None:
        """Return the heartbeat when it is one of our newest and comes for the first time."""
        return self._line.read(payload)

    def note_refused(self, reason: str) -> None:
        """Give up: the broker said no."""
        if self._line.note_refused():
            self._give_up(reason)

    def note_disconnected(self) -> None:
        """Count one under way as lost: some brokers disconnect whoever publishes what they forbid."""
        if self._observer.vitals.heartbeat_sent_s is not None and self._line.note_lost():
            self._give_up("the connection ended at each")

    def _give_up(self, reason: str) -> None:
        self._observer.vitals.heartbeat_sent_s = None
        log.warning("heartbeat_refused", reason=reason, topic=self.topic)
