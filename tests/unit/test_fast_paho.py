"""Our reading of PUBLISH packets against paho's own, on any cutting of the stream."""

import struct
from itertools import pairwise
from types import SimpleNamespace

import paho.mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from ingest.broker_address import Broker
from ingest.fast_paho import (
    FastClient,
    MalformedPacketError,
    Published,
    find_frame,
    is_usable,
    read_publish,
    write_length,
    write_publish,
)
from ingest.mqtt import MqttSource

PINGRESP = b"\xd0\x00"


def publish_qos_1(
    topic: bytes, payload: bytes, packet_id: int, *, properties: bytes = b"", header: int = 0x32
) -> bytes:
    """Write a QoS 1 PUBLISH as a broker does."""
    content = struct.pack("!H", len(topic)) + topic + struct.pack("!H", packet_id)
    content += write_length(len(properties)) + properties + payload
    return bytes([header]) + write_length(len(content)) + content


class Feed:
    """Stands in for a socket: gives chunks, then has no more for now."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = list(chunks)

    def recv(self, most: int) -> bytes:
        if not self._chunks:
            raise BlockingIOError
        return self._chunks.pop(0)

    def close(self) -> None:
        """Nothing to close."""


def client_fed_with(chunks: list[bytes]) -> tuple[FastClient, list[Published]]:
    client = FastClient(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    received: list[Published] = []
    client.on_published = received.extend
    client._sock = Feed(chunks)  # type: ignore[assignment]
    return client, received


def read_all(chunks: list[bytes]) -> list[Published]:
    client, received = client_fed_with(chunks)
    for _ in chunks:
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    client._sock = None
    return received


messages = st.builds(
    Published, st.binary(min_size=1, max_size=40), st.binary(max_size=300), st.integers(min_value=1, max_value=65_535)
)


@given(st.lists(messages, max_size=8), st.data())
def test_any_cutting_of_the_stream_gives_the_same_messages(sent: list[Published], data: st.DataObject) -> None:
    stream = b""
    for message in sent:
        stream += publish_qos_1(*message, header=data.draw(st.sampled_from([0x32, 0x33, 0x3A, 0x3B])))
        stream += data.draw(st.sampled_from([b"", PINGRESP]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[low:high] for low, high in pairwise([0, *cuts, len(stream)]) if low < high]
    assert read_all(chunks) == sent


@given(messages, st.sampled_from([b"", b"\x01\x01", b"\x02\x00\x00\x00\x3c"]))
def test_it_reads_what_paho_reads(message: Published, properties: bytes) -> None:
    packet = bytearray(publish_qos_1(*message, properties=properties))
    frame = find_frame(packet, 0)
    assert frame == (len(packet) - (frame[1] - frame[0]), len(packet)) if frame else False
    ours = read_publish(packet, *frame)
    theirs = _packet.decode_publish(packet[0], bytes(packet[frame[0] :]), MQTTProtocolVersion.MQTTv5)
    assert (ours.topic, ours.payload, ours.packet_id) == (theirs.topic, theirs.payload, theirs.mid)


@given(st.text(min_size=1, max_size=30).filter(lambda text: "\x00" not in text), st.binary(max_size=500))
def test_paho_reads_what_it_writes(topic: str, payload: bytes) -> None:
    try:
        encoded = topic.encode()
    except UnicodeEncodeError:
        return
    packet = bytearray(write_publish(encoded, payload))
    frame = find_frame(packet, 0)
    assert frame is not None
    read = _packet.decode_publish(packet[0], bytes(packet[frame[0] :]), MQTTProtocolVersion.MQTTv5)
    assert (read.topic, bytes(read.payload), read.qos, read.retain) == (encoded, payload, 0, False)


@pytest.mark.parametrize(
    "packet",
    [
        b"\x32\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x32\x00",  # nothing at all
        b"\x32\x01\x00",  # half a length
        b"\x32\x02\x00\x05",  # a topic longer than the packet
        b"\x32\x05\x00\x01a\x00\x01",  # no properties
        b"\x32\x06\x00\x01a\x00\x01\x05",  # properties longer than the packet
        b"\x90\x01\x00",  # a SUBACK too short for paho
    ],
)
def test_a_malformed_packet_ends_the_connection_and_delivers_nothing(packet: bytes) -> None:
    client, received = client_fed_with([packet])
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_PROTOCOL
    assert received == []


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_malformed(data: bytes) -> None:
    buffer = bytearray(data)
    try:
        frame = find_frame(buffer, 0) if buffer else None
        if frame is not None:
            read_publish(buffer, *frame)
    except MalformedPacketError:
        pass


def test_what_was_left_unread_is_forgotten_with_its_connection() -> None:
    whole = publish_qos_1(b"t", b"payload", 7)
    client, received = client_fed_with([whole[:5]])
    client.loop_read()
    client._sock = None
    with pytest.raises((OSError, ValueError)):
        client.reconnect()
    client._sock = Feed([whole])  # type: ignore[assignment]
    client.loop_read()
    client._sock = None
    assert received == [Published(b"t", b"payload", 7)]


def test_acknowledgements_of_a_batch_leave_in_order_in_one_write() -> None:
    client, _ = client_fed_with([])
    client._sock = None
    written: list[bytes] = []
    client._packet_queue = lambda command, packet, mid, qos: written.append(packet)  # type: ignore[assignment]
    client.acknowledge([3, 1, 65_535])
    assert written == [b"\x40\x02\x00\x03" + b"\x40\x02\x00\x01" + b"\x40\x02\xff\xff"]


def test_the_paho_at_hand_is_the_one_it_was_written_against() -> None:
    assert is_usable()


def test_another_paho_falls_back_to_stock_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paho.mqtt, "__version__", "3.0.0")
    assert not is_usable()
    source = MqttSource(Broker("127.0.0.1", 1, None, None, is_tls=False), client_id="x", topic_filter="x")
    assert not isinstance(source._client, FastClient)


def test_a_paho_without_a_private_name_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Client, "_packet_handle")
    assert not is_usable()


def test_a_closed_socket_is_a_lost_connection() -> None:
    client, _ = client_fed_with([b""])
    client._sock = SimpleNamespace(recv=lambda most: b"", close=lambda: None)  # type: ignore[assignment]
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
