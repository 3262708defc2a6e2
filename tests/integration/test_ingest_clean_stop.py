"""A worker that stops in order: what it has acknowledged has reached the broker, and comes to nobody again."""

import datetime
import os
import signal
import time

from bontri.embedded.broker import Broker
from ingest.broker_address import Broker as BrokerAddress
from ingest.messages import Message
from ingest.mqtt import MqttSource
from tests.ingest_scene import PATIENCE_S, Publisher, wait_until, worker_url

MESSAGES, TAKEN = 3000, 1000


class Hasty(MqttSource):
    """Without the guard: it disconnects as soon as the acknowledgements are written."""

    def _let_all_leave(self) -> None:
        return


def count_coming_again(broker: Broker, publisher: Publisher, source_class: type[MqttSource], client_id: str) -> int:
    """Acknowledge some of many messages, stop at once with the rest under way; return how many of them come again."""
    address = BrokerAddress.from_url(worker_url(broker))
    # A group of its own: sessions that have been left stay members of theirs, and are handed their share.
    topic_filter = f"$share/{client_id}/bontri/v1/+/{client_id}/up/#"
    now = datetime.datetime.now(datetime.UTC)
    topic = f"bontri/v1/plaine-commune/{client_id}/up/events"
    sent = [Message(topic, b"%d " % number + b"x" * 8000, now) for number in range(MESSAGES)]
    with MqttSource(address, client_id=client_id, topic_filter=topic_filter) as first:
        assert first.wait_until_subscribed(timeout_s=PATIENCE_S)
    publisher.publish(*sent)
    acknowledged: set[bytes] = set()
    with source_class(address, client_id=client_id, topic_filter=topic_filter) as source:
        while len(acknowledged) < TAKEN:
            batch = source.next_batch(wait_s=PATIENCE_S)
            source.acknowledge(batch)
            acknowledged.update(message.payload for message in batch)
    again: set[bytes] = set()
    with MqttSource(address, client_id=client_id, topic_filter=topic_filter) as last:
        while (batch := last.next_batch(wait_s=0.5)) or len(again | acknowledged) < MESSAGES:
            last.acknowledge(batch)
            again.update(message.payload for message in batch)
    return len(again & acknowledged)


def test_what_was_acknowledged_before_the_stop_does_not_come_again(broker: Broker, publisher: Publisher) -> None:
    assert count_coming_again(broker, publisher, MqttSource, "in-order") == 0


def test_control_a_hasty_disconnect_takes_acknowledgements_with_it(broker: Broker, publisher: Publisher) -> None:
    # A broker that reads fast enough has them all; it need not lose some each time.
    assert any(count_coming_again(broker, publisher, Hasty, f"hasty-{attempt}") for attempt in range(20))


def test_a_broker_that_does_not_answer_is_not_waited_for_long(broker: Broker) -> None:
    with MqttSource(
        BrokerAddress.from_url(worker_url(broker)), client_id="patient", topic_filter=broker.worker_filter
    ) as source:
        assert source.wait_until_subscribed(timeout_s=PATIENCE_S)
        os.kill(broker.pid, signal.SIGSTOP)
        started_s = time.monotonic()
    try:
        assert time.monotonic() - started_s < 5
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    wait_until(lambda: broker.assert_healthy() is None)
