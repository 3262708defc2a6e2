"""The two-line messages: what is signed, and that nothing else verifies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.signatures import SignatureError, sign_message, verify_message

TOPIC = "bontri/v1/mrs/MRS-00042/up/events"
KEY = bytes(range(32))
LINE = b'{"v":1}'
# Computed apart: printf 'TOPIC\n{"v":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0001…1f
DIGEST = b"1632ef7ce8ce9a53ff4dd71ec262fd713db826c8d67b61af025cd8cf7fb7d009"


def test_the_signature_covers_topic_line_feed_and_first_line() -> None:
    assert sign_message(TOPIC, LINE, key_number=2, key=KEY) == LINE + b"\n2:" + DIGEST


def test_a_signed_message_gives_back_its_exact_first_line() -> None:
    line = '{"badge":"é","last":1,"last":2} '.encode()
    message = sign_message(TOPIC, line, key_number=3, key=KEY)
    assert verify_message(TOPIC, message, {2: b"o" * 32, 3: KEY}) == line


@pytest.mark.parametrize(
    "message",
    [
        b"",
        LINE,
        LINE + b"\n",
        LINE + b"\n2:" + DIGEST + b"\n",
        LINE + b"\n\n2:" + DIGEST,
        LINE + b"\r\n2:" + DIGEST,
        LINE + b"\n2:" + DIGEST.upper(),
        LINE + b"\n02:" + DIGEST,
        LINE + b"\n2:" + DIGEST[:-1],
        LINE + b"\n2: " + DIGEST,
        LINE + b"\n3:" + DIGEST,
        LINE + b"\n0:" + DIGEST,
        LINE + b"\n100000:" + DIGEST,
        LINE + b"\n9:" + DIGEST,
        b'{"v":2}\n2:' + DIGEST,
    ],
)
def test_any_other_form_is_refused(message: bytes) -> None:
    with pytest.raises(SignatureError):
        verify_message(TOPIC, message, {0: KEY, 2: KEY, 3: b"o" * 32, 100_000: KEY})


def test_a_message_moved_to_another_topic_is_refused() -> None:
    message = sign_message(TOPIC, LINE, key_number=2, key=KEY)
    with pytest.raises(SignatureError):
        verify_message(TOPIC.replace("00042", "00043"), message, {2: KEY})


@settings(deadline=None)
@given(st.data())
def test_one_changed_bit_anywhere_is_refused(data: st.DataObject) -> None:
    message = bytearray(sign_message(TOPIC, LINE, key_number=2, key=KEY))
    position = data.draw(st.integers(0, len(message) - 1))
    message[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SignatureError):
        verify_message(TOPIC, bytes(message), {2: KEY})
