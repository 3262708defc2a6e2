"""What the simulated authority has published of its year: its newest months that are closed."""

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


def publish_closed_months(engine: Engine, loaded: LoadedHistory, *, now: datetime.datetime) -> list[datetime.date]:
    """Publish the newest closed months that lie wholly in a history, oldest first; return which, by their first day."""
    today = now.astimezone(ZoneInfo(TIMEZONE)).date()
    months = list_closed_months(loaded.first_day, today)[-MOST_MONTHS:]
    for month in months:
        publish(
            engine,
            Span("month", month),
            authority_id=AUTHORITY_ID,
            published_by=PUBLISHED_BY,
            now=now,
            is_dry_run=False,
            teller=Teller(Console(quiet=True)),
        )
    return months


def list_closed_months(first_day: datetime.date, today: datetime.date) -> list[datetime.date]:
    """List the months that begin on a day or later and can be published today, oldest first."""
    month = (first_day - datetime.timedelta(days=1)).replace(day=1)
    months = []
    while find_closing_day(Span("month", month := (month + datetime.timedelta(days=31)).replace(day=1))) <= today:
        months.append(month)
    return months
