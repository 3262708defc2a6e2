"""MQTT as the source of messages: paho-mqtt, MQTT 5, QoS 1, acknowledged by hand after the commit.

Traps seen in trials, each answered here: ``clean_start=False`` on every connect (paho's default loses the backlog at
a restart); an explicit receive maximum (Mosquitto's window is 20); subscribing again in every ``on_connect`` and
checking the SUBACK; callbacks that only enqueue and cannot raise (an exception kills paho's thread while
``is_connected()`` stays true); acknowledgements tagged with the connection that delivered the message (a late one
can delete another message of a new session).
"""

import datetime
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.broker_address import Broker
from ingest.fast_paho import FastClient, Published
from ingest.heartbeat_sender import HeartbeatSender
from ingest.messages import Heartbeat, Message, Outgoing
from ingest.mqtt_client import Parser, make_client
from ingest.observer import Observer
from rewards.crash_points import crash

log = structlog.get_logger(__name__)

RECEIVE_MAXIMUM = 4000
"""Messages unacknowledged at most, which bounds the queue: 4,000 × 16 KiB is 64 MiB."""

REFUSALS_FOR_GOOD = (0x84, 0x85, 0x86, 0x87, 0x8A)
"""Unsupported protocol version, client id, user name or password, authorisation, banned: waiting changes nothing."""

SESSION_EXPIRY_S = 14 * 86_400
MOST_MESSAGES = 1000
MOST_BATCH_EVENTS = 1000
MOST_BATCH_BYTES = 2 * 1024 * 1024
LEAVE_WITHIN_S = 2.0
GATHER_S = 0.02
QUIET_S = 0.003
"""A batch is committed when it is full, when nothing more came for ``QUIET_S``, and after ``GATHER_S`` in any case: at
once when quiet, large under load."""


@dataclass(slots=True)
class Delivery:
    """How to acknowledge a QoS 1 message: its packet id, valid for one connection only."""

    packet_id: int
    generation: int


class NetworkThreadEndedError(Exception):
    """paho's network thread has ended by an error of its own, while the client still calls itself connected."""


