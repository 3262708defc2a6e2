"""What the simulated year is about: which columns get a bin when, who holds cards near them, what goes wrong. Pure.

Bins come in waves, to columns drawn by lot, so that columns equipped later and never are what the effect is measured
against. The same seed, days and last day give the same.
"""

import datetime
import random
from collections import Counter
from dataclasses import dataclass

from bontri.demo.places import bin_id_of, list_columns, mix

SHORTEST_DAYS = 10
BINS = 42
WAVES = 3
CARDS_PER_BIN = 50
MEAN_KG_PER_YEAR = 7000
"""Of a column; 637 of them come to the 10 kg per inhabitant that SINOE gives for the département (docs/figures.md)."""
SPREAD_OF_COLUMNS = 0.4
QUIET_SITES = 2
QUIET_CARDS, QUIET_LEVEL = 5, 0.1
"""So many of the first columns with a bin lie where hardly anybody comes by: what is published of them is withheld."""
JOINING_DAYS = 45
OFFLINE_BINS = 3
DRIFTS = (0.5, 0.35, -0.6)
"""What the busiest of the first bins come to miss of their items; below 0: what they count that never fell in."""
UNWEIGHED_BINS = 2
"""So many of the second wave are emptied by a lorry without scales."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A bin at a column from a day to before another, None: it stands there still. ``kg_per_year``: without a bin."""

    bin_id: str
    site: str
    insee_code: str
    from_day: datetime.date
    until_day: datetime.date | None
    kg_per_year: float

    def is_on(self, day: datetime.date) -> bool:
        """Tell whether the bin stands there on a day."""
        return self.from_day <= day and (self.until_day is None or day < self.until_day)


@dataclass(frozen=True, slots=True)
class Card:
    """A card handed out near a bin; how often it is used goes with its ``zeal``."""

    badge: str
    bin_id: str
    handed_out_on: datetime.date
    zeal: float


@dataclass(frozen=True, slots=True)
class Span:
    """Days from the first to the last, both included."""

    first: datetime.date
    last: datetime.date

    def __contains__(self, day: datetime.date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Rollout:
    """The plan of a history.

    ``offline``: bins that hold back what they count. ``drifting``: those that count ever worse, and the share of items
    that they miss in the end (below 0: count too much). ``unweighed``: bins that nobody weighs at their emptyings.
    In the ``silent`` span no bin of the commune ``silent_commune`` reports anything, and nothing comes later.
    """

    seed: int
    span: Span
    stays: tuple[Stay, ...]
    kg_per_year: dict[str, float]
    cards: tuple[Card, ...]
    moved: Stay
    offline: dict[str, Span]
    drifting: dict[str, float]
    unweighed: frozenset[str]
    silent_commune: str
    silent: Span | None
    tariff_changes_on: datetime.date
    campaign: Span

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.span.last - self.span.first).days + 1

    def is_silent(self, stay: Stay, day: datetime.date) -> bool:
        """Tell whether a bin counts and tells nothing on a day."""
        return self.silent is not None and stay.insee_code == self.silent_commune and day in self.silent

    def is_out_of_reach(self, stay: Stay, day: datetime.date) -> bool:
        """Tell whether a bin keeps on a day what it counts, to hand it over later."""
        return stay.bin_id in self.offline and day in self.offline[stay.bin_id]


