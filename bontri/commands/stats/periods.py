"""The options that name a period, for every command that tells a figure."""

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rewards.statistics.periods import Period

Command = Callable[..., Any]
DAY = click.DateTime(["%Y-%m-%d"])


def in_period(command: Command) -> Command:
    """Give a command the days a period begins and ends with, both included; by default the last 30 that are over."""
    until = click.option("--to", "last_day", type=DAY, metavar="DAY", help="Last day, included; default: yesterday.")
    since = click.option("--from", "first_day", type=DAY, metavar="DAY", help="First day; default: 30 days in all.")
    return since(until(command))


def period_of(
    first_day: datetime.datetime | None, last_day: datetime.datetime | None, *, today: datetime.date, days: int = 30
) -> "Period":
    """Return the period the options name; without a first day it has so many ``days``.

    Raises:
        PeriodReversedError, PeriodTooLongError: the days do not go together.
    """
    from rewards.statistics.periods import Period

    last = last_day.date() if last_day else today - datetime.timedelta(days=1)
    return Period(first_day.date() if first_day else last - datetime.timedelta(days=days - 1), last)
