"""MQTT 5 packets written by hand, for what no client library would send, and for a thousand connections at once.

Source: MQTT 5.0, sections 3.1 (CONNECT), 3.3 (PUBLISH), 3.8 (SUBSCRIBE).
"""

import contextlib
import socket
import struct
from typing import NamedTuple

from bontri.embedded.broker import Broker
from ingest.fast_paho import find_frame, read_length, write_length

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
CLEAN_START_WITH_USERNAME_AND_PASSWORD = 0xC2
PATIENCE_S = 15.0


class Packet(NamedTuple):
    """A packet as it came: its first byte, and what follows the length."""

    first: int
    content: bytes

    @property
    def kind(self) -> int:
        """The first byte without the flags."""
        return self.first & 0xF0

    @property
    def payload(self) -> bytes:
        """What a QoS 0 PUBLISH carries."""
        topic_end = 2 + int.from_bytes(self.content[:2])
        found = read_length(self.content, topic_end)
        assert found is not None
        length, start = found
        return self.content[start + length :]


def field(value: bytes) -> bytes:
    """Return text or bytes as MQTT writes them."""
    return struct.pack("!H", len(value)) + value


def frame(first: int, content: bytes) -> bytes:
    """Return a whole packet."""
    return bytes((first,)) + write_length(len(content)) + content


def write_publish(
    topic: bytes, payload: bytes, *, qos: int = 1, is_retained: bool = False, properties: bytes = b""
) -> bytes:
    """Write a PUBLISH with packet id 1; nothing is checked."""
    packet_id = struct.pack("!H", 1) if qos else b""
    first = PUBLISH | qos << 1 | is_retained
    return frame(first, field(topic) + packet_id + write_length(len(properties)) + properties + payload)


class RawConnection:
    """One connection; as a context manager it is cut at the end, without a word."""

    def __init__(self, broker: Broker, *, username: str, password: str, client_id: str) -> None:
        """Connect, and return when the broker has let us in."""
        self._unread = bytearray()
        self.socket = socket.create_connection((broker.host, broker.port), timeout=PATIENCE_S)
        head = field(b"MQTT") + bytes((5, CLEAN_START_WITH_USERNAME_AND_PASSWORD)) + struct.pack("!H", 60) + b"\0"
        names = field(client_id.encode()) + field(username.encode()) + field(password.encode())
        self.send(frame(CONNECT, head + names))
        answer = self.wait_for(CONNACK)
        assert answer.content[1] == 0, f"refused with reason {answer.content[1]:#x}"

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe with QoS 0, and return when that is granted."""
        self.send(frame(SUBSCRIBE, struct.pack("!H", 9) + b"\0" + field(topic_filter.encode()) + b"\0"))
        assert self.wait_for(SUBACK).content[-1] == 0

    def send(self, packets: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(packets)

    def read(self) -> list[Packet]:
        """Return the whole packets of one more chunk; raises EOFError when the broker has closed."""
        chunk = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            chunk = self.socket.recv(65_536)
        if not chunk:
            raise EOFError
        self._unread += chunk
        packets = []
        while found := find_frame(self._unread, 0):
            start, end = found
            packets.append(Packet(self._unread[0], bytes(self._unread[start:end])))
            del self._unread[:end]
        return packets

    def wait_for(self, kind: int) -> Packet:
        """Return the next packet of a kind; others before it are passed over."""
        while True:
            for packet in self.read():
                if packet.kind == kind:
                    return packet

    def is_cut(self) -> bool:
        """Tell whether the broker ends the connection (true) or acknowledges (false)."""
        try:
            self.wait_for(PUBACK)
        except EOFError:
            return True
        return False
