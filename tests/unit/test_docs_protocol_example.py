"""The examples of the protocol page are what both sides of the wire make and accept."""

import datetime
import hmac
import re
from pathlib import Path

import msgspec
import pytest

from ingest import signatures as backend
from ingest.contract import (
    LARGEST_PACKET_BYTES,
    LARGEST_RECEIPT_BYTES,
    MOST_EVENTS,
    MOST_RECEIPT_RANGES,
    MOST_RESULTS,
    Command,
    CommandResult,
    Config,
    decode_events,
    encode,
)
from rewards.keyring import Keyring
from simulators import signatures as firmware
from simulators.clock import PROMPT_ROUND_TRIP, SYNCED_FOR
from simulators.housekeeping import GIVE_UP_AFTER
from simulators.journal import KEEP_SETTLED
from simulators.outbox import IN_FLIGHT_MAX, PATIENCE
from simulators.receipt_watch import HELLO_BACK_OFF_MAX, HELLO_BACK_OFF_MIN, JITTER_SHARE, RECEIPT_WAIT
from simulators.receipts import read_receipt

PAGE = (Path(__file__).parents[2] / "docs/bin-protocol.md").read_text(encoding="utf-8")
HOUR = datetime.timedelta(hours=1)
AUTHORITY, BIN = "mrs", "MRS-00042"
UP, DOWN = f"bontri/v1/{AUTHORITY}/{BIN}/up/events", f"bontri/v1/{AUTHORITY}/{BIN}/down/receipt"


def find(pattern: str) -> str:
    """Find the one place of the page that fits."""
    found = re.findall(pattern, PAGE, flags=re.DOTALL)
    assert len(found) == 1, pattern
    return found[0]


@pytest.fixture
def master_key() -> bytes:
    return bytes.fromhex(find(r"test master key `([0-9a-f]{64})`"))


@pytest.fixture
def key() -> bytes:
    return bytes.fromhex(find(r"```\nkey 1 = ([0-9a-f]{64})\n```"))


def message_on(topic: str) -> bytes:
    return find(rf"on the topic `{topic}`:\n\n```\n(.*?)\n```").encode()


def test_key_is_derived_as_the_page_says(master_key: bytes, key: bytes):
    assert hmac.digest(master_key, f"{AUTHORITY}|{BIN}|1".encode(), "sha256") == key
    keyring = Keyring(master_key=master_key, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    assert keyring.bin_key(authority=AUTHORITY, bin_id=BIN, key_number=1) == key


@pytest.mark.parametrize("topic", [UP, DOWN])
def test_both_sides_make_and_accept_the_example(key: bytes, topic: str):
    message = message_on(topic)
    signed = backend.split_message(message)
    assert signed is not None
    assert signed.key_number == 1
    assert backend.is_signed_by(key, topic=topic, message=signed)
    assert backend.sign_message(key, key_number=1, topic=topic, line=signed.line) == message
    assert firmware.verify_message(topic, message, {1: key}) == signed.line
    assert firmware.sign_message(topic, signed.line, key_number=1, key=key) == message


def test_example_is_refused_on_another_topic(key: bytes):
    signed = backend.split_message(message_on(UP))
    assert signed is not None
    assert not backend.is_signed_by(key, topic=DOWN, message=signed)
    with pytest.raises(firmware.SignatureError):
        firmware.verify_message(DOWN, message_on(UP), {1: key})


def test_openssl_line_signs_with_the_key_of_the_example(key: bytes):
    assert find(r"hexkey:([0-9a-f]{64})") == key.hex()


def test_example_is_a_deposit_the_contract_knows():
    envelope = decode_events(message_on(UP).partition(b"\n")[0])
    assert envelope.bin == BIN
    assert [(event.seq, event.items) for event in envelope.events] == [(1042, 3)]


def test_receipt_of_the_example_settles_the_deposit():
    receipt = read_receipt(message_on(DOWN).partition(b"\n")[0])
    assert receipt.settled_ranges == [(1, 1042)]
    assert [(result.seq, result.state, result.points) for result in receipt.results] == [(1042, "credited", 3)]


def test_second_receipt_of_the_page_can_be_read():
    receipt = read_receipt(find(r'```\n(\{"v":1,"journal":[^\n]*"also"[^\n]*)\n```').encode())
    assert receipt.settled_ranges == [(1, 1043), (1046, 1050)]
    assert [result.code for result in receipt.results] == [None, "unknown_material"]


def test_bounds_on_the_page_are_those_of_the_code():
    assert f"a list of 1 to {MOST_EVENTS} events" in PAGE
    assert f"the lowest {MOST_RECEIPT_RANGES} settled ranges" in PAGE
    assert f"at most {MOST_RESULTS};" in PAGE


def test_command_and_configuration_of_the_page_are_what_the_backend_writes():
    for start, message in (('{"do":', Command), ('{"v":1,"bin":"MRS-00042","version":', Config)):
        line = find(rf"```\n({re.escape(start)}[^\n]*)\n```").encode()
        assert encode(msgspec.json.decode(line, type=message)) == line


def test_answer_to_a_command_on_the_page_is_one_the_contract_knows():
    answers = find(r'`"commands":(\[[^`]*\])`').encode()
    assert [each.state for each in msgspec.json.decode(answers, type=list[CommandResult])] == ["done"]


LIMITS = PAGE.partition("\n## Limits\n")[2]


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("payload, both ways", f"{LARGEST_PACKET_BYTES:,} bytes"),
        (
            "receipt",
            f"less than {LARGEST_RECEIPT_BYTES // 1024} KiB, {MOST_RECEIPT_RANGES} ranges, {MOST_RESULTS} results",
        ),
        ("events in a message", f"1 … {MOST_EVENTS}"),
        ("events in flight, unsettled", f"{IN_FLIGHT_MAX:,}"),
        ("patience before sending again", f"{PATIENCE.seconds} s"),
        ("prompt round trip", f"less than {PROMPT_ROUND_TRIP.seconds} s"),
        ("clock stays `synced` after a receipt", f"at most {SYNCED_FOR // HOUR} h"),
        ("event kept after its receipt", f"at least {KEEP_SETTLED.days} days"),
        ("event given up", f"{GIVE_UP_AFTER.days} days after it was first sent"),
        (
            "wait for a receipt; back-off of hello",
            f"{RECEIPT_WAIT.seconds} s; "
            f"{HELLO_BACK_OFF_MIN.seconds} s … {HELLO_BACK_OFF_MAX // HOUR} h, ±{JITTER_SHARE:.0%}",
        ),
    ],
)
def test_limits_of_the_page_are_those_of_both_ends(what: str, limit: str):
    assert f"\n| {what} | {limit.replace('%', ' %')} |\n" in LIMITS
