"""One simulated bin on a bench: the test is the broker, the time and the backend."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from simulators.bin import SimulatedBin
from simulators.messages import BinIdentity, Message
from tests.unit.test_simulators_reference_backend import ReferenceBackend, open_message, sign

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
KEY = bytes(range(32))
IDENTITY = BinIdentity("mrs", "MRS-00042", {1: KEY}, materials=("glass",), capacity_l=3000)
RECEIPT_TOPIC = "bontri/v1/mrs/MRS-00042/down/receipt"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Bench:
    """One bin on a bench, with a hand on every wire."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.options = options
        self.now = NOW
        self.backend = ReferenceBackend({"MRS-00042": KEY})
        self.bin = SimulatedBin(IDENTITY, path, self.now, **options)

    def drop(self, count: int = 1, **fields: Any) -> None:
        for _ in range(count):
            values: dict[str, Any] = {"material": "glass", "items": 3} | fields
            self.bin.deposit(self.now, **values)

    def wait(self, time_s: float) -> None:
        self.now += seconds(time_s)

    def connect(self) -> None:
        self.bin.prepare_connection(self.now)
        self.bin.on_connected(self.now)

    def take(self, **options: Any) -> list[tuple[str, dict[str, Any]]]:
        """Return what the bin sends now as (kind, fields), and lose it after its PUBACK."""
        return [(m.topic.split("/")[-1], self.opened(m)) for m in self.take_messages(**options)]

    def take_messages(self, **options: Any) -> list[Message]:
        messages = self.bin.due_messages(self.now, **options)
        for message in messages:
            self.bin.on_puback(message.n, reason_code=0)
        return messages

    def opened(self, message: Message) -> dict[str, Any]:
        return open_message(message.topic, message.payload, KEY)

    def exchange(self) -> None:
        """Deliver what the bin sends and give it the receipts, until both are silent."""
        while messages := self.take_messages():
            for message in messages:
                answer = self.backend.answer(message.topic, message.payload, self.now)
                if answer is not None:
                    assert self.bin.on_receipt(*answer, self.now)

    def receive(self, **fields: Any) -> bool:
        """Hand the bin a receipt with these fields."""
        line = {"v": 1, "journal": self.bin.journal.id, "epoch": 1, "upto": 0, "also": [], "results": []} | fields
        return self.bin.on_receipt(RECEIPT_TOPIC, sign(RECEIPT_TOPIC, json.dumps(line).encode(), KEY), self.now)

    def hand_over(self, channel: str, line: dict[str, Any], *, key_number: int = 1) -> None:
        """Hand the bin a signed message of a channel below ``down/``."""
        topic = IDENTITY.topic(f"down/{channel}")
        self.bin.on_message(topic, sign(topic, json.dumps(line).encode(), KEY, key_number), self.now)

    def restart(self) -> None:
        self.bin.close()
        self.bin = SimulatedBin(IDENTITY, self.path, self.now, **self.options)


def sent_seqs(sent: list[tuple[str, dict[str, Any]]]) -> list[int]:
    return [event["seq"] for kind, fields in sent if kind == "events" for event in fields["events"]]
