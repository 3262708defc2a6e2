"""Which bin stood at which site in which grains of a period, gave a sign there, or was silent.

A bin stands at a site on the days it stood there from midnight to midnight. It reports in a grain when it had a
deposit, or was heard; what it reports counts also on the day it was moved. It is missing in a grain where it gave no
sign, or was silent for days on end (``rewards/statistics/silences.py``). Bins in state test are in no figure; a revoked
one stands until it was last heard.

Grains and days are bits of numbers, so that years of bins cost no more than a few operations each.
"""

import datetime
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.statistics.figures.questions import IS_THERE, Question
from rewards.statistics.figures.steps import GRAIN_OF, Step
from rewards.statistics.figures.sums import begins_of, rolled_by
from rewards.statistics.signs import Signs, list_signs
from rewards.statistics.silences import GAP_DAYS, bits_between, find_silent_days

GRAINS = Columns(grain_no="integer", grain_begins="date")
STAYS = """
    SELECT * FROM (
        SELECT p.bin_id, CAST(p.site_id AS text) AS site_id, s.reference AS site, s.insee_code,
               CAST((p.placed_at + interval '1 day' - interval '1 microsecond') AT TIME ZONE :timezone AS date)
                   AS first_day,
               CAST(p.placed_at AT TIME ZONE :timezone AS date) AS brought_on,
               LEAST(CAST(p.removed_at AT TIME ZONE :timezone AS date) - 1,
                     CASE b.state WHEN 'revoked'
                          THEN coalesce(CAST(r.last_heard_at AT TIME ZONE :timezone AS date), '-infinity') END,
                     CAST(:today AS date)) AS last_day
          FROM placements p
          JOIN bins b ON b.authority_id = p.authority_id AND b.bin_id = p.bin_id
          JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
          LEFT JOIN bin_reports r ON r.authority_id = p.authority_id AND r.bin_id = p.bin_id
         WHERE p.authority_id = :authority_id AND b.state <> 'test'
           AND (CAST(:bin_id AS text) IS NULL OR p.bin_id = :bin_id) {is_there}) AS y
     WHERE y.first_day <= y.last_day AND y.first_day <= :last_day AND y.last_day >= :first_day
"""
# A bit for each grain, the first one first.
REPORTED = """
    SELECT d.bin_id, CAST(d.site_id AS text) AS site_id, s.reference AS site, s.insee_code, d.grains
      FROM (SELECT d.bin_id, d.site_id, CAST(bit_or(set_bit(CAST(:no_grain AS bit({grains})), g.grain_no, 1)) AS text)
                       AS grains
              FROM {rolled} AS d JOIN {each_grain} ON g.grain_begins = {begins}
             WHERE CAST(:bin_id AS text) IS NULL OR d.bin_id = :bin_id
             GROUP BY d.bin_id, d.site_id) AS d
      JOIN sites s ON s.authority_id = :authority_id AND s.site_id = d.site_id {is_there}
"""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The grains of a period, by number; days are bits from ``since`` on."""

    grains: Sequence[Step]
    since: int
    begins: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, grains: Sequence[Step], *, since: datetime.date) -> "Calendar":
        """Return that of ``grains``, with days from ``since`` on."""
        origin = since.toordinal()
        return cls(
            grains,
            origin,
            [grain.first_day.toordinal() - origin for grain in grains],
            [grain.last_day.toordinal() - origin for grain in grains],
        )

    def day_no(self, day: datetime.date) -> int:
        """Return the bit of a day; negative for those before."""
        return day.toordinal() - self.since

    def grain_of(self, day_no: int) -> int:
        """Return the number of the grain a day lies in; the first or the last for days outside of the period."""
        return min(max(bisect_right(self.begins, day_no) - 1, 0), len(self.begins) - 1)

    def grains_with(self, days: int, among: int) -> int:
        """Return those of the grains ``among`` that have one of the ``days``."""
        if not days or not among:
            return 0
        first, last = (days & -days).bit_length() - 1, days.bit_length() - 1
        found = 0
        for no in list_bits(among & bits_between(self.grain_of(first), self.grain_of(last))):
            if days & bits_between(self.begins[no], self.ends[no]):
                found |= 1 << no
        return found


@dataclass(frozen=True, slots=True)
class Stay:
    """Days at a site, within the period: ``first`` to ``last`` whole ones, ``brought`` on, all in grains it touches."""

    first: int
    last: int
    brought: int


@dataclass(slots=True)
class Presence:
    """A bin at a site: its stays, and the numbers of grains in which it stood, reported there, and was silent.

    It may have reported in grains in which it did not stand there from midnight to midnight.
    """

    bin_id: str
    site_id: str
    site: str
    insee_code: str
    stays: list[Stay] = field(default_factory=list)
    standing: int = 0
    reporting: int = 0
    silent: int = 0

    @property
    def there(self) -> int:
        """The grains in which it is counted."""
        return self.standing | self.reporting

    @property
    def missing(self) -> int:
        """The grains in which it was silent, or gave no sign."""
        return self.silent | self.standing & ~self.reporting


def list_bits(number: int) -> Iterator[int]:
    """List the bits that are set, lowest first."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def list_presences(
    connection: Connection,
    question: Question,
    grains: Sequence[Step],
    *,
    authority_id: int,
    timezone: ZoneInfo,
    today: datetime.date,
) -> tuple[list[Presence], Calendar]:
    """List the presences of the bins asked for by bin and site; and the calendar their bits are of.

    Materials do not matter: a bin that speaks of glass only has reported no paper.
    """
    period = question.period
    around = datetime.timedelta(days=GAP_DAYS - 1)
    calendar = Calendar.of(grains, since=(period.first_day - around).replace(day=1))
    values: dict[str, Any] = {
        "authority_id": authority_id,
        "today": today,
        "timezone": timezone.key,
        "first_day": period.first_day,
        "last_day": period.last_day,
        **question.filters,
    }
    found: dict[tuple[str, str], Presence] = {}
    for row in connection.execute(text(REPORTED.format(**write_parts(question, grains))), values | bind_grains(grains)):
        presence = found[row.bin_id, row.site_id] = Presence(*row[:4])
        presence.reporting = int(row.grains[::-1], 2)
    stays: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(text(STAYS.format(is_there=IS_THERE)), values):
        stays[row.bin_id, row.site_id].append(row)
    signs = list_signs(
        connection,
        datetime.date.fromordinal(calendar.since),
        min(period.last_day, today) + around,
        bin_ids={bin_id for bin_id, _ in stays},
        authority_id=authority_id,
    )
    for key, rows in stays.items():
        presence = found.setdefault(key, Presence(*rows[0][:4]))
        add_stays(presence, rows, signs.get(presence.bin_id, Signs()), calendar)
    return sorted(found.values(), key=lambda each: (each.bin_id, each.site, each.site_id)), calendar


