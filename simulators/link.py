"""The modem of one bin: one MQTT 5 connection at a time, driven from outside (bin protocol, section "Link").

Each connection is a new paho client. The bin itself keeps what is not yet settled, so nothing of a connection needs to
survive it, and paho's own store of unacknowledged messages cannot send stale ones after a reconnect.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators.bin import SimulatedBin
from simulators.fleet_file import BrokerAddress
from simulators.messages import PACKET_BYTES_MAX, Message

KEEPALIVE_S = 60
CONNECT_TIMEOUT_S = 5
READY_WITHIN = timedelta(seconds=15)
# paho keeps 20 messages unacknowledged at most, and Mosquitto announces 20 as well.
WINDOW_MAX = 20


class _TlsSocket(ssl.SSLSocket):
    """Bounds the handshake, and closes the socket when it fails: paho waits a whole keepalive and leaves it open."""

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(CONNECT_TIMEOUT_S)
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class Link:
    """Connects one bin to the broker; not thread-safe, everything happens inside the calls made by its driver.

    ``read``, ``write`` and ``tick`` return normally whatever the broker does: a lost connection shows in ``is_open``.
    """

    def __init__(
        self, simulated: SimulatedBin, *, broker: BrokerAddress, password: str, true_time: Callable[[], datetime]
    ) -> None:
        """Prepare a closed link.

        Args:
            simulated: The bin whose messages go through.
            broker: Where to connect.
            password: The bin's own credential; user name and client id are the bin id.
            true_time: Read when a message arrives in the middle of ``read``.
        """
        self.bin = simulated
        self._broker = broker
        self._password = password
        self._true_time = true_time
        self._client: mqtt.Client | None = None
        self._opened_at: datetime | None = None
        self._window = WINDOW_MAX
        self._n_by_mid: dict[int, int] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is a socket, connected to MQTT or on the way to it."""
        return self._client is not None and self._client.socket() is not None

    @property
    def socket(self) -> Any:
        """The socket of the open connection, for a selector; None when closed."""
        return None if self._client is None else self._client.socket()

    @property
    def wants_write(self) -> bool:
        """Whether bytes wait for the socket to take them."""
        return self._client is not None and self._client.want_write()

    def open(self, now: datetime, *, on_close: Callable[[Link, Any], None]) -> None:
        """Connect the socket and send CONNECT with the signed will; blocks at most five seconds.

        Args:
            now: True time.
            on_close: Called once with the link and its socket, just before that closes for whatever reason.

        Raises:
            OSError: the broker cannot be reached.
        """
        self._notice_loss()  # of a connection cut from outside, before its client is gone
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self.bin.identity.bin, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.username_pw_set(self.bin.identity.bin, self._password)
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self._broker.tls:
            ca_file = None if self._broker.ca_file is None else str(self._broker.ca_file)
            context = ssl.create_default_context(cafile=ca_file)
            context.sslsocket_class = _TlsSocket
            client.tls_set_context(context)
        will = self.bin.prepare_connection(now)
        client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_close = lambda _client, _data, sock: on_close(self, sock)
        self._n_by_mid.clear()
        self._opened_at = now
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = PACKET_BYTES_MAX
        client.connect(
            self._broker.host, self._broker.port, keepalive=KEEPALIVE_S, clean_start=True, properties=properties
        )
        self._client = client

    def read(self) -> None:
        """Take what the socket has; receipts reach the bin during this call."""
        client = self._client
        if client is None:
            return
        client.loop_read()
        sock = client.socket()
        while isinstance(sock, ssl.SSLSocket) and sock.pending():  # decrypted bytes a selector cannot see
            client.loop_read()
            sock = client.socket()
        self._notice_loss()

    def write(self) -> None:
        """Send what waits."""
        if self._client is not None:
            self._client.loop_write()
            self._notice_loss()

    def tick(self, now: datetime) -> None:
        """Do keepalive, give up a connection that is not ready within 15 s, and send what is due."""
        if self._client is not None:
            self._client.loop_misc()
            if not self.bin.is_connected and self._opened_at is not None and now - self._opened_at > READY_WITHIN:
                self.abort()
            self._notice_loss()
        self.send_due(now)

    def send_due(self, now: datetime) -> None:
        """Publish what the bin wants to say now, as far as there is room; offline this only commits the journal.

        A bin told to reboot says goodbye then, and starts anew over its journal: ``bin`` is another object after that.
        """
        for message in self.bin.due_messages(now, room=self._window - len(self._n_by_mid)):
            self._publish(message)
        self._notice_loss()
        if self.bin.is_reboot_due:
            self.close(now)
            self.bin = self.bin.restart(now)

    def close(self, now: datetime) -> None:
        """Say goodbye (the will is then not published) and close; what is unsettled stays in the journal."""
        if self._client is not None and self.bin.is_connected:
            self._publish(self.bin.write_farewell(now))
            self._client.disconnect()
        self.abort()
        if self._client is not None:
            self._client = None  # ended on purpose: neither lost nor failed
            self.bin.on_disconnected()

    def abort(self) -> None:
        """Cut the connection as a power failure would: the broker publishes the will."""
        self._cut()
        while self._client is not None and self._client.socket() is not None:
            self._client.loop_read()  # what had arrived is read, then paho finds the end and closes

    def _cut(self) -> None:
        # The only part of abort that is safe inside paho's callbacks, which hold a lock that closing needs.
        sock = self.socket
        if sock is not None:
            with suppress(OSError):  # the other side may have gone already
                sock.shutdown(socket.SHUT_RDWR)

    def _publish(self, message: Message) -> None:
        if self._client is None or self._client.socket() is None:
            return
        info = self._client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
        if message.qos and info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._n_by_mid[info.mid] = message.n

    def _notice_loss(self) -> None:
        if self._client is not None and self._client.socket() is None:
            self._client = None
            if self.bin.is_connected:
                self.bin.tally.lost_connections += 1
            else:
                self.bin.tally.failed_connections += 1
            self.bin.on_disconnected()

    def _note_failure(self, failure: str) -> None:
        self.bin.tally.last_connection_failure = f"{self.bin.identity.bin}: {failure}"

    # paho's callbacks: they run inside read(), so publishing waits until read() is over.

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._note_failure(f"connection refused: {reason}")
            return  # the broker closes the connection
        self._window = min(getattr(properties, "ReceiveMaximum", WINDOW_MAX), WINDOW_MAX)
        client.subscribe(self.bin.identity.topic("down/#"), qos=1)

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _mid: int, reasons: list[Any], _p: Any) -> None:
        # Only now: a receipt that answers a hello sent before the subscription would be lost.
        if any(reason.is_failure for reason in reasons):
            self._note_failure(f"subscription refused: {reasons[0]}")
            self._cut()
            return
        self.bin.tally.connections += 1
        self.bin.on_connected(self._true_time())

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.bin.on_message(message.topic, bytes(message.payload), self._true_time())

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        n = self._n_by_mid.pop(mid, None)
        if n is not None:
            self.bin.on_puback(n, reason_code=reason.value)
