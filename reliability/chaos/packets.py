"""MQTT packets in a stream of bytes, as far as a proxy needs them: where one ends, what a PUBLISH carries.

Source: MQTT 5.0, sections 3.3 (PUBLISH) and 3.4 (PUBACK). Frames are found as the worker finds them.
"""

import struct
from dataclasses import dataclass

from ingest.fast_paho import MalformedPacketError, find_frame, read_length

PUBLISH, PUBACK = 3, 4
QOS_BITS = 0b0110


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
    """Return the whole packets at the beginning of ``data``, and what is left of an unfinished one.

    Raises:
        MalformedPacketError: what should be a length is none.
    """
    packets: list[bytes] = []
    start = 0
    while frame := find_frame(data, start):
        packets.append(data[start : frame[1]])
        start = frame[1]
    return packets, data[start:]


def read_publish(packet: bytes) -> Publish:
    """Take a whole PUBLISH packet of MQTT 5 apart.

    Raises:
        MalformedPacketError: it is cut short.
    """
    frame = find_frame(packet, 0)
    if frame is None:
        raise MalformedPacketError
    at = frame[0]
    try:
        (length,) = struct.unpack_from(">H", packet, at)
        topic = packet[at + 2 : at + 2 + length].decode()
        at += 2 + length
        packet_id: int | None = None
        if packet[0] & QOS_BITS:
            (packet_id,) = struct.unpack_from(">H", packet, at)
            at += 2
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedPacketError from error
    properties = read_length(packet, at)
    if properties is None:
        raise MalformedPacketError
    return Publish(topic, packet_id, properties[1] + properties[0])


def write_puback(packet_id: int) -> bytes:
    """Return the PUBACK that says "success"."""
    return struct.pack(">BBH", PUBACK << 4, 2, packet_id)
