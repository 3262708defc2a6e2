"""Read the receipts of the backend (bin protocol, section "Receipt")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from simulators.down_messages import (
    MalformedMessageError,
    list_of,
    moment_of,
    number_of,
    object_of,
    read_object,
    text_of,
)


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
        fields = read_object(first_line)
        time, echo = fields.get("time"), fields.get("echo")
        return Receipt(
            journal=text_of(fields.get("journal")),
            epoch=number_of(fields.get("epoch")),
            upto=number_of(fields.get("upto")),
            also=tuple(_read_range(pair) for pair in list_of(fields.get("also", []))),
            results=tuple(_read_result(entry) for entry in list_of(fields.get("results", []))),
            time=None if time is None else moment_of(time),
            echo=None if echo is None else number_of(echo),
        )
    except MalformedMessageError as error:
        raise MalformedReceiptError(f"not a receipt: {error}") from error


def _read_range(pair: object) -> tuple[int, int]:
    ends = [number_of(end) for end in list_of(pair)]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise MalformedMessageError(f"{pair!r} is not a range")
    return ends[0], ends[1]


def _read_result(value: object) -> EventResult:
    entry = object_of(value)
    code = entry.get("code")
    return EventResult(
        seq=number_of(entry.get("seq")),
        state=text_of(entry.get("state")),
        points=number_of(entry.get("points", 0)),
        code=None if code is None else text_of(code),
    )
