"""Of how many bins, sites and communes figures are, and which are missing: without it a hole looks like a fall.

Counted from what bins did in the grains of a period (``presences.py``). Years are looked at by months, so that no
silent month hides in them.

Of the days a bin stood in a step, which are told beside those of the step, the day of a move is one where it was
brought to. A bin that did not stand there on all of them makes the step unlike others, however well it reported.
"""

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from rewards.statistics.figures.presences import Calendar, Presence, list_bits, list_presences
from rewards.statistics.figures.questions import Level, Question
from rewards.statistics.figures.steps import GRAIN_OF, Step, list_steps
from rewards.statistics.silences import bits_between

Key = tuple[int | None, str | None]
"""(number of the step, place); of nothing but None for the whole."""

BINS_NAMED_MAX = 200
FAR = 1 << 30
"""More days than any period has."""

UNIT_OF: dict[Level, Callable[[Presence], str]] = {
    "authority": lambda presence: "",
    "commune": lambda presence: presence.insee_code,
    "site": lambda presence: presence.site_id,
    "bin": lambda presence: presence.bin_id,
}
"""What stands for the place of a presence; statements say the same (``questions.py``)."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Bins that stood in a place in a step, those of them that reported, and what is missing.

    ``bins_missing`` were silent in some part of the step, ``bins_in_between`` did not stand there on all of its days;
    ``bin_days`` are its days by bin, ``days_served`` those from the first to the last of a bin in each commune, and
    ``standing`` is the same where as many bins stood at the same sites for the same share of the days.
    ``communes_missing`` and ``sites_missing`` had bins and none of them reported; ``silent_steps`` are days, weeks or
    months in which nothing came from the place.
    """

    bins: int = 0
    bins_reporting: int = 0
    bins_missing: int = 0
    sites_missing: int = 0
    communes: tuple[str, ...] = ()
    communes_missing: tuple[str, ...] = ()
    silent_steps: tuple[str, ...] = ()
    bins_in_between: int = 0
    bin_days: int = 0
    days_served: Mapping[str, int] = field(default_factory=dict)
    standing: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether every bin stood there and reported all the time; without a bin there is nothing."""
        return self.bins > 0 and self.bins_missing == 0 and self.bins_in_between == 0


NOBODY = Coverage()


@dataclass(frozen=True, slots=True)
class MissingBin:
    """A bin that stood at a site and was silent in some steps."""

    bin_id: str
    site: str
    insee_code: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A step as it is counted, or the whole of them: its grains, and its days up to ``today``."""

    step_no: int | None
    grains: int
    first: int
    last: int
    days: int


@dataclass(slots=True)
class Part:
    """A presence in the grains of a span: the days the bin stood there, from when until when it served the commune.

    Where the day a bin was brought to a commune is not known (it reported, and stood there on no whole day), the
    commune is served for all of the grain.
    """

    presence: Presence
    unit: str
    there: int
    missing: int
    days: int
    served_from: int
    served_until: int


@dataclass(frozen=True, slots=True)
class Reported:
    """The grains in which something came from each site, commune and place, whatever bin it came from."""

    sites: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    communes: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    units: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


def get_coverage(
    connection: Connection,
    question: Question,
    steps: Sequence[Step],
    *,
    authority_id: int,
    timezone: ZoneInfo,
    today: datetime.date,
) -> tuple[Mapping[Key, Coverage], list[MissingBin]]:
    """Return the coverage by step and place and of the whole, and the bins missing by id (``BINS_NAMED_MAX`` of them).

    Materials do not matter: a bin that speaks of glass only has reported no paper.
    """
    grains = list_steps(question.period, GRAIN_OF[question.granularity], today=today)
    presences, calendar = list_presences(
        connection, question, grains, authority_id=authority_id, timezone=timezone, today=today
    )
    missing = [
        MissingBin(each.bin_id, each.site, each.insee_code, name_grains(each.missing, grains))
        for each in presences
        if each.missing
    ]
    spans = list_spans(calendar, steps, today=today)
    return count_coverage(presences, calendar, spans, UNIT_OF[question.level]), missing[:BINS_NAMED_MAX]


