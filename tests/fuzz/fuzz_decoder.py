"""Coverage-guided fuzzing of everything that reads bytes of a stranger: `make fuzz SECONDS=60`.

Only documented outcomes may come out; any other exception ends the run and leaves the input beside the
environment it ran in (`.venv-fuzz/crash-…`). Needs atheris, which the tests do not. Seeds are the golden messages.
"""

import base64
import datetime
import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import atheris

with atheris.instrument_imports(include=["ingest", "simulators"]):
    from ingest.decoding import DecodedMessage, EventsMessage, decode
    from ingest.messages import Message
    from ingest.signatures import sign_message, split_message
    from ingest.topics import UpTopic
    from ingest.verification import Rejected, Verified, is_json
    from simulators.receipts import MalformedReceiptError, read_receipt
    from simulators.signatures import SignatureError, verify_message

from rewards.bins import KnownBin
from rewards.rules import AuthorityRules

GOLDEN = json.loads((Path(__file__).parents[2] / "docs/golden-messages.json").read_text(encoding="utf-8"))
CHANNELS = ("events", "hello", "status", "presence")
BIN = "MRS-00042"
KNOWN = KnownBin(BIN, "live", UUID(int=1), 1, {1: "valid"})
KEY = bytes(32)
START = datetime.datetime(2026, 11, 21, 10, tzinfo=datetime.UTC)
RULES = AuthorityRules(
    authority_id=7,
    slug="mrs",
    timezone=ZoneInfo("Europe/Paris"),
    epoch=1,
    fleet_version=1,
    points_valid_months=24,
    materials=frozenset(),
    tariffs=[],
)


def test_one_input(data: bytes) -> None:
    """Read one input: its first byte says as what."""
    kind, payload = data[:1], data[1:]
    if kind <= b"\x3f":
        read_as_stranger(payload)
    elif kind <= b"\xbf":
        read_as_backend(CHANNELS[kind[0] % 4], payload)
    else:
        read_as_bin(payload)


def read_as_stranger(payload: bytes) -> None:
    """Take a payload apart on both ends: they agree on what two lines are."""
    signed = split_message(payload)
    is_json(payload)
    try:
        verify_message("topic", payload, {1: KEY})
    except SignatureError:
        return
    assert signed is not None, "the simulated bin takes what the backend does not"


def read_as_backend(channel: Any, line: bytes) -> None:
    """Decode a rightly signed line."""
    topic = f"bontri/v1/mrs/{BIN}/up/{channel}"
    payload = sign_message(KEY, key_number=1, topic=topic, line=line)
    message = Message(topic, payload, START)
    verdict = decode(Verified(message, UpTopic("mrs", BIN, channel), RULES, KNOWN, 1, line))
    if isinstance(verdict, Rejected):
        assert verdict.code in ("not_json", "schema", "wrong_topic")
        verdict.detail.encode()
        return
    assert isinstance(verdict, DecodedMessage)
    if isinstance(verdict.content, EventsMessage):
        numbers = [each.seq for each in (*verdict.content.events, *verdict.content.faulty)]
        assert numbers
        assert all(1 <= number <= 2**63 - 2 for number in numbers)


def read_as_bin(line: bytes) -> None:
    """Read a rightly signed line as a receipt."""
    try:
        receipt = read_receipt(line)
    except MalformedReceiptError:
        return
    assert all(low <= high for low, high in receipt.also)


def write_seeds(folder: Path) -> None:
    """Write each golden message as an input of every kind it can be."""
    for number, entry in enumerate(GOLDEN["messages"]):
        payload = entry["payload"].encode() if "payload" in entry else base64.b64decode(entry["payload_base64"])
        line, channel = payload.partition(b"\n")[0], entry["topic"].rpartition("/")[2]
        kind = bytes([0x40 + CHANNELS.index(channel)]) if channel in CHANNELS else b"\xff"
        (folder / f"{number}-line").write_bytes(kind + line)
        (folder / f"{number}-payload").write_bytes(b"\x00" + payload)


def main() -> None:
    """Fuzz with the options of libFuzzer, for example ``-max_total_time=60``."""
    with tempfile.TemporaryDirectory(prefix="bontri-fuzz-") as folder:
        write_seeds(Path(folder))
        atheris.Setup([*sys.argv, "-max_len=16384", folder], test_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
