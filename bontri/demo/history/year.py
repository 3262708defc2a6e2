"""What happens at the simulated bins day by day: who drops what, what a round finds, and what of it is reported when.

What really falls in is kept beside what is counted: lorries weigh the one, bins report the other.
"""

import bisect
import datetime
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from zoneinfo import ZoneInfo

from bontri.demo.history.rollout import Card, Rollout, Stay
from bontri.demo.recording import Happening
from bontri.demo.seed import CAPACITY_L
from simulators.contents import UNIT_MASS_G, UNIT_VOLUME_ML
from simulators.rhythm import deposits_per_hour

TRUE_EFFECT = 0.08
"""How much more a column takes once it has a bin."""
TREND_PER_YEAR = 0.02
"""How much more every column takes from one year to the next, whoever equips it."""
SEASON = (1.10, 0.96, 0.97, 0.98, 1.02, 1.05, 1.02, 0.78, 1.00, 1.00, 0.98, 1.14)
"""Of a mean month, January first: fewer people in August, more bottles around the end of the year. They sum to 12."""
ANONYMOUS_SHARE = 0.3
ELSEWHERE_SHARE = 0.1
REFUSED_SHARE = 0.04
UNCOUNTED_SHARE = 0.03
DRIFTS_FOR = 0.2
"""From half of the history on drifting bins count ever worse, for a fifth of it, down to their share."""
SCALE_ERROR = 0.01
ITEMS_SCALE = 9.0
MEAN_ITEMS = 1 + 1 / math.expm1(1 / ITEMS_SCALE)
MOST_ITEMS = 120
MATERIAL = "glass"
UNIT_G, UNIT_ML = UNIT_MASS_G[MATERIAL], UNIT_VOLUME_ML[MATERIAL]
RECEIVED_LATER = datetime.timedelta(seconds=2)
ROUNDS_FROM_S, ROUNDS_UNTIL_S = 6 * 3600, 11 * 3600
MOVED_S = 23.5 * 3600
"""A bin that moves is emptied at the end of its last day."""
WORTH_A_STOP_PCT = (50, 60, 70, 95)
"""From which level on a lorry that comes by once a week stops, by the column: the last ones are full now and then."""
CALLED_PCT = 95
"""At this level in the morning of a working day a lorry is sent."""
QUIET_SHARE = 0.02
QUIET_HOURS = (1, 6)
"""In so many days a bin is not heard for some hours; what it counts then it hands over after them."""
MOST_HOURS = 25
SATURDAY = 5


