"""MQTT packets in a stream of bytes, as far as a proxy needs them: where one ends, what a PUBLISH carries.

Source: MQTT 5.0, sections 2.1 (fixed header), 3.3 (PUBLISH), 3.4 (PUBACK).
"""

import struct
from dataclasses import dataclass

PUBLISH, PUBACK = 3, 4


@dataclass(frozen=True, slots=True)
class Publish:
    """A PUBLISH taken apart. ``payload_start`` counts in the packet; ``packet_id`` is None at QoS 0."""

    topic: str
    packet_id: int | None
    payload_start: int


def kind_of(packet: bytes) -> int:
    """Return the type of a control packet."""
    return packet[0] >> 4


def split_packets(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole packets at the beginning of ``data``, and what is left of an unfinished one."""
    packets: list[bytes] = []
    start = 0
    while (end := find_end(data, start)) is not None:
        packets.append(data[start:end])
        start = end
    return packets, data[start:]


def find_end(data: bytes, start: int) -> int | None:
    """Return where the packet beginning at ``start`` ends; None when it is not all there."""
    if start >= len(data):
        return None
    read = read_length(data, start + 1)
    if read is None:
        return None
    length, body = read
    return body + length if body + length <= len(data) else None


def read_length(data: bytes, at: int) -> tuple[int, int] | None:
    """Read a variable byte integer; return it and where what follows begins, None when it is not all there.

    Raises:
        ValueError: it has more than four bytes.
    """
    value = 0
    for place in range(4):
        if at + place >= len(data):
            return None
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a variable byte integer has four bytes at most")


def read_publish(packet: bytes) -> Publish:
    """Take a whole PUBLISH packet of MQTT 5 apart.

    Raises:
        ValueError: it is cut short.
    """
    header = read_length(packet, 1)
    if header is None:
        raise ValueError("a packet without its length")
    at = header[1]
    (length,) = struct.unpack_from(">H", packet, at)
    topic = packet[at + 2 : at + 2 + length].decode()
    at += 2 + length
    packet_id: int | None = None
    if packet[0] & 0b0110:
        (packet_id,) = struct.unpack_from(">H", packet, at)
        at += 2
    properties = read_length(packet, at)
    if properties is None:
        raise ValueError("a PUBLISH without its properties")
    return Publish(topic, packet_id, properties[1] + properties[0])


def write_puback(packet_id: int) -> bytes:
    """Return the PUBACK that says "success"."""
    return struct.pack(">BBH", PUBACK << 4, 2, packet_id)