def plan_rollout(*, days: int, last_day: datetime.date, seed: int, bins: int = BINS) -> Rollout:
    """Plan a history of ``days`` until ``last_day``."""
    rng = random.Random(f"rollout {seed}")  # noqa: S311 (must be repeatable)
    columns = list_columns()
    span = Span(last_day - datetime.timedelta(days=days - 1), last_day)
    levels = {each.reference: draw_level(rng) for each in columns}
    by_bin = {bin_id_of(number): column for number, column in enumerate(columns, 1)}
    order = mix(list(by_bin))
    first_of_quiet = OFFLINE_BINS + 2
    quiet = order[first_of_quiet : first_of_quiet + QUIET_SITES]
    for bin_id in quiet:
        levels[by_bin[bin_id].reference] *= QUIET_LEVEL
    moves_on = span.first + datetime.timedelta(days=days * 11 // 20)
    stays = []
    for number, bin_id in enumerate(order[:bins]):
        column = by_bin[bin_id]
        from_day = span.first + datetime.timedelta(days=days * (number * WAVES // bins) // WAVES)
        until_day = moves_on if number == 0 else None
        level = levels[column.reference]
        stays.append(Stay(bin_id, column.reference, column.insee_code, from_day, until_day, level))
    # The last but one column of all: the last one's bin has the demo's story.
    target = by_bin[order[-2]]
    moved = Stay(order[0], target.reference, target.insee_code, moves_on, None, levels[target.reference])
    stays.append(moved)
    silent_commune = Counter(each.insee_code for each in stays).most_common(2)[-1][0]
    busiest = list_busiest(stays[OFFLINE_BINS + 1 : bins], quiet=quiet, silent_commune=silent_commune)
    drifting = dict(zip(busiest, DRIFTS, strict=False))
    return Rollout(
        seed=seed,
        span=span,
        stays=tuple(stays),
        kg_per_year=levels,
        cards=tuple(hand_out_cards(rng, stays[:bins], span, quiet=quiet)),
        moved=moved,
        offline={order[1 + number]: draw_outage(rng, span) for number in range(OFFLINE_BINS)},
        drifting=drifting,
        unweighed=frozenset(order[bins // WAVES :][:UNWEIGHED_BINS]) - {*drifting},
        silent_commune=silent_commune,
        silent=find_silent_month(span),
        tariff_changes_on=span.first + datetime.timedelta(days=days // 3),
        campaign=Span(
            span.first + datetime.timedelta(days=days * 3 // 5),
            span.first + datetime.timedelta(days=days * 3 // 5 + max(2, days // 13)),
        ),
    )


def draw_level(rng: random.Random) -> float:
    """Draw what a column takes in a year, in kilograms: around the mean, a few much more."""
    return MEAN_KG_PER_YEAR * rng.lognormvariate(-(SPREAD_OF_COLUMNS**2) / 2, SPREAD_OF_COLUMNS)


def hand_out_cards(rng: random.Random, stays: list[Stay], span: Span, *, quiet: list[str]) -> list[Card]:
    """Hand cards out around each bin: most in the weeks after it came, a few very keen ones among many quiet ones.

    Around ``quiet`` bins there are few.
    """
    cards = []
    for number in range(len(stays) * CARDS_PER_BIN):
        stay = stays[number % len(stays)]
        if stay.bin_id in quiet and number >= QUIET_CARDS * len(stays):
            continue
        after = datetime.timedelta(days=int(rng.expovariate(1 / JOINING_DAYS)))
        day = min(stay.from_day + after, span.last)
        cards.append(Card(f"DEMO-{number + 1:04}", stay.bin_id, day, rng.gammavariate(0.7, 1.0)))
    return cards


def list_busiest(stays: list[Stay], *, quiet: list[str], silent_commune: str) -> list[str]:
    """List the bins of the first to come by their rounds, most first: many are weighed before and after they drift."""
    others = [each for each in stays if each.bin_id not in quiet and each.insee_code != silent_commune]
    others.sort(key=lambda each: (each.from_day, -each.kg_per_year))
    return [each.bin_id for each in others]


def draw_outage(rng: random.Random, span: Span) -> Span:
    """Draw when a bin of the first wave is out of reach, for some days; the last day of a history it is back."""
    days = (span.last - span.first).days
    first = span.first + datetime.timedelta(days=rng.randrange(days // 4, days * 3 // 4))
    return Span(
        first, min(first + datetime.timedelta(days=rng.randrange(3, 9)), span.last - datetime.timedelta(days=1))
    )


def find_silent_month(span: Span) -> Span | None:
    """Find the whole month about a hundred days before the end; None in a history that is too short to have it."""
    first = (span.last - datetime.timedelta(days=100)).replace(day=1)
    last = (first + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)
    return Span(first, last) if first >= span.first + datetime.timedelta(days=100) else None
