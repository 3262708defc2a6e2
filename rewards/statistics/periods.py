"""The period of a figure: days of the authority's own calendar, both ends included."""

import datetime
from dataclasses import dataclass
from typing import ClassVar
from zoneinfo import ZoneInfo

from rewards.errors import RewardsError

DAYS_MAX = 366


class PeriodReversedError(RewardsError):
    """The period ends before it begins."""

    code = "period_reversed"


class PeriodTooLongError(RewardsError):
    """The period has more days than are shown at once."""

    code = "period_too_long"


class PeriodToComeError(RewardsError):
    """The period has not begun."""

    code = "period_to_come"


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last day, both included.

    Raises:
        PeriodReversedError, PeriodTooLongError: on construction, so that a period at hand is a good one.
    """

    days_max: ClassVar[int] = DAYS_MAX

    first_day: datetime.date
    last_day: datetime.date

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise PeriodReversedError
        if (self.last_day - self.first_day).days >= self.days_max:
            raise PeriodTooLongError

    def require_begun(self, today: datetime.date) -> None:
        """Raise unless some of the period has passed or is passing.

        Raises:
            PeriodToComeError: it begins after ``today``.
        """
        if self.first_day > today:
            raise PeriodToComeError

    def instants(self, timezone: ZoneInfo) -> tuple[datetime.datetime, datetime.datetime]:
        """Return the first and the last instant of the period, in UTC; a day may have 23 or 25 hours."""
        start = datetime.datetime.combine(self.first_day, datetime.time(), timezone)
        last = datetime.datetime.combine(self.last_day, datetime.time.max, timezone)
        return start.astimezone(datetime.UTC), last.astimezone(datetime.UTC)


@dataclass(frozen=True, slots=True)
class LongPeriod(Period):
    """A period of up to eleven years, for what is shown by months and years: five full ones to compare with five."""

    days_max: ClassVar[int] = 11 * 366
