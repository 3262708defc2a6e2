"""A backend of a page, written from the bin protocol alone, and the proof that it does what the tests lean on.

It shares no code with the simulators: signatures and JSON are done here a second time, so that a mistake made once in
``simulators`` does not answer itself.
"""

import hashlib
import hmac
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def sign(topic: str, line: bytes, key: bytes, key_number: int = 1) -> bytes:
    digest = hmac.new(key, topic.encode() + b"\n" + line, hashlib.sha256).hexdigest()
    return line + b"\n" + f"{key_number}:{digest}".encode()


def open_message(topic: str, payload: bytes, key: bytes) -> dict[str, Any]:
    """Return the fields of a message or fail the test: form, size and signature must be as the protocol says."""
    assert len(payload) + len(topic) + 10 <= 16 * 1024
    line, last = payload.split(b"\n")
    assert re.fullmatch(rb"1:[0-9a-f]{64}", last)
    assert sign(topic, line, key) == payload
    fields: dict[str, Any] = json.loads(line)
    return fields


@dataclass
class ReferenceBackend:
    """Commits events in memory and answers hello and events with receipts.

    Attributes:
        keys: Key number 1 of each bin.
        committed: Events by number, for each bin and journal.
    """

    keys: dict[str, bytes]
    epoch: int = 1
    committed: dict[tuple[str, str], dict[int, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    repeats: int = 0
    _upto: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _above: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))

    def answer(self, topic: str, payload: bytes, now: datetime = NOW) -> tuple[str, bytes] | None:
        """Take one message and return the receipt as (topic, payload), or None for status and presence."""
        _, _, authority, bin_id, _, kind = topic.split("/")
        fields = open_message(topic, payload, self.keys[bin_id])
        assert fields["v"] == 1
        assert fields["bin"] == bin_id
        self.messages.append((kind, fields))
        if kind not in ("hello", "events"):
            return None
        results = [self._commit(bin_id, fields["journal"], event) for event in fields.get("events", [])]
        assert len(results) <= 100
        return self.receipt(f"bontri/v1/{authority}/{bin_id}/down/receipt", fields, results, now)

    def _commit(self, bin_id: str, journal: str, event: dict[str, Any]) -> dict[str, Any]:
        stored = self.committed[bin_id, journal]
        if event["seq"] in stored:
            self.repeats += 1
            if stored[event["seq"]] != event:
                self.conflicts.append(event)
        elif event["seq"] > self._upto[bin_id, journal]:
            self._above[bin_id, journal].add(event["seq"])
        stored[event["seq"]] = event
        points = event.get("items", 0) if "badge" in event else 0
        return {"seq": event["seq"], "state": "credited" if "badge" in event else "counted", "points": points}

    def receipt(
        self, topic: str, fields: dict[str, Any], results: list[dict[str, Any]], now: datetime
    ) -> tuple[str, bytes]:
        bin_id, journal = fields["bin"], fields["journal"]
        upto, also = self._ranges(bin_id, journal)
        line = {
            "v": 1,
            "journal": journal,
            "epoch": self.epoch,
            "upto": upto,
            "also": also[:50],
            "results": results,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "echo": fields["n"],
        }
        return topic, sign(topic, json.dumps(line).encode(), self.keys[bin_id])

    def _ranges(self, bin_id: str, journal: str) -> tuple[int, list[list[int]]]:
        """Return ``upto`` and ``also``; what ``upto`` has passed is not looked at again, for the sake of long runs."""
        above = self._above[bin_id, journal]
        upto = self._upto[bin_id, journal]
        while upto + 1 in above:
            upto += 1
            above.remove(upto)
        self._upto[bin_id, journal] = upto
        also: list[list[int]] = []
        for seq in sorted(above):
            if also and seq == also[-1][1] + 1:
                also[-1][1] = seq
            else:
                also.append([seq, seq])
        return upto, also


def envelope(*events: dict[str, Any], key: bytes = b"k" * 32) -> tuple[str, bytes]:
    topic = "bontri/v1/mrs/MRS-00042/up/events"
    line = {"v": 1, "bin": "MRS-00042", "n": 7, "journal": "9f" * 16, "events": list(events)}
    return topic, sign(topic, json.dumps(line).encode(), key)


def test_the_reference_backend_answers_with_upto_and_also() -> None:
    backend = ReferenceBackend({"MRS-00042": b"k" * 32})
    topic, payload = envelope({"seq": 1}, {"seq": 2}, {"seq": 5, "badge": "04A2", "items": 3})
    answer = backend.answer(topic, payload)
    assert answer is not None
    receipt = open_message(*answer, b"k" * 32)
    assert (receipt["upto"], receipt["also"], receipt["echo"]) == (2, [[5, 5]], 7)
    assert receipt["results"][2] == {"seq": 5, "state": "credited", "points": 3}


def test_the_reference_backend_sees_repeats_and_conflicts() -> None:
    backend = ReferenceBackend({"MRS-00042": b"k" * 32})
    for event in ({"seq": 1, "items": 1}, {"seq": 1, "items": 1}, {"seq": 1, "items": 2}):
        backend.answer(*envelope(event))
    assert (backend.repeats, backend.conflicts) == (2, [{"seq": 1, "items": 2}])
