"""The options that name a period, for every command that tells a figure."""

import calendar
import datetime
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rewards.statistics.periods import Period

Command = Callable[..., Any]
WRITTEN = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")


class PeriodEnd(click.ParamType[datetime.date]):
    """A day, or a month: its first day where a period begins, its last where one ends."""

    name = "DAY"

    def __init__(self, *, is_last: bool = False) -> None:
        self._is_last = is_last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.date:
        """Return the day, or fail with a sentence."""
        if isinstance(value, datetime.date):
            return value
        found = WRITTEN.fullmatch(str(value))
        refusal = f"{value!r} is no day: write a day as 2026-10-31, or a month as 2026-10"
        if found is None:
            self.fail(refusal, param, ctx)
        try:
            first = datetime.date(int(found[1]), int(found[2]), 1)
            if found[3]:
                return first.replace(day=int(found[3]))
        except ValueError:  # in no calendar
            self.fail(refusal, param, ctx)
        return first.replace(day=calendar.monthrange(first.year, first.month)[1]) if self._is_last else first


class Month(click.ParamType[datetime.date]):
    """A month, as its first day; a day is refused, since only months can be asked for."""

    name = "MONTH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.date:
        """Return the first day of the month, or fail with a sentence."""
        if isinstance(value, datetime.date):
            return value
        found = WRITTEN.fullmatch(str(value))
        if found and found[3]:
            self.fail(f"{value!r} is a day, and only whole months can be said here: write {value[:7]}", param, ctx)
        if not found or not int(found[1]) or not 1 <= int(found[2]) <= 12:
            self.fail(f"{value!r} is no month: write it as 2026-10", param, ctx)
        return datetime.date(int(found[1]), int(found[2]), 1)


FIRST_DAY = PeriodEnd()
LAST_DAY = PeriodEnd(is_last=True)
MONTH = Month()


def in_period(command: Command) -> Command:
    """Give a command the days a period begins and ends with, both included; by default the last 30 that are over."""
    until = click.option(
        "--to", "last_day", type=LAST_DAY, metavar="DAY", help="Last day or month, included; default: yesterday."
    )
    since = click.option(
        "--from", "first_day", type=FIRST_DAY, metavar="DAY", help="First day or month; default: 30 days in all."
    )
    return since(until(command))


def period_of(
    first_day: datetime.date | None, last_day: datetime.date | None, *, today: datetime.date, days: int = 30
) -> "Period":
    """Return the period the options name; without a first day it has so many ``days``.

    Raises:
        PeriodReversedError, PeriodTooLongError: the days do not go together.
    """
    from rewards.statistics.periods import Period

    last = last_day or today - datetime.timedelta(days=1)
    return Period(first_day or last - datetime.timedelta(days=days - 1), last)
