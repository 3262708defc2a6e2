"""The panel of an authority's own data: weighed at emptyings, else its tonnages, else counted. One source at a time."""

import datetime
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.statistics.effect.asking import ChosenSite, EffectAsked
from rewards.statistics.effect.panel import Panel, PanelSite, SiteMonth, Source, month_of
from rewards.statistics.silences import GAP_DAYS

ONE_DAY = datetime.timedelta(days=1)

# A day on which a bin of the site was heard, or anything was dropped there, is known, and so are few days between two
# of them. A deposit that was weighed at nothing is weighed. One item weighs the same all the time here: what somebody
# learns of masses later is no effect.
COUNTED = text("""
    WITH dropped AS (
        SELECT site_id, day, sum(items) FILTER (WHERE material = :material) AS items,
               sum(mass_g) FILTER (WHERE material = :material) AS mass_g,
               bool_and(unweighed_items = 0) FILTER (WHERE material = :material) AS is_weighed
          FROM daily_deposits
         WHERE authority_id = :authority_id AND day BETWEEN :first_day AND :last_day
           AND site_id = ANY(CAST(:site_ids AS uuid[]))
         GROUP BY site_id, day),
    known AS (
        SELECT site_id, day FROM dropped
        UNION
        SELECT p.site_id, d.day
          FROM bin_days d
          JOIN placements p ON p.authority_id = d.authority_id AND p.bin_id = d.bin_id
           AND d.day >= CAST(p.placed_at AT TIME ZONE :timezone AS date)
           AND (p.removed_at IS NULL OR d.day <= CAST(p.removed_at AT TIME ZONE :timezone AS date))
          JOIN bins b ON b.authority_id = d.authority_id AND b.bin_id = d.bin_id AND b.state <> 'test'
         WHERE d.authority_id = :authority_id AND d.day BETWEEN :first_day AND :last_day
           AND p.site_id = ANY(CAST(:site_ids AS uuid[]))),
    stretches AS (
        SELECT site_id, day, day - lag(day) OVER (PARTITION BY site_id ORDER BY day) AS since FROM known),
    days AS (
        SELECT s.site_id, s.day - back.days AS day
          FROM stretches s
         CROSS JOIN LATERAL generate_series(0, CASE WHEN s.since <= :gap_days THEN s.since - 1 ELSE 0 END)
               AS back (days))
    SELECT days.site_id, CAST(date_trunc('month', days.day) AS date) AS month, CAST(count(*) AS integer) AS days,
           CAST(coalesce(sum(dropped.items), 0) AS bigint) AS items,
           CAST(coalesce(sum(dropped.mass_g), 0) AS bigint) AS mass_g, bool_and(dropped.is_weighed) AS is_weighed
      FROM days
      LEFT JOIN dropped ON dropped.site_id = days.site_id AND dropped.day = days.day
     WHERE (NOT CAST(:cuts_first AS boolean) OR EXTRACT(month FROM days.day) <> :first_month
            OR EXTRACT(day FROM days.day) >= :first_of_month)
       AND (NOT CAST(:cuts_last AS boolean) OR EXTRACT(month FROM days.day) <> :last_month
            OR EXTRACT(day FROM days.day) <= :last_of_month)
     GROUP BY days.site_id, date_trunc('month', days.day)
""")
EMPTYINGS = text("""
    SELECT site_id, bin_id, CAST(occurred_at AT TIME ZONE :timezone AS date) AS day, mass_g
      FROM events
     WHERE authority_id = :authority_id AND type = 'emptying' AND material = :material
       AND site_id = ANY(CAST(:site_ids AS uuid[]))
     ORDER BY site_id, bin_id, occurred_at, journal_no, seq
""")
TONNAGES = text("""
    SELECT place, first_day, last_day, mass_g
      FROM tonnages
     WHERE authority_id = :authority_id AND level = 'site' AND stream = :material
       AND place = ANY(CAST(:places AS text[]))
""")
TONNAGE_DAYS_MAX = 62
"""A tonnage of a longer time says nothing of its months."""
EARLIEST = datetime.date(2000, 1, 1)

