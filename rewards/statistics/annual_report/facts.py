"""What a report of a year says: plain values, put into words and drawn elsewhere. None is never zero."""

import datetime
from dataclasses import dataclass
from typing import Any, Literal

from rewards.statistics.annual_report.money import Paid
from rewards.statistics.assumptions import Assumption
from rewards.statistics.figures.comparing import Unlike
from rewards.statistics.publications.listing import LICENCE
from rewards.statistics.references.comparing import Reference

LAW = "décret 2015-1827; code général des collectivités territoriales, article D. 2224-1, annexe XIII"
"""Which asks for the territory, its inhabitants (population municipale), what is collected separately, and tonnes and
kilograms per inhabitant of the year and the one before, by stream. Source: the annex."""

Basis = Literal["year", "months", "nothing"]
Told = Literal["told", "withheld", "mass_unknown", "not_published", "no_bin", "nothing_reported"]


@dataclass(frozen=True, slots=True)
class Publication:
    """What the report may draw on: the year as published, else those of its ``months`` that are, else nothing."""

    basis: Basis
    months: tuple[datetime.date, ...]
    published_at: datetime.datetime | None
    cells: int
    withheld: int
    licence: str = LICENCE


@dataclass(frozen=True, slots=True)
class Amount:
    """What was dropped at a place, of a material ('' of all); ``told`` says why it is None. Holders are of a year."""

    code: str
    name: str
    material: str
    told: Told
    deposits: int | None = None
    mass_g: int | None = None
    points: int | None = None
    holders: int | None = None


@dataclass(frozen=True, slots=True)
class MonthOfYear:
    """A month: its mass as published, or why it is not told, and how many of its bins reported."""

    month: datetime.date
    told: Told
    mass_g: int | None
    bins: int
    bins_reporting: int


@dataclass(frozen=True, slots=True)
class CommuneOfYear:
    """A commune with its bins, and what was dropped there of all materials."""

    insee_code: str
    name: str
    population: int | None
    population_year: int | None
    bins: int
    bins_reporting: int
    sites: int
    amount: Amount
    kg_per_inhabitant: float | None


@dataclass(frozen=True, slots=True)
class Territory:
    """Where bins stood in the year; ``population`` is of the communes they stood in, None where one has none."""

    communes: int
    communes_equipped: int
    population: int | None
    population_years: tuple[int, ...]
    population_sources: tuple[str, ...]
    bins: int
    bins_reporting: int
    sites: int
    inhabitants_per_bin: float | None
    bins_lacking: int | None
    bins_placed_or_removed: int


@dataclass(frozen=True, slots=True)
class YearBefore:
    """The year before as it was published; the change where like is like, else ``reason``."""

    year: int
    mass_g: int | None
    change_pct: float | None
    reason: Unlike | Literal["not_published"] | None


@dataclass(frozen=True, slots=True)
class Beside:
    """Kilograms of a stream per inhabitant beside others'; ``by_bins`` is what bins took, a part of ``collected``."""

    stream: str
    by_bins: float | None
    collected: Reference
    references: tuple[Reference, ...]
    capture_pct: float | None
    capture_missing: str | None


@dataclass(frozen=True, slots=True)
class TookPart:
    """Who took part: holders as published, others in whole percents; None where few would be told of."""

    holders: int | None
    new_pct: int | None
    participation_pct: int | None
    share_basis: str | None
    households: int | None
    households_year: int | None
    households_source: str | None
    anonymous_pct: int | None


@dataclass(frozen=True, slots=True)
class Points:
    """Points of the year, and what is owed at its end; all None where too few holders stand behind them.

    ``paid_told`` says why nobody is in ``paid``: no statement of the year is locked, or each funder has few holders.
    """

    issued: int | None
    redeemed: int | None
    expired: int | None
    paid: tuple[Paid, ...]
    paid_told: Literal["told", "withheld", "nothing_locked"]
    paid_cents: int | None
    owed_cents: int | None
    owed_expected_cents: int | None


@dataclass(frozen=True, slots=True)
class Worth:
    """What the glass comes to, by assumptions whose sources are named. Of all glass, not of an effect."""

    glass_g: int | None
    co2_low_kg: float | None
    co2_high_kg: float | None
    cents_avoided_per_extra_tonne: int
    assumptions: tuple[Assumption, ...]


@dataclass(frozen=True, slots=True)
class Weighed:
    """Counted and weighed at emptyings, of rounds nothing speaks against; ``ratio`` 1.0: as counted."""

    material: str
    rounds: int
    usable_rounds: int
    counted_g: int
    weighed_g: int
    ratio: float | None


@dataclass(frozen=True, slots=True)
class SilentBin:
    """A bin of which months are missing."""

    bin_id: str
    site: str
    insee_code: str
    months: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lacking:
    """What is missing in the year; a hole is not a fall."""

    months: tuple[str, ...]
    communes: tuple[str, ...]
    bins: int
    silent_bins: tuple[SilentBin, ...]


@dataclass(frozen=True, slots=True)
class AnnualReport:
    """All of it. ``effect`` is as :func:`rewards.statistics.effect.showing.show_verdict` has it, without sites."""

    year: int
    authority: str
    slug: str
    is_simulated: bool
    timezone: str
    publication: Publication
    territory: Territory
    total: Amount
    kg_per_inhabitant: float | None
    materials: tuple[Amount, ...]
    communes: tuple[CommuneOfYear, ...]
    months: tuple[MonthOfYear, ...]
    before: YearBefore
    beside: Beside | None
    participation: TookPart
    refusal_pct: float | None
    effect_material: str | None
    effect: dict[str, Any] | None
    points: Points
    worth: Worth
    weighed: tuple[Weighed, ...]
    lacking: Lacking
    law: str = LAW

    @property
    def made_at(self) -> datetime.datetime:
        """When the report is of, whenever it is made: its newest publication, else the end of the year."""
        return self.publication.published_at or datetime.datetime(self.year + 1, 1, 1, tzinfo=datetime.UTC)
