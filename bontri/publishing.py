"""Publishing a month or a year: holders are counted, the table is protected, and then stored in one transaction.

Between reading and storing no connection is held: the proof that nothing withheld can be had takes up to a minute, and
memory that a worker of the API has no room for.
"""

import datetime
from collections import Counter
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from bontri.jobs.counting import count_holders_of
from bontri.progress import Teller
from rewards.statistics.disclosure.protection import protect
from rewards.statistics.participation.counting import Span
from rewards.statistics.publications.storing import store_publication
from rewards.statistics.publications.tables import read_month, read_year
from rewards.territory import get_timezone


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing came to; ``cells`` of which so many are ``zero``, and why others are withheld, by level."""

    granularity: str
    first_day: datetime.date
    cells: int
    zero: int
    shown: int
    withheld: dict[str, dict[str, int]]
    is_dry_run: bool


def publish(
    engine: Engine, span: Span, *, authority_id: int, published_by: str, now: datetime.datetime, is_dry_run: bool
) -> Published:
    """Publish a month or year of an authority, or only say what would be published and withheld.

    Raises:
        PeriodNotClosedError, AlreadyPublishedError, MonthsNotPublishedError: nothing was published.
    """
    count_holders_of(engine, authority_id)
    with engine.connect() as connection:
        timezone = ZoneInfo(get_timezone(connection, authority_id=authority_id).key)
        if span.granularity == "month":
            table = read_month(connection, span.first_day, authority_id=authority_id, timezone=timezone, now=now)
        else:
            table = read_year(connection, span.first_day.year, authority_id=authority_id, timezone=timezone, now=now)
    with Teller().part("Proving that nothing withheld can be had", 1) as advance:
        withheld = protect(table, lambda passed, groups: advance(passed / max(1, groups)))
    if not is_dry_run:
        with engine.begin() as connection:
            store_publication(
                connection, table, withheld, authority_id=authority_id, published_by=published_by, now=now
            )
    own = table.list_own()
    by_level: dict[str, dict[str, int]] = {}
    for (level, reason), cells in sorted(
        Counter((table.cells[place].key.level, withheld[place]) for place in own if place in withheld).items()
    ):
        by_level.setdefault(level, {})[reason] = cells
    hidden = sum(place in withheld for place in own)
    zero = sum(table.cells[place].deposits == 0 for place in own)
    return Published(span.granularity, span.first_day, len(own), zero, len(own) - hidden - zero, by_level, is_dry_run)
