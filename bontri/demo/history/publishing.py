"""What the simulated authority has published: its newest closed months, and the year before with its months."""

import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from sqlalchemy import Engine

from bontri.demo.history.loading import LoadedHistory
from bontri.demo.seed import AUTHORITY_ID, TIMEZONE
from bontri.progress import Teller
from bontri.publishing import publish
from rewards.statistics.participation.counting import Span
from rewards.statistics.publications.tables import find_closing_day

MOST_MONTHS = 2
PUBLISHED_BY = "demo"


def publish_closed_spans(engine: Engine, loaded: LoadedHistory, *, now: datetime.datetime) -> list[Span]:
    """Publish what is closed of a history whose holders have been counted; return what, in the order it was published.

    The newest months that lie wholly in it. And the calendar year that ended last, if it has a day of the history,
    since a public report tells what was published of a whole year: its months first.
    """
    today = now.astimezone(ZoneInfo(TIMEZONE)).date()
    spans = list_closed_spans(loaded.first_day, today)
    for span in spans:
        publish(
            engine,
            span,
            authority_id=AUTHORITY_ID,
            published_by=PUBLISHED_BY,
            now=now,
            is_dry_run=False,
            teller=Teller(Console(quiet=True)),
            are_counted=True,
        )
    return spans


def list_closed_spans(first_day: datetime.date, today: datetime.date) -> list[Span]:
    """List what today can be published of a history that began on a day: the last year after its months, months."""
    year = Span("year", datetime.date(today.year - 1, 1, 1))
    spans = [Span("month", month) for month in list_closed_months(first_day, today)[-MOST_MONTHS:]]
    if year.first_day.year < first_day.year or find_closing_day(year) > today:
        return spans
    of_year = [Span("month", year.first_day.replace(month=month)) for month in range(1, 13)]
    return [*of_year, year, *(span for span in spans if span not in of_year)]


def list_closed_months(first_day: datetime.date, today: datetime.date) -> list[datetime.date]:
    """List the months that begin on a day or later and can be published today, oldest first."""
    month = (first_day - datetime.timedelta(days=1)).replace(day=1)
    months = []
    while find_closing_day(Span("month", month := (month + datetime.timedelta(days=31)).replace(day=1))) <= today:
        months.append(month)
    return months