class MqttSource:
    """Takes messages from a broker under a fixed client id; a context manager that connects and disconnects."""

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        topic_filter: str,
        parser: Parser = "fast",
        observer: Observer | None = None,
    ) -> None:
        self._broker = broker
        self._topic_filter = topic_filter
        self._queue: deque[Message] = deque()
        self._arrived = threading.Condition()
        self._generation = 0
        self._subscribed = threading.Event()
        self._answered = threading.Event()
        self._unsubscribed = threading.Event()
        self._observer = observer or Observer()
        self._observer.metrics.watch_queue(self._queue.__len__)
        self._heartbeats = HeartbeatSender(client_id, self._observer)
        self._refusal: str | None = None
        self._is_started = False
        self._thread_name = f"paho-mqtt-client-{client_id}"
        self._client = make_client(
            broker, client_id=client_id, parser=parser, on_turn=self._observer.vitals.network_turned
        )
        self._heed(self._client)

    def __enter__(self) -> "MqttSource":
        """Start connecting; the network thread keeps trying when the broker is away."""
        connect_properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect_properties.SessionExpiryInterval = SESSION_EXPIRY_S
        connect_properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self._client.connect_async(
            self._broker.host,
            self._broker.port,
            keepalive=60,
            clean_start=False,
            properties=connect_properties,
        )
        self._client.loop_start()
        self._is_started = True
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect and keep the session: what was not acknowledged comes again at the next start."""
        self._let_all_leave()
        self._client.disconnect()
        self._client.loop_stop()

    def _let_all_leave(self) -> None:
        """Return when the broker has handled all we sent, or after ``LEAVE_WITHIN_S``.

        A connection closed with messages still unread takes acknowledgements under way with it. The answer to an
        UNSUBSCRIBE comes after everything sent before.
        """
        if not self._client.is_connected() or not self.is_network_thread_alive():
            return
        self._client.unsubscribe(self._heartbeats.topic)
        if not self._unsubscribed.wait(LEAVE_WITHIN_S):
            log.warning("last_acknowledgements_unconfirmed", waited_s=LEAVE_WITHIN_S)

    def wait_until_subscribed(self, *, timeout_s: float) -> bool:
        """Wait for the broker to grant the subscription; False when it has not within ``timeout_s``, or refuses."""
        return self._answered.wait(timeout_s) and self._subscribed.is_set()

    @property
    def is_connected(self) -> bool:
        """Whether what is published now goes out; no proof of life (the network thread may have ended)."""
        return self._client.is_connected()

    @property
    def refusal(self) -> str | None:
        """Why the broker refused the last connection or subscription, if it did."""
        return self._refusal

    def next_batch(self, *, wait_s: float) -> list[Message]:
        """Return messages within the bounds above, gathered for a moment; [] after ``wait_s``.

        A heartbeat comes alone, in its place between the others.

        Raises:
            NetworkThreadEndedError: nothing will ever come any more.
        """
        with self._arrived:
            if not self._queue and not self._arrived.wait_for(lambda: bool(self._queue), wait_s):
                self._assert_network_thread_lives()
                return []
            self._gather()
            batch: list[Message] = []
            batch_bytes = batch_events = 0
            for message in islice(self._queue, MOST_MESSAGES):
                if message.topic is self._heartbeats.topic:
                    batch = batch or [message]
                    break
                batch_bytes += len(message.payload)
                batch_events += message.payload.count(b'"seq"')
                if batch and (batch_bytes > MOST_BATCH_BYTES or batch_events > MOST_BATCH_EVENTS):
                    break
                batch.append(message)
            for _ in batch:
                self._queue.popleft()
        return batch

    def _gather(self) -> None:
        """Wait for more messages, as long as they come one after the other and the batch is not full."""
        ends_s = time.monotonic() + GATHER_S
        while len(self._queue) < MOST_MESSAGES and (left_s := ends_s - time.monotonic()) > 0:
            if not self._arrived.wait(min(QUIET_S, left_s)):
                return

    def _assert_network_thread_lives(self) -> None:
        """Raise when paho's thread has ended, which ``is_connected()`` does not tell: the worker must be restarted."""
        if not self.is_network_thread_alive():
            raise NetworkThreadEndedError

    def is_network_thread_alive(self) -> bool:
        """Tell whether paho's thread runs; true before the start as well."""
        alive = {thread.name for thread in threading.enumerate() if thread.is_alive()}
        return not self._is_started or self._thread_name in alive

    def is_heartbeat_refused(self) -> bool:
        """Tell whether the broker lets no heartbeat pass; then they go straight into the queue."""
        return self._heartbeats.is_refused

    def send_heartbeat(self) -> None:
        """Send a heartbeat to ourselves, unless one is waiting for a writer."""
        self._heartbeats.send(
            through_broker=lambda topic, payload: self._client.publish(topic, payload, qos=0),
            into_queue=self._take_heartbeat,
        )

    def _take_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Put a heartbeat into the queue, behind what came before it."""
        message = Message(self._heartbeats.topic, b"", datetime.datetime.now(datetime.UTC), heartbeat)
        with self._arrived:
            self._queue.append(message)
            self._observer.heartbeat_arrived(heartbeat)
            self._arrived.notify()

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish; what finds no connection, or is not through when it ends, is dropped.

        The bin asks again, or it is published again.
        """
        for careful in [message for message in messages if message.qos]:
            # Not left to paho's queue, which would send what is out of date by the time the broker is back. What is
            # beyond its window waits there while we are connected, and is dropped at the next connection.
            if self._client.is_connected():
                self._client.publish(careful.topic, careful.payload, qos=careful.qos, retain=careful.is_retained)
        messages = [message for message in messages if not message.qos]
        if isinstance(self._client, FastClient):
            self._client.publish_all((message.topic, message.payload) for message in messages)
            return
        for message in messages:
            self._client.publish(message.topic, message.payload, qos=0)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Send PUBACKs in order, of the present connection only."""
        packet_ids = [
            message.handle.packet_id
            for message in messages
            if isinstance(message.handle, Delivery) and message.handle.generation == self._generation
        ]
        if isinstance(self._client, FastClient):
            self._client.acknowledge(packet_ids)
            return
        for packet_id in packet_ids:
            self._client.ack(packet_id, 1)

    def _heed(self, client: Client) -> None:
        """Have the client tell us what happens."""
        if isinstance(client, FastClient):
            client.on_published = self._on_published
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = lambda *_: self._unsubscribed.set()
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message

    def _on_connect(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refusal = f"the broker refused the connection: {reason}"
            log.warning("broker_refused_connection", reason=str(reason))
            if reason.value in REFUSALS_FOR_GOOD:
                self._answered.set()
            return
        self._generation += 1
        log.info("broker_connected", generation=self._generation, session_present=flags.session_present)
        self._forget_waiting(is_coming_again=flags.session_present)
        # Before paho sends them again: a command is repeated, a configuration told again at the next hello.
        client.drop_out_messages()
        self._observer.connected(is_first=self._generation == 1)
        filters = [(self._topic_filter, SubscribeOptions(qos=1))]
        if not self._heartbeats.is_refused:
            filters.append((self._heartbeats.topic, SubscribeOptions(qos=0)))
        client.subscribe(filters)

    def _forget_waiting(self, *, is_coming_again: bool) -> None:
        """Drop what earlier connections left in the queue: it comes again, or would grow it at every connection."""
        with self._arrived:
            if is_coming_again or len(self._queue) >= RECEIVE_MAXIMUM:
                self._queue.clear()
                self._observer.vitals.heartbeat_arrived_s = None

    def _on_subscribe(
        self, client: Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons[1:]):
            self._heartbeats.note_refused(str(reasons[1]))
        if reasons[0].is_failure:
            self._refusal = f"the broker refused the subscription: {reasons[0]}"
            log.error("broker_refused_subscription", reason=str(reasons[0]))
        else:
            self._subscribed.set()
            self._observer.vitals.subscribed()
        self._answered.set()

    def _on_disconnect(
        self, client: Client, userdata: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._generation += 1
        self._heartbeats.note_disconnected()
        self._observer.vitals.disconnected()
        log.info("broker_disconnected", reason=str(reason))

    def _on_published(self, published: list[Published]) -> None:
        """Take a chunk of QoS 1 messages from the fast client."""
        received_at = datetime.datetime.now(datetime.UTC)
        generation = self._generation
        messages = [
            Message(
                each.topic.decode(errors="replace"), each.payload, received_at, Delivery(each.packet_id, generation)
            )
            for each in published
        ]
        with self._arrived:
            self._queue.extend(messages)
            self._arrived.notify()
        crash.at("received")

    def _on_message(self, client: Client, userdata: Any, received: MQTTMessage) -> None:
        """Take one message from stock paho, or one of QoS 0."""
        try:
            topic = received.topic
        except UnicodeDecodeError:
            topic = "�"
        if topic == self._heartbeats.topic:
            if heartbeat := self._heartbeats.read(bytes(received.payload)):
                self._take_heartbeat(heartbeat)
            return
        handle = Delivery(received.mid, self._generation) if received.qos else None
        message = Message(topic, bytes(received.payload), datetime.datetime.now(datetime.UTC), handle)
        with self._arrived:
            # No receive maximum bounds QoS 0, which carries what the bin will say again.
            if handle is None and len(self._queue) >= RECEIVE_MAXIMUM:
                return
            self._queue.append(message)
            self._arrived.notify()