Months = dict[UUID, dict[datetime.date, SiteMonth]]


@dataclass(frozen=True, slots=True)
class Days:
    """The days compared. Of a calendar month the period holds in part, only that part counts, in every year."""

    first_day: datetime.date
    last_day: datetime.date

    @property
    def cuts_first(self) -> bool:
        """Whether the period begins within a month."""
        return self.first_day.day > 1

    @property
    def cuts_last(self) -> bool:
        """Whether the period ends within a month."""
        return (self.last_day + ONE_DAY).day > 1

    def hold(self, day: datetime.date) -> bool:
        """Tell whether a day is compared; the statement above says the same."""
        if not self.first_day <= day <= self.last_day:
            return False
        if self.cuts_first and day.month == self.first_day.month and day.day < self.first_day.day:
            return False
        return not (self.cuts_last and day.month == self.last_day.month and day.day > self.last_day.day)


class MonthsHeld(dict[datetime.date, datetime.date | None]):
    """The month of a day that is compared, None of others. Each is reckoned once: sites share their days."""

    def __init__(self, days: Days) -> None:
        super().__init__()
        self.days = days

    def __missing__(self, day: datetime.date) -> datetime.date | None:
        """Reckon and keep it."""
        self[day] = month_of(day) if self.days.hold(day) else None
        return self[day]


def read_panel(
    connection: Connection, asked: EffectAsked, sites: Sequence[ChosenSite], *, authority_id: int, timezone: ZoneInfo
) -> Panel:
    """Return what is known of the sites chosen, from one source.

    Without a source asked for, the first that knows an equipped site and a control before and after a start: emptyings
    that were weighed, tonnages of sites, then counted deposits; else the first that knows anything.
    """
    values: dict[str, Any] = {
        "authority_id": authority_id,
        "timezone": timezone.key,
        "material": asked.material,
        "site_ids": [site.site_id for site in sites],
    }
    days = Days(asked.first_day or EARLIEST, asked.last_day)
    fallback: Panel | None = None
    for source in (asked.source,) if asked.source else READERS:
        months = READERS[source](connection, values, days)
        panel = Panel(
            asked.material,
            source,
            tuple(PanelSite(site.reference, site.equipped_on, months.get(site.site_id, {})) for site in sites),
        )
        if asked.source or is_comparable(panel):
            return panel
        if fallback is None or (not fallback.months and panel.months):
            fallback = panel
    assert fallback is not None  # noqa: S101 (there are sources)
    return fallback


def is_comparable(panel: Panel) -> bool:
    """Tell whether a source knows a site before and after its start, and another in the same months."""
    starts = sorted({month_of(site.equipped_on) for site in panel.sites if site.equipped_on is not None})
    for start in starts:
        spans = [
            (site, any(month < start for month in site.months), any(month > start for month in site.months))
            for site in panel.sites
        ]
        both = [site.equipped_on for site, has_before, has_after in spans if has_before and has_after]
        is_equipped = any(day is not None and month_of(day) == start for day in both)
        if is_equipped and any(day is None or month_of(day) > start for day in both):
            return True
    return False


def read_counted(connection: Connection, values: dict[str, Any], days: Days) -> Months:
    """Return what bins counted: grams of a site whose every deposit was weighed, else its items as grams."""
    of_days = {
        "first_day": days.first_day,
        "last_day": days.last_day,
        "gap_days": GAP_DAYS,
        "cuts_first": days.cuts_first,
        "cuts_last": days.cuts_last,
        "first_month": days.first_day.month,
        "first_of_month": days.first_day.day,
        "last_month": days.last_day.month,
        "last_of_month": days.last_day.day,
    }
    rows = connection.execute(COUNTED, values | of_days).all()
    is_weighed: dict[UUID, bool] = {}
    for row in rows:
        is_weighed[row.site_id] = is_weighed.get(row.site_id, True) and row.is_weighed is not False
    months: Months = defaultdict(dict)
    for row in rows:
        taken = row.mass_g if is_weighed[row.site_id] else row.items
        months[row.site_id][row.month] = SiteMonth(taken, row.days)
    return months


