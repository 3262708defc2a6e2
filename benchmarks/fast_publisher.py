"""A publisher that keeps up with the broker: QoS 1 packets written by hand, many a system call, their PUBACKs counted.

paho looks through its whole window for each acknowledgement once more waits than the window holds: 20,000 messages took
it a minute, which is nothing to measure with. Publishing only: nothing that a broker sends but CONNACK and PUBACK is
read.

Source: MQTT 5.0, sections 3.1 (CONNECT), 3.3 (PUBLISH), 3.4 (PUBACK).
"""

import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from itertools import islice

from benchmarks.errors import BenchError
from benchmarks.town import BenchMessage
from ingest.broker_address import Broker
from ingest.fast_paho import NO_PROPERTIES, PUBACK, PUBLISH_QOS_1, find_frame, write_length

WINDOW = 10_000
"""Unacknowledged messages at most; fewer than there are packet ids."""

CHUNK_MESSAGES = 500
CHUNK_BYTES = 256 * 1024
PACKET_IDS = 65_535
ANSWER_WITHIN_S = 60.0
CONNECT, CONNACK = 0x10, 0x20
USERNAME_PASSWORD_CLEAN_START = 0xC2
LEAST_FAILURE = 0x80


class PublishingError(BenchError):
    """The broker did not take what was published."""


class FastPublisher:
    """One connection that publishes; ends with the block."""

    def __init__(self, url: str, *, client_id: str) -> None:
        broker = Broker.from_url(url)
        self._socket = socket.create_connection((broker.host, broker.port), timeout=ANSWER_WITHIN_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unsent = bytearray(write_connect(client_id, broker.username or "", broker.password or ""))
        self._unread = bytearray()
        self._next_id = 0
        self._is_connected = False
        self.waiting = 0
        self._socket.setblocking(False)
        self._exchange_until(lambda: self._is_connected)

    def __enter__(self) -> "FastPublisher":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def publish(self, messages: Iterable[BenchMessage]) -> int:
        """Publish all and wait for every PUBACK; return how many there were."""
        count, left = 0, iter(messages)
        while chunk := list(islice(left, CHUNK_MESSAGES)):
            self._exchange_until(lambda: self.waiting + CHUNK_MESSAGES <= WINDOW)
            self.send(chunk)
            count += len(chunk)
        self.wait_until_taken()
        return count

    def send(self, messages: Iterable[BenchMessage]) -> None:
        """Write messages out without waiting for their PUBACKs."""
        for message in messages:
            self._next_id = self._next_id % PACKET_IDS + 1
            self._unsent += write_publish(message, self._next_id)
            self.waiting += 1
        self.exchange(wait_s=0)

    def wait_until_taken(self) -> None:
        """Return when the broker has acknowledged everything."""
        self._exchange_until(lambda: not self.waiting)

    def exchange(self, *, wait_s: float) -> None:
        """Send and read what can be, after waiting for it at most so long."""
        readable, writable, _ = select.select([self._socket], [self._socket] if self._unsent else [], [], wait_s)
        if writable:
            del self._unsent[: self._socket.send(self._unsent)]
        if readable:
            chunk = self._socket.recv(CHUNK_BYTES)
            if not chunk:
                raise PublishingError("the broker closed the connection of the publisher")
            self._unread += chunk
            self._read_answers()

    def _exchange_until(self, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while not is_done():
            if time.monotonic() > deadline:
                raise PublishingError(f"the broker left {self.waiting:,} messages without an answer")
            self.exchange(wait_s=0.1)

    def _read_answers(self) -> None:
        position = 0
        while (frame := find_frame(self._unread, position)) is not None:
            start, end = frame
            kind = self._unread[position] & 0xF0
            reason = self._unread[start + 2] if kind == PUBACK and end > start + 2 else 0
            if kind == CONNACK:
                reason = self._unread[start + 1]
                self._is_connected = True
            if reason >= LEAST_FAILURE:
                raise PublishingError(f"the broker refused the publisher or a message of it (reason {reason:#x})")
            self.waiting -= kind == PUBACK
            position = end
        del self._unread[:position]


def write_connect(client_id: str, username: str, password: str) -> bytes:
    """Write a CONNECT with a clean start and an hour of keepalive."""
    head = struct.pack("!H4sBBHB", 4, b"MQTT", 5, USERNAME_PASSWORD_CLEAN_START, 3600, 0)
    content = head + b"".join(map(write_text, (client_id, username, password)))
    return bytes((CONNECT,)) + write_length(len(content)) + content


def write_publish(message: BenchMessage, packet_id: int) -> bytes:
    """Write a QoS 1 PUBLISH without properties."""
    content = write_text(message.topic) + struct.pack("!H", packet_id) + NO_PROPERTIES + message.payload
    return bytes((PUBLISH_QOS_1,)) + write_length(len(content)) + content


def write_text(text: str) -> bytes:
    """Write a text behind its length."""
    written = text.encode()
    return struct.pack("!H", len(written)) + written
