"""The proxy's reading of MQTT, against packets written by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.fast_paho import MalformedPacketError
from reliability.chaos.packets import PUBACK, PUBLISH, kind_of, read_publish, split_packets, write_puback
from tests.raw_mqtt import frame, write_publish

EXPIRES_IN_AN_HOUR = b"\x02\x00\x00\x0e\x10"
TOPIC = b"bontri/v1/val/VAL-00001/up/events"


@pytest.mark.parametrize("properties", [b"", EXPIRES_IN_AN_HOUR])
@pytest.mark.parametrize("payload", [b"", b"{}", b"x" * 200, b"x" * 20_000])
def test_publish_is_taken_apart(payload: bytes, properties: bytes) -> None:
    packet = write_publish(TOPIC, payload, properties=properties)
    publish = read_publish(packet)
    assert (kind_of(packet), publish.topic.encode(), publish.packet_id) == (PUBLISH, TOPIC, 1)
    assert packet[publish.payload_start :] == payload


def test_publish_that_wants_no_acknowledgement_has_no_number() -> None:
    assert read_publish(write_publish(TOPIC, b"x", qos=0)).packet_id is None


@given(st.lists(st.binary(max_size=300), max_size=6), st.data())
def test_packets_are_found_however_the_stream_is_cut(payloads: list[bytes], data: st.DataObject) -> None:
    packets = [*(write_publish(TOPIC, payload) for payload in payloads), write_puback(9)]
    stream = b"".join(packets)
    found: list[bytes] = []
    rest = b""
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        more, rest = split_packets(rest + stream[:size])
        found += more
        stream = stream[size:]
    assert (found, rest) == (packets, b"")


def test_puback_says_success() -> None:
    assert (kind_of(write_puback(258)), write_puback(258)) == (PUBACK, b"\x40\x02\x01\x02")


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x00\x01\xff\x00\x01\x00", b"\x00\x01a\x00\x01", b"\x00\x01a\x00"])
def test_publish_cut_short_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        read_publish(frame(0x32, content))