@dataclass(slots=True)
class BinLife:
    """A simulated bin as it goes through the year; ``held`` is what it has not handed over yet."""

    cards: list[Card]
    zeal: list[float]
    joined: list[datetime.date]
    seq: int = 0
    content_g: int = 0
    held: list[Happening] = field(default_factory=list)
    told: list[int | None] = field(default_factory=list)

    @property
    def fill_pct(self) -> int:
        """How full it is; what is pressed in beyond the brim is weighed, and not seen."""
        return min(100, self.content_g * UNIT_ML // UNIT_G // (10 * CAPACITY_L))


class Year:
    """The days of a rollout. ``dropped_g`` is what really fell in, by site and first of the month, as far as it got."""

    def __init__(self, rollout: Rollout, timezone: ZoneInfo) -> None:
        self._rollout, self._timezone = rollout, timezone
        # What falls in and what is made of it are drawn apart: bins that count otherwise change no tonnage.
        self._rng, self._telling = (
            random.Random(f"{what} {rollout.seed}")  # noqa: S311 (must be repeatable)
            for what in ("year", "telling")
        )
        self.dropped_g: defaultdict[tuple[str, datetime.date], int] = defaultdict(int)
        self._lives = {each.bin_id: settle(each.bin_id, rollout) for each in rollout.stays}
        self._hours = [rhythm_of(weekday) for weekday in range(7)]

    def list_happenings(self, day: datetime.date) -> list[Happening]:
        """List what the backend receives on a day, in that order; to be asked for day after day."""
        midnight = datetime.datetime.combine(day, datetime.time(), self._timezone).astimezone(datetime.UTC)
        received: list[Happening] = []
        for stay in self._rollout.stays:
            if stay.is_on(day):
                received += self._live(stay, day, midnight)
        received.sort(key=lambda each: (each.received_at, each.bin_id, each.seq))
        return received

    def list_told(self) -> dict[str, list[int | None]]:
        """Return what each bin says at half past of each hour of the day it was asked for last.

        That is how full it is in percent, and None in hours in which it is not heard.
        """
        return {bin_id: life.told for bin_id, life in self._lives.items()}

    def _live(self, stay: Stay, day: datetime.date, midnight: datetime.datetime) -> list[Happening]:
        """Return what the bin of a stay hands over on a day."""
        life, rollout = self._lives[stay.bin_id], self._rollout
        if day == stay.from_day:
            life.content_g = 0  # what lay in the column before is left out
        quiet = draw_quiet(self._telling)
        levels = [(0.0, life.fill_pct)]
        happened = [
            each for each in self._happen(stay, life, day, midnight, levels) if not rollout.is_silent(stay, day)
        ]
        life.told = [None if hour in quiet else level_at(levels, 3600 * hour + 1800) for hour in range(MOST_HOURS)]
        heard_at = midnight + datetime.timedelta(hours=quiet.stop)
        for each in happened:
            life.seq += 1
            each.seq = life.seq
            if midnight + datetime.timedelta(hours=quiet.start) <= each.received_at < heard_at:
                each.received_at = heard_at
        if rollout.is_out_of_reach(stay, day):
            life.held += happened
            return []
        if life.held:
            back_at = midnight + RECEIVED_LATER
            held, life.held = life.held, []
            for each in held:
                each.received_at = back_at
            return held + happened
        return happened

    def _happen(
        self,
        stay: Stay,
        life: BinLife,
        day: datetime.date,
        midnight: datetime.datetime,
        levels: list[tuple[float, int]],
    ) -> Iterator[Happening]:
        """Yield the deposits and the emptying of a day at a bin, in order, whether they are reported or not.

        Appends to ``levels`` since which second it was how full.
        """
        rng = self._rng
        share, hours = self._hours[day.weekday()]
        wanted_g = daily_kg(stay.kg_per_year, day, self._rollout.span.last) * 1000 * share * (1 + TRUE_EFFECT)
        times = sorted(
            (bisect.bisect(hours, rng.random()) + rng.random()) * 3600
            for _ in range(draw_count(rng, wanted_g / (MEAN_ITEMS * UNIT_G)))
        )
        round_s = rng.uniform(ROUNDS_FROM_S, ROUNDS_UNTIL_S) if is_round(stay, day, life.fill_pct) else math.inf
        if stay.until_day == day + datetime.timedelta(days=1):
            round_s = MOVED_S
        missed_share = self._missed_share(stay, day)
        for second in times:
            if second > round_s:
                yield from self._empty(life, stay, day, midnight, round_s)
                levels.append((round_s, life.fill_pct))
                round_s = math.inf
            dropped = min(1 + int(rng.expovariate(1 / ITEMS_SCALE)), MOST_ITEMS)
            mass_g = round(dropped * UNIT_G * rng.uniform(0.8, 1.2))
            life.content_g += mass_g
            levels.append((second, life.fill_pct))
            self.dropped_g[stay.site, day.replace(day=1)] += mass_g
            items = dropped - math.floor(dropped * missed_share + self._telling.random())
            if items > 0:
                yield self._deposit(life, stay, day, midnight + datetime.timedelta(seconds=int(second)), items)
        if round_s != math.inf:
            yield from self._empty(life, stay, day, midnight, round_s)
            levels.append((round_s, life.fill_pct))

    def _missed_share(self, stay: Stay, day: datetime.date) -> float:
        """Return the share of items that fall in uncounted; below 0 more are counted than fall in."""
        in_the_end = self._rollout.drifting.get(stay.bin_id)
        if in_the_end is None:
            return UNCOUNTED_SHARE
        gone = (day - self._rollout.span.first).days / self._rollout.days
        drifted = min(max(0.0, gone - 0.5) / DRIFTS_FOR, 1.0)
        return UNCOUNTED_SHARE + drifted * (in_the_end - UNCOUNTED_SHARE)

    def _deposit(self, life: BinLife, stay: Stay, day: datetime.date, at: datetime.datetime, items: int) -> Happening:
        rng = self._telling
        badge = None
        if rng.random() >= ANONYMOUS_SHARE:
            near = life
            if rng.random() < ELSEWHERE_SHARE:
                near = self._lives[rng.choice(self._rollout.stays).bin_id]
            badge = draw_badge(rng, near, day)
        return Happening(
            bin_id=stay.bin_id,
            seq=0,
            at=at,
            received_at=at + RECEIVED_LATER,
            material=MATERIAL,
            items=items,
            mass_g=None,
            badge=badge,
            refused=1 if rng.random() < REFUSED_SHARE else None,
            confidence=round(rng.uniform(0.86, 0.995), 3),
        )

    def _empty(
        self, life: BinLife, stay: Stay, day: datetime.date, midnight: datetime.datetime, second: float
    ) -> Iterator[Happening]:
        """Weigh what lies in a bin, if the lorry can, and take it away; a lorry does not stop for an empty one."""
        weighed_g = round(life.content_g * self._telling.gauss(1, SCALE_ERROR) / 1000) * 1000
        if weighed_g < 1000:
            return
        life.content_g = 0
        at = midnight + datetime.timedelta(seconds=int(second))
        yield Happening(
            bin_id=stay.bin_id,
            seq=0,
            at=at,
            received_at=at + RECEIVED_LATER,
            material=MATERIAL,
            items=None,
            mass_g=None if stay.bin_id in self._rollout.unweighed else weighed_g,
            emptied_by=f"C{day.isoweekday()}",
        )


def settle(bin_id: str, rollout: Rollout) -> BinLife:
    """Return a bin at the beginning of the year, with the cards around it in the order they are handed out."""
    cards = sorted((each for each in rollout.cards if each.bin_id == bin_id), key=lambda each: each.handed_out_on)
    return BinLife(cards, list(accumulate(each.zeal for each in cards)), [each.handed_out_on for each in cards])


def rhythm_of(weekday: int) -> tuple[float, list[float]]:
    """Return a weekday's share of a mean day, and the shares of its hours as they add up to 1."""
    monday = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    rates = [
        deposits_per_hour(monday + datetime.timedelta(days=weekday, hours=hour), mean_per_day=1) for hour in range(24)
    ]
    return sum(rates), [so_far / sum(rates) for so_far in accumulate(rates[:-1])]


def daily_kg(kg_per_year: float, day: datetime.date, last_day: datetime.date) -> float:
    """Return what a column without a bin takes on a mean weekday of the season."""
    years = (day - last_day).days / 365.25
    return float(kg_per_year / 365.25 * SEASON[day.month - 1] * (1 + TREND_PER_YEAR) ** years)


def is_round(stay: Stay, day: datetime.date, fill_pct: int) -> bool:
    """Tell whether a lorry empties a column that is so full in the morning: from Monday to Friday, by the column."""
    if day.weekday() >= SATURDAY:
        return False
    number = sum(map(ord, stay.site))
    is_worth_it = fill_pct >= WORTH_A_STOP_PCT[number // SATURDAY % len(WORTH_A_STOP_PCT)]
    return fill_pct >= CALLED_PCT or (is_worth_it and day.weekday() == number % SATURDAY)


def level_at(levels: list[tuple[float, int]], second: float) -> int:
    """Return the newest level by a second; ``levels`` are in order."""
    return levels[bisect.bisect(levels, second, key=lambda each: each[0]) - 1][1]


def draw_quiet(rng: random.Random) -> range:
    """Draw the hours of a day in which a bin is not heard: mostly none, and never the first."""
    if rng.random() >= QUIET_SHARE:
        return range(0)
    first = rng.randrange(1, 23)
    return range(first, min(first + rng.randint(*QUIET_HOURS), 23))


def draw_badge(rng: random.Random, life: BinLife, day: datetime.date) -> str | None:
    """Draw who comes to a bin, by zeal, of those who have a card by now."""
    known = bisect.bisect_right(life.joined, day)
    if not known:
        return None
    return life.cards[bisect.bisect(life.zeal, rng.random() * life.zeal[known - 1], 0, known - 1)].badge


def draw_count(rng: random.Random, mean: float) -> int:
    """Draw how many come in a day when ``mean`` do: Poisson, by waiting times."""
    count, waited = 0, rng.expovariate(1.0)
    while waited < mean:
        count += 1
        waited += rng.expovariate(1.0)
    return count