def read_weighed(connection: Connection, values: dict[str, Any], days: Days) -> Months:
    """Return what was weighed at emptyings, spread evenly over the days since the emptying before."""
    by_site: dict[UUID, dict[str, list[tuple[datetime.date, int | None]]]] = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(EMPTYINGS, values):
        by_site[row.site_id][row.bin_id].append((row.day, row.mass_g))
    held = MonthsHeld(days)
    return {site_id: sum_months(bins.values(), held) for site_id, bins in by_site.items()}


def sum_months(
    bins: Iterable[Sequence[tuple[datetime.date, int | None]]], held: MonthsHeld
) -> dict[datetime.date, SiteMonth]:
    """Return a site's months from the emptyings of its bins, oldest first.

    A day counts when what came on it is known of every bin that was emptied both before and behind it, weighed or not.
    """
    bins = [emptyings for emptyings in bins if len(emptyings) > 1]
    spread = [spread_emptyings(emptyings) for emptyings in bins]
    spans = [(emptyings[0][0] + ONE_DAY, emptyings[-1][0]) for emptyings in bins]
    known: dict[datetime.date, float] = {}
    for day in {day for each in spread for day in each}:
        present = [each for each, (first, last) in zip(spread, spans, strict=True) if first <= day <= last]
        if all(day in each for each in present):
            known[day] = sum(each[day] for each in present)
    return sum_days(known, held)


def sum_days(known: Mapping[datetime.date, float], held: MonthsHeld) -> dict[datetime.date, SiteMonth]:
    """Return months from grams by day."""
    sums: dict[datetime.date, list[float]] = defaultdict(lambda: [0.0, 0])
    for day, mass_g in known.items():
        if (month := held[day]) is not None:
            taken = sums[month]
            taken[0] += mass_g
            taken[1] += 1
    return {month: SiteMonth(round(mass_g), int(number)) for month, (mass_g, number) in sums.items()}


def read_tonnages(connection: Connection, values: dict[str, Any], days: Days) -> Months:
    """Return the tonnages entered for sites, each spread evenly over its days; never more than two months at once."""
    places = {"places": [str(site_id) for site_id in values["site_ids"]]}
    by_place: dict[str, dict[datetime.date, float]] = defaultdict(dict)
    spans: dict[tuple[datetime.date, datetime.date], list[datetime.date]] = {}
    for place, first_day, last_day, mass_g in connection.execute(TONNAGES, values | places):
        number = (last_day - first_day).days + 1
        if number <= TONNAGE_DAYS_MAX:
            # Most tonnages are of the same months: their days are reckoned once.
            if (span := spans.get((first_day, last_day))) is None:
                span = spans[first_day, last_day] = [first_day + each * ONE_DAY for each in range(number)]
            by_place[place].update(dict.fromkeys(span, mass_g / number))
    held = MonthsHeld(days)
    return {UUID(place): sum_days(spread, held) for place, spread in by_place.items()}


def spread_emptyings(emptyings: Sequence[tuple[datetime.date, int | None]]) -> dict[datetime.date, float]:
    """Return grams by day of one bin: each weighing, evenly from the day behind the last emptying to its own.

    What was not weighed, and what came before the first emptying, is not known. Two emptyings of a day are one.
    """
    merged: dict[datetime.date, int | None] = {}
    for day, mass_g in emptyings:
        earlier = merged.get(day, 0)
        merged[day] = None if mass_g is None or earlier is None else earlier + mass_g
    found: dict[datetime.date, float] = {}
    ordered = list(merged.items())
    for (before, _), (day, mass_g) in itertools.pairwise(ordered):
        if mass_g is not None:
            number = (day - before).days
            found |= {before + each * ONE_DAY: mass_g / number for each in range(1, number + 1)}
    return found


READERS: dict[Source, Callable[[Connection, dict[str, Any], Days], Months]] = {
    "weighed": read_weighed,
    "tonnages": read_tonnages,
    "counted": read_counted,
}
