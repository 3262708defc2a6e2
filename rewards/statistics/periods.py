"""The period of a figure: days of the authority's own calendar, both ends included."""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from rewards.errors import RewardsError

DAYS_MAX = 366


class PeriodReversedError(RewardsError):
    """The period ends before it begins."""

    code = "period_reversed"


class PeriodTooLongError(RewardsError):
    """The period has more than ``DAYS_MAX`` days."""

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

    first_day: datetime.date
    last_day: datetime.date

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise PeriodReversedError
        if (self.last_day - self.first_day).days >= DAYS_MAX:
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