def name_grains(grains: int, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the names of some grains, in their order."""
    return tuple(steps[no].name for no in list_bits(grains))


def list_spans(calendar: Calendar, steps: Sequence[Step], *, today: datetime.date) -> list[Span]:
    """List the steps, and the whole as the last one."""
    ends = calendar.day_no(today)
    spans = []
    for step in steps:
        first, last = calendar.day_no(step.first_day), calendar.day_no(step.last_day)
        grains = bits_between(calendar.grain_of(first), calendar.grain_of(last))
        spans.append(Span(step.no, grains, first, min(last, ends), step.days))
    whole = bits_between(0, len(calendar.grains) - 1)
    return [*spans, Span(None, whole, spans[0].first, spans[-1].last, sum(each.days for each in calendar.grains))]


def count_coverage(
    presences: Iterable[Presence], calendar: Calendar, spans: Sequence[Span], unit_of: Callable[[Presence], str]
) -> Mapping[Key, Coverage]:
    """Return the coverage of each span by place, where there was a bin; of the whole for all places together."""
    units = [(each, unit_of(each), each.there, each.missing) for each in presences]
    reported = Reported()
    for presence, unit, _, _ in units:
        reported.sites[presence.site_id] |= presence.reporting
        reported.communes[presence.insee_code] |= presence.reporting
        reported.units[unit] |= presence.reporting
    found: dict[Key, Coverage] = {}
    for span in spans:
        parts = [
            part_of(
                presence,
                unit,
                there=there & span.grains,
                missing=missing & span.grains,
                span=span,
                calendar=calendar,
            )
            for presence, unit, there, missing in units
            if there & span.grains
        ]
        served = count_days_served(parts)
        if span.step_no is None:
            found[None, None] = count_parts(parts, span, calendar, reported, served)
            continue
        by_unit: defaultdict[str, list[Part]] = defaultdict(list)
        for part in parts:
            by_unit[part.unit].append(part)
        for unit, of_unit in by_unit.items():
            found[span.step_no, unit] = count_parts(of_unit, span, calendar, reported, served)
    return found


def part_of(presence: Presence, unit: str, *, there: int, missing: int, span: Span, calendar: Calendar) -> Part:
    """Return what a presence has to do with a span in which it is there."""
    stays = presence.stays
    if len(stays) == 1 and stays[0].brought <= span.first and stays[0].last >= span.last:
        return Part(presence, unit, there, missing, span.last - span.first + 1, span.first, span.last)
    days, served_from, served_until = 0, span.last, span.first
    for stay in stays:
        if stay.first <= span.last and stay.last >= span.first:
            since, until = max(stay.brought, span.first), min(stay.last, span.last)
            days += until - since + 1
            served_from, served_until = min(since, served_from), max(until, served_until)
    elsewhere = there & ~presence.standing
    if elsewhere:
        first, last = (elsewhere & -elsewhere).bit_length() - 1, elsewhere.bit_length() - 1
        served_from = min(calendar.begins[first], served_from)
        served_until = max(min(calendar.ends[last], span.last), served_until)
    return Part(presence, unit, there, missing, days, served_from, served_until)


def count_days_served(parts: Iterable[Part]) -> Mapping[str, int]:
    """Return the days from the first to the last on which a commune had a bin, by INSEE code."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for part in parts:
        insee_code = part.presence.insee_code
        if part.served_from < first.get(insee_code, FAR):
            first[insee_code] = part.served_from
        if part.served_until > last.get(insee_code, -FAR):
            last[insee_code] = part.served_until
    return {insee_code: last[insee_code] - since + 1 for insee_code, since in first.items()}


def count_parts(
    parts: Sequence[Part], span: Span, calendar: Calendar, reported: Reported, served: Mapping[str, int]
) -> Coverage:
    """Return the coverage of a place, or of all; a bin that was moved within the span counts once."""
    days_of_bin: defaultdict[str, int] = defaultdict(int)
    days_of_site: defaultdict[str, int] = defaultdict(int)
    bins_mute, bins_missing, sites_missing, communes, communes_missing = set(), set(), set(), set(), set()
    silent_grains = 0
    for part in parts:
        presence = part.presence
        days_of_bin[presence.bin_id] += part.days
        days_of_site[presence.site_id] += part.days
        communes.add(presence.insee_code)
        if not part.missing:
            continue
        bins_missing.add(presence.bin_id)
        if not presence.reporting & span.grains:
            bins_mute.add(presence.bin_id)
        if part.there & ~reported.sites[presence.site_id]:
            sites_missing.add(presence.site_id)
        if part.there & ~reported.communes[presence.insee_code]:
            communes_missing.add(presence.insee_code)
        silent_grains |= part.there & ~reported.units[part.unit]
    if bins_mute:
        # One that was moved may have reported elsewhere.
        bins_mute -= {part.presence.bin_id for part in parts if part.presence.reporting & span.grains}
    return Coverage(
        bins=len(days_of_bin),
        bins_reporting=len(days_of_bin) - len(bins_mute),
        bins_missing=len(bins_missing),
        sites_missing=len(sites_missing),
        communes=tuple(sorted(communes)),
        communes_missing=tuple(sorted(communes_missing)),
        silent_steps=name_grains(silent_grains, calendar.grains),
        bins_in_between=sum(span.days - days > 1 for days in days_of_bin.values()),
        bin_days=sum(days_of_bin.values()),
        days_served={insee_code: served[insee_code] for insee_code in sorted(communes)},
        standing=frozenset(map(write_standing, days_of_site, days_of_site.values(), repeat(span.days))),
    )


def write_standing(site_id: str, days: int, of_days: int) -> str:
    """Return a site with the bins that stood there by their share of the days, in tenths, rounded; one is not said.

    A month and the same of a leap year are alike.
    """
    tenths = (20 * days + of_days) // (2 * of_days)
    return site_id if tenths == 10 else f"{site_id} {tenths}"