def write_parts(question: Question, grains: Sequence[Step]) -> Mapping[str, object]:
    """Return the parts of the statement that says what reported."""
    return {
        "rolled": rolled_by(question.granularity),
        "begins": begins_of(GRAIN_OF[question.granularity], "d.day"),
        "each_grain": GRAINS.unnest("g"),
        "grains": len(grains),
        "is_there": IS_THERE,
    }


def bind_grains(grains: Sequence[Step]) -> dict[str, str]:
    """Return the parameters of the grains."""
    columns = GRAINS.bind(grain_no=[grain.no for grain in grains], grain_begins=[grain.begins for grain in grains])
    return {**columns, "no_grain": "0" * len(grains)}


def add_stays(presence: Presence, rows: Sequence[Any], signs: Signs, calendar: Calendar) -> None:
    """Add the stays of a bin at a site, with what it gave a sign of."""
    until = calendar.ends[-1] + GAP_DAYS - 1
    heard_within = returned = 0
    for row in rows:
        first, last = calendar.day_no(row.first_day), calendar.day_no(row.last_day)
        begun, ended = calendar.grain_of(first), calendar.grain_of(last)
        stay = Stay(
            max(first, calendar.begins[begun]),
            min(last, calendar.ends[ended]),
            max(calendar.day_no(row.brought_on), calendar.begins[begun]),
        )
        presence.stays.append(stay)
        heard_within |= bits_between(stay.first, stay.last)
        stood = bits_between(begun, ended)
        returned |= presence.standing & stood
        presence.standing |= stood
        silent = find_silent_days(signs.heard | signs.dropped, stood=bits_between(max(first, 0), min(last, until)))
        presence.silent |= calendar.grains_with(silent, stood)
    for no in list_bits(returned):
        # What it said between two stays of one grain counts there as well.
        begins, ends = calendar.begins[no], calendar.ends[no]
        within = [stay for stay in presence.stays if stay.first <= ends and stay.last >= begins]
        heard_within |= bits_between(
            max(min(stay.first for stay in within), begins), min(max(stay.last for stay in within), ends)
        )
    mute = presence.standing & ~presence.reporting
    presence.reporting |= calendar.grains_with(heard_within & signs.heard, mute)
