"""Publishing a month or a year: holders are counted, the table is protected, and then stored in one transaction.

Between reading and storing no connection is held: the proof that nothing withheld can be had takes up to a minute, and
memory that a worker of the API has no room for.
"""

import datetime
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from bontri.jobs.counting import count_holders_of
from bontri.progress import Teller
from rewards.statistics.disclosure.lines import Withheld
from rewards.statistics.disclosure.protection import protect
from rewards.statistics.disclosure.tables import Table
from rewards.statistics.participation.counting import Span
from rewards.statistics.publications.storing import store_publication
from rewards.statistics.publications.tables import find_closing_day, read_month, read_year
from rewards.territory import get_timezone


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing came to; ``cells`` of which so many are ``zero``, and why others are withheld, by level.

    ``publishable_from`` is said where the month is not closed yet.
    """

    granularity: str
    first_day: datetime.date
    cells: int
    zero: int
    shown: int
    withheld: dict[str, dict[str, int]]
    is_dry_run: bool
    is_published: bool = False
    publishable_from: datetime.date | None = None


def publish(
    engine: Engine,
    span: Span,
    *,
    authority_id: int,
    published_by: str,
    now: datetime.datetime,
    is_dry_run: bool,
    agrees: Callable[[Published], bool] = lambda _: True,
    teller: Teller | None = None,
    are_counted: bool = False,
) -> Published:
    """Publish a month or year of an authority, or only say what would be published and withheld.

    ``agrees`` is asked, of what would be published, before anything is; while it thinks no connection is held.
    ``teller`` None: how far the proof has come is told on standard error. ``are_counted``: holders are counted already.

    Raises:
        PeriodNotClosedError, AlreadyPublishedError, MonthsNotPublishedError: nothing was published.
    """
    if not are_counted:
        count_holders_of(engine, authority_id)
    with engine.connect() as connection:
        timezone = ZoneInfo(get_timezone(connection, authority_id=authority_id).key)
        if span.granularity == "month":
            table = read_month(
                connection,
                span.first_day,
                authority_id=authority_id,
                timezone=timezone,
                now=now,
                is_rehearsal=is_dry_run,
            )
        else:
            table = read_year(connection, span.first_day.year, authority_id=authority_id, timezone=timezone, now=now)
    with (teller or Teller()).part("Proving that nothing withheld can be had", 1) as advance:
        withheld = protect(table, lambda passed, groups: advance(passed / max(1, groups)))
    closes_on = find_closing_day(span)
    is_closed = closes_on <= now.astimezone(timezone).date()
    planned = replace(
        describe(span, table, withheld, is_dry_run=is_dry_run), publishable_from=None if is_closed else closes_on
    )
    if is_dry_run or not agrees(planned):
        return planned
    with engine.begin() as connection:
        store_publication(connection, table, withheld, authority_id=authority_id, published_by=published_by, now=now)
    return replace(planned, is_published=True)


def describe(span: Span, table: Table, withheld: Withheld, *, is_dry_run: bool) -> Published:
    """Count what a protected table shows and withholds."""
    own = table.list_own()
    by_level: dict[str, dict[str, int]] = {}
    for (level, reason), cells in sorted(
        Counter((table.cells[place].key.level, withheld[place]) for place in own if place in withheld).items()
    ):
        by_level.setdefault(level, {})[reason] = cells
    hidden = sum(place in withheld for place in own)
    zero = sum(table.cells[place].deposits == 0 for place in own)
    return Published(span.granularity, span.first_day, len(own), zero, len(own) - hidden - zero, by_level, is_dry_run)
