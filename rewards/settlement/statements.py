"""What a statement is: the shop, the authority, a month, and a line for each redemption. Plain values; no SQL here."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from rewards.settlement.refusals import StatementUnknownError

State = Literal["draft", "locked", "sent", "paid"]


@dataclass(frozen=True, slots=True)
class StatementNumber:
    """The number of a statement: the year it was locked in, and how manieth it was then, as in ``2026-000123``."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year}-{self.number:06}"

    @classmethod
    def parse(cls, said: str) -> "StatementNumber":
        """Read a number; zeros may be left out.

        Raises:
            StatementUnknownError: it is none.
        """
        year, _, number = said.partition("-")
        if not (year.isascii() and year.isdecimal() and number.isascii() and number.isdecimal() and len(said) <= 15):
            raise StatementUnknownError(said)
        return cls(int(year), int(number))


@dataclass(frozen=True, slots=True)
class Party:
    """The shop or the authority, as letters show it; lines of the address are separated by newlines."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Line:
    """A redemption, or one taken back after an earlier statement had it, with negative amounts.

    ``value_cents`` is what the voucher was worth when it was issued, ``payable_cents`` what the shop is paid for it.
    """

    kind: Literal["redemption", "reversal"]
    voucher_id: UUID
    occurred_at: datetime.datetime
    title: str
    points: int
    value_cents: int
    payable_cents: int
    funder_id: UUID
    funder_kind: str
    funder_name: str

    @property
    def reference(self) -> str:
        """What people call the voucher by: of its id, never of its code."""
        digits = self.voucher_id.hex[-8:].upper()
        return f"{digits[:4]}-{digits[4:]}"


@dataclass(frozen=True, slots=True)
class FunderTotal:
    """What one funder's vouchers come to."""

    funder_id: UUID
    funder_kind: str
    funder_name: str
    lines: int
    points: int
    value_cents: int
    payable_cents: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A shop's statement of a month. A draft has no number, and is computed anew each time it is asked for."""

    number: StatementNumber | None
    state: State
    shop_id: UUID
    month: datetime.date
    timezone: ZoneInfo
    shop: Party
    authority: Party
    is_simulated: bool
    locked_at: datetime.datetime | None
    sent_at: datetime.datetime | None
    paid_on: datetime.date | None
    lines: tuple[Line, ...]

    @property
    def points(self) -> int:
        """Points of all lines."""
        return sum(line.points for line in self.lines)

    @property
    def value_cents(self) -> int:
        """What was given away, whoever pays for it."""
        return sum(line.value_cents for line in self.lines)

    @property
    def payable_cents(self) -> int:
        """What the shop is paid; negative when more was taken back than redeemed."""
        return sum(line.payable_cents for line in self.lines)

    def list_funder_totals(self) -> list[FunderTotal]:
        """List the totals by funder: the authority, sponsors by name, the shop itself."""
        order = {"authority": 0, "sponsor": 1, "shop": 2}
        funders = {(line.funder_kind, line.funder_name, line.funder_id) for line in self.lines}
        return [
            total_of((line for line in self.lines if line.funder_id == funder_id), funder_id, kind, name)
            for kind, name, funder_id in sorted(funders, key=lambda each: (order[each[0]], each[1], each[2]))
        ]


def total_of(lines: Iterable[Line], funder_id: UUID, funder_kind: str, funder_name: str) -> FunderTotal:
    """Add the lines of one funder up."""
    counted = list(lines)
    return FunderTotal(
        funder_id,
        funder_kind,
        funder_name,
        len(counted),
        sum(line.points for line in counted),
        sum(line.value_cents for line in counted),
        sum(line.payable_cents for line in counted),
    )
