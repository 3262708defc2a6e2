"""A period cut into days, ISO weeks, months or years. Pure functions."""

import datetime
from dataclasses import dataclass
from typing import Literal

from rewards.statistics.periods import LongPeriod, Period

Granularity = Literal["day", "week", "month", "year", "whole"]
"""``whole``: the period is one step."""

DAY = datetime.timedelta(days=1)
GRAIN_OF: dict[Granularity, Granularity] = {
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "month",
    "whole": "month",
}
"""In what steps it is looked at whether bins reported: a year hides no silent month."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a period. ``begins`` is the first day of the whole day, week, month or year it is part of.

    ``days`` are those that have begun. It ``is_partial`` when the period cuts it, or when it is not over.
    """

    no: int
    name: str
    begins: datetime.date
    first_day: datetime.date
    last_day: datetime.date
    days: int
    is_partial: bool


def period_of(granularity: Granularity, first_day: datetime.date, last_day: datetime.date) -> Period:
    """Return the period, which may be longer where days and weeks are not asked for.

    Raises:
        PeriodReversedError, PeriodTooLongError: it is none, or too long.
    """
    kind = Period if granularity in ("day", "week") else LongPeriod
    return kind(first_day, last_day)


def list_steps(period: Period, granularity: Granularity, *, today: datetime.date) -> list[Step]:
    """List the steps of a period in order, up to the one ``today`` falls into."""
    known_until = min(period.last_day, today)
    steps: list[Step] = []
    day = period.first_day
    while day <= known_until:
        begins, ends = bounds_of(day, granularity, period)
        last_day = min(ends, period.last_day)
        steps.append(
            Step(
                no=len(steps),
                name=name_of(begins, granularity),
                begins=begins,
                first_day=day,
                last_day=last_day,
                days=(min(last_day, today) - day).days + 1,
                is_partial=day > begins or last_day < ends or last_day >= today,
            )
        )
        day = last_day + DAY
    return steps


def bounds_of(day: datetime.date, granularity: Granularity, period: Period) -> tuple[datetime.date, datetime.date]:
    """Return the first and the last day of the whole step ``day`` falls into."""
    if granularity == "day":
        return day, day
    if granularity == "week":
        monday = day - day.weekday() * DAY
        return monday, monday + 6 * DAY
    if granularity == "month":
        return first_of_month(day), first_of_month(first_of_month(day) + 31 * DAY) - DAY
    if granularity == "year":
        return day.replace(month=1, day=1), day.replace(month=12, day=31)
    return period.first_day, period.last_day


def first_of_month(day: datetime.date) -> datetime.date:
    """Return the first day of the month of a day."""
    return day.replace(day=1)


def name_of(begins: datetime.date, granularity: Granularity) -> str:
    """Return what a step is called: 2026-03-14, 2026-W11, 2026-03, 2026, or whole."""
    if granularity == "week":
        year, week, _ = begins.isocalendar()
        return f"{year}-W{week:02}"
    formats = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y", "whole": "whole"}
    return begins.strftime(formats[granularity])
