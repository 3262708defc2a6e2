"""Months of the authority's calendar: when one is over. A month is named by its first day."""

import datetime
from zoneinfo import ZoneInfo

from rewards.settlement.refusals import MonthNotOverError


def end_of_month(month: datetime.date, timezone: ZoneInfo) -> datetime.datetime:
    """Return the instant the month is over."""
    following = (month.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
    return datetime.datetime.combine(following, datetime.time(), timezone)


def last_month(today: datetime.date) -> datetime.date:
    """Return the first day of the month before."""
    return (today.replace(day=1) - datetime.timedelta(days=1)).replace(day=1)


def require_over(month: datetime.date, *, timezone: ZoneInfo, now: datetime.datetime) -> None:
    """Raise MonthNotOverError while the month goes on, or has not come."""
    if now < end_of_month(month, timezone):
        raise MonthNotOverError(month)
