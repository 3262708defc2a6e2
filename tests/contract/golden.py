"""docs/golden-messages.json as tests read it: from the file, without the code that made it."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "docs/golden-messages.json"
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
AUTHORITY: str = DOCUMENT["authority"]
BIN: str = DOCUMENT["bins"][0]["bin"]


@dataclass(frozen=True)
class Golden:
    """One message of the file."""

    name: str
    topic: str
    payload: bytes
    expect: dict[str, Any]

    @property
    def channel(self) -> str:
        """The last part of the topic."""
        return self.topic.rpartition("/")[2]

    @property
    def line(self) -> bytes:
        """The first line."""
        return self.payload.partition(b"\n")[0]

    @property
    def key_number(self) -> int:
        """The key number its second line names."""
        return int(self.payload.partition(b"\n")[2].partition(b":")[0])


def read_message(entry: dict[str, Any]) -> Golden:
    """Read one entry of the file."""
    is_text = "payload" in entry
    payload = entry["payload"].encode() if is_text else base64.b64decode(entry["payload_base64"])
    return Golden(entry["name"], entry["topic"], payload, entry["expect"])


ALL = [read_message(entry) for entry in DOCUMENT["messages"]]
BY_NAME = {golden.name: golden for golden in ALL}
UP_RIGHT = [golden for golden in ALL if "/up/" in golden.topic and "decoded" in golden.expect]
UP_REFUSED = [golden for golden in ALL if "code" in golden.expect]
DOWN_RIGHT = [golden for golden in ALL if "/down/" in golden.topic and "decoded" in golden.expect]
DOWN_WRONG = [golden for golden in ALL if "ignored" in golden.expect]


def keys_of(bin_id: str) -> dict[int, bytes]:
    """Return the keys of a bin by number, revoked ones included."""
    entry = next(each for each in DOCUMENT["bins"] if each["bin"] == bin_id)
    return {key["number"]: bytes.fromhex(key["hex"]) for key in entry["keys"]}
