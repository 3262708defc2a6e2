"""Both ends make and accept docs/golden-messages.json: the backend, the simulated bins, and openssl."""

import hmac
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bontri.bin_documents.golden import make_golden_document
from ingest import signatures as backend
from ingest.contract import Command, Config, Events, Hello, Presence, Receipt, Status, encode
from ingest.decoding import DecodedMessage, EventsMessage, decode
from ingest.directory import Directory
from ingest.messages import Message
from ingest.topics import UpTopic
from ingest.verification import MessageCode, Rejected, Verified, find_topic, verify
from rewards.bins import KnownBin
from rewards.keyring import Keyring
from rewards.rules import AuthorityRules
from simulators import signatures as firmware
from simulators.receipts import MalformedReceiptError, read_receipt
from tests.contract.golden import (
    ALL,
    AUTHORITY,
    BIN,
    DOCUMENT,
    DOWN_RIGHT,
    DOWN_WRONG,
    UP_REFUSED,
    UP_RIGHT,
    Golden,
    keys_of,
)
from tests.factories import START

KEYRING = Keyring(master_key=bytes.fromhex(DOCUMENT["master_key"]), badge_pepper=b"p" * 32, storage_key=b"s" * 32)
RULES = AuthorityRules(
    authority_id=7,
    slug=AUTHORITY,
    timezone=ZoneInfo("Europe/Paris"),
    epoch=1,
    fleet_version=1,
    holders_version=1,
    points_valid_months=24,
    materials=frozenset(),
    tariffs=[],
)
KNOWN = {
    entry["bin"]: KnownBin(
        entry["bin"], entry["state"], UUID(int=1), 1, {key["number"]: key["state"] for key in entry["keys"]}
    )
    for entry in DOCUMENT["bins"]
}
DOWN_TYPES: dict[str, Any] = {"receipt": Receipt, "config": Config, "command": Command}


class GoldenDirectory(Directory):
    """Knows the bins of the file and asks no database."""

    def __init__(self) -> None:
        """Nothing to remember."""

    def find_rules(self, topic: UpTopic) -> AuthorityRules | None:
        return RULES if topic.authority == AUTHORITY else None

    def find_bin(self, topic: UpTopic) -> KnownBin | None:
        return KNOWN.get(topic.bin_id) if topic.authority == AUTHORITY else None


def handle(golden: Golden) -> Rejected | DecodedMessage:
    message = Message(golden.topic, golden.payload, START)
    verified = verify(message, find_topic(message), GoldenDirectory(), KEYRING)
    return decode(verified) if isinstance(verified, Verified) else verified


def named(golden: Golden) -> str:
    return golden.name


def test_file_is_what_the_code_makes():
    assert make_golden_document() == DOCUMENT, "run: bontri docs golden > docs/golden-messages.json"


def test_names_are_unique_and_every_channel_has_right_and_wrong_messages():
    assert len({golden.name for golden in ALL}) == len(ALL)
    assert {golden.channel for golden in UP_RIGHT} == {"hello", "events", "status", "presence"}
    assert {golden.channel for golden in UP_REFUSED} >= {"hello", "events", "status", "presence"}
    assert {golden.channel for golden in DOWN_RIGHT} == set(DOWN_TYPES)


def test_every_code_has_a_message():
    # Only a failure of the backend itself is `internal`; no bytes bring it about.
    assert {golden.expect["code"] for golden in UP_REFUSED} == set(get_args(MessageCode)) - {"internal"}


def test_keys_are_derived_as_the_protocol_says():
    for entry in DOCUMENT["bins"]:
        for key in entry["keys"]:
            name = f"{AUTHORITY}|{entry['bin']}|{key['number']}".encode()
            assert hmac.digest(bytes.fromhex(DOCUMENT["master_key"]), name, "sha256").hex() == key["hex"]


@pytest.mark.parametrize("golden", UP_RIGHT, ids=named)
def test_the_backend_decodes_what_the_file_says(golden: Golden):
    decoded = handle(golden)
    assert isinstance(decoded, DecodedMessage), decoded
    fields, content = golden.expect["decoded"], decoded.content
    if isinstance(content, EventsMessage):
        expected = msgspec.convert(fields, Events)
        assert content.events == expected.events
        assert [fault.seq for fault in content.faulty] == golden.expect["faulty"]
        head = expected.__struct_fields__[:-1]
        assert head == ("v", "bin", "boot", "n", "sent_at", "clock", "ahead_ms", "journal")
        assert all(getattr(content.envelope, name) == getattr(expected, name) for name in head)
    else:
        types: dict[str, Any] = {"hello": Hello, "status": Status, "presence": Presence}
        assert content == msgspec.convert(fields, types[golden.channel])


@pytest.mark.parametrize("golden", UP_REFUSED, ids=named)
def test_the_backend_refuses_with_the_code_of_the_file(golden: Golden):
    verdict = handle(golden)
    assert isinstance(verdict, Rejected)
    assert verdict.code == golden.expect["code"]


@pytest.mark.parametrize("golden", [*UP_RIGHT, *DOWN_RIGHT], ids=named)
def test_both_ends_sign_the_line_to_the_same_bytes(golden: Golden):
    keys = keys_of(BIN)
    number, key = golden.key_number, keys[golden.key_number]
    assert firmware.sign_message(golden.topic, golden.line, key_number=number, key=key) == golden.payload
    assert backend.sign_message(key, key_number=number, topic=golden.topic, line=golden.line) == golden.payload
    assert firmware.verify_message(golden.topic, golden.payload, keys) == golden.line


@pytest.mark.parametrize("golden", DOWN_RIGHT, ids=named)
def test_the_backend_writes_the_line_of_the_file_from_its_fields(golden: Golden):
    message = msgspec.convert(golden.expect["decoded"], DOWN_TYPES[golden.channel])
    assert encode(message) == golden.line
    assert json.loads(golden.line) == golden.expect["decoded"]


@pytest.mark.parametrize("golden", [each for each in DOWN_RIGHT if each.channel == "receipt"], ids=named)
def test_simulated_bins_read_the_receipts(golden: Golden):
    receipt, fields = read_receipt(golden.line), golden.expect["decoded"]
    assert (receipt.journal, receipt.epoch, receipt.echo) == (fields["journal"], fields["epoch"], fields["echo"])
    settled = [[1, fields["upto"]]] if fields["upto"] else []
    assert [list(pair) for pair in receipt.settled_ranges] == settled + fields.get("also", [])
    assert [(each.seq, each.state, each.points, each.code) for each in receipt.results] == [
        (each["seq"], each["state"], each.get("points", 0), each.get("code")) for each in fields.get("results", [])
    ]


@pytest.mark.parametrize("golden", DOWN_WRONG, ids=named)
def test_simulated_bins_ignore_wrong_messages(golden: Golden):
    held = {number: key for number, key in keys_of(BIN).items() if number in (1, 2)}
    with pytest.raises((firmware.SignatureError, MalformedReceiptError)):
        read_receipt(firmware.verify_message(golden.topic, golden.payload, held))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_makes_the_same_signatures(tmp_path: Path):
    lines = tmp_path / "line"
    for golden in (*UP_RIGHT, *DOWN_RIGHT):
        lines.write_bytes(golden.topic.encode() + b"\n" + golden.line)
        key = keys_of(BIN)[golden.key_number].hex()
        command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-r", str(lines)]
        digest = subprocess.run(command, check=True, capture_output=True).stdout.split()[0]
        assert golden.payload.endswith(b"\n%d:%b" % (golden.key_number, digest)), golden.name
