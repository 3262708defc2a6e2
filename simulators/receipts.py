"""Read the receipts of the backend (bin protocol, section "Receipt")."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime


class MalformedReceiptError(ValueError):
    """The signature was right but the content is not a receipt this version understands."""


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event; ``code`` only with state ``quarantined``."""

    seq: int
    state: str
    points: int
    code: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the backend has settled: every number up to ``upto`` and every range of ``also``."""

    journal: str
    epoch: int
    upto: int
    also: tuple[tuple[int, int], ...]
    results: tuple[EventResult, ...]
    time: datetime | None
    echo: int | None

    @property
    def settled_ranges(self) -> list[tuple[int, int]]:
        """The settled numbers as inclusive ranges; the one up to ``upto`` first when there is one."""
        return ([(1, self.upto)] if self.upto >= 1 else []) + list(self.also)

    @property
    def highest_settled(self) -> int:
        """The highest number this receipt settles; 0 when it settles none."""
        return max(high for _, high in [(0, self.upto), *self.also])


def read_receipt(first_line: bytes) -> Receipt:
    """Return the receipt in a verified first line.

    Raises:
        MalformedReceiptError: not JSON, another version, or a field of the wrong type.
    """
    try:
        fields = json.loads(first_line)
        if fields["v"] != 1:
            raise MalformedReceiptError(f"version {fields['v']} is not understood")
        time, echo = fields.get("time"), fields.get("echo")
        return Receipt(
            journal=_text(fields["journal"]),
            epoch=_number(fields["epoch"]),
            upto=_number(fields["upto"]),
            also=tuple(_read_range(pair) for pair in fields.get("also", ())),
            results=tuple(_read_result(entry) for entry in fields.get("results", ())),
            time=None if time is None else _read_time(time),
            echo=None if echo is None else _number(echo),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedReceiptError(f"not a receipt: {error}") from error


def _read_range(pair: list[object]) -> tuple[int, int]:
    low, high = pair
    if _number(low) > _number(high):
        raise MalformedReceiptError(f"the range {pair} runs backwards")
    return _number(low), _number(high)


def _read_result(entry: dict[str, object]) -> EventResult:
    code = entry.get("code")
    return EventResult(
        seq=_number(entry["seq"]),
        state=_text(entry["state"]),
        points=_number(entry.get("points", 0)),
        code=None if code is None else _text(code),
    )


def _read_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise MalformedReceiptError("time has no offset from UTC")
    return time


def _number(value: object) -> int:
    # bool is an int in Python and JSON's true is no number.
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedReceiptError(f"{value!r} is not a whole number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedReceiptError(f"{value!r} is not text")
    return value
