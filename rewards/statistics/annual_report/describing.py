"""The facts of a year put into the report's own shape, rounded and withheld as anybody may be told. Pure."""

import unicodedata
from typing import Any

from rewards.mass_balance import BinBalance
from rewards.statistics.annual_report.facts import (
    Amount,
    CommuneOfYear,
    Lacking,
    MonthOfYear,
    SilentBin,
    Territory,
    Told,
    TookPart,
    Weighed,
    Worth,
)
from rewards.statistics.annual_report.published import PublishedYear
from rewards.statistics.figures import Cell, Figures
from rewards.statistics.figures.reckoning import cents_avoided_a_tonne
from rewards.statistics.figures.rows import assumptions_of
from rewards.statistics.participation.shares import Participation

BINS_NAMED_MAX = 60


def describe_territory(total: Cell, communes: tuple[CommuneOfYear, ...], known: dict[str, Any]) -> Territory:
    """Return where bins stood, and how densely."""
    people = total.population
    return Territory(
        communes=len(communes),
        communes_equipped=sum(each.bins > 0 for each in communes),
        population=None if people is None else people.population,
        population_years=() if people is None else tuple(people.years),
        population_sources=() if people is None else tuple(people.sources),
        bins=total.coverage.bins,
        bins_reporting=total.coverage.bins_reporting,
        sites=sum(each.sites for each in communes),
        inhabitants_per_bin=round_known(known["inhabitants_per_bin"], 1),
        bins_lacking=known["bins_lacking"],
        bins_placed_or_removed=total.coverage.bins_in_between,
    )


def list_communes(figures: Figures, published: PublishedYear, sites: dict[str, int]) -> tuple[CommuneOfYear, ...]:
    """List the communes by name, those without bins too."""
    communes = []
    for cell in figures.cells:
        code, name = cell.place.insee_code or "", cell.place.commune or ""
        amount = published.get("commune", code, name=name)
        people = cell.population
        communes.append(
            CommuneOfYear(
                insee_code=code,
                name=name,
                population=None if people is None else people.population,
                population_year=people.years[0] if people is not None and people.years else None,
                bins=cell.coverage.bins,
                bins_reporting=cell.coverage.bins_reporting,
                sites=sites.get(code, 0),
                amount=amount,
                kg_per_inhabitant=per_inhabitant(amount, [cell], published),
            )
        )
    return tuple(sorted(communes, key=lambda each: (without_accents(each.name), each.insee_code)))


def without_accents(name: str) -> str:
    """Return a name as it is sorted in a list: Épinay before Stains."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))


def per_inhabitant(amount: Amount, cells: list[Cell], published: PublishedYear) -> float | None:
    """Return kilograms per inhabitant of communes that had bins, each for its days; of a published year only."""
    inhabitant_days, year = 0, 0
    for cell in cells:
        days = sum(cell.coverage.days_served.values())
        if days and (cell.population is None or cell.population.population is None):
            return None
        inhabitant_days += days * (cell.population.population or 0 if cell.population else 0)
        year = cell.step.days
    if published.publication.basis != "year" or amount.mass_g is None or not inhabitant_days:
        return None
    return round(amount.mass_g / 1000 * year / inhabitant_days, 3)


def describe_month(cell: Cell, published: PublishedYear) -> MonthOfYear:
    """Return a month as published, or why it is not told; a silent month of bins is unknown, not zero."""
    coverage, found = cell.coverage, published.months.get(cell.step.first_day)
    told: Told = "not_published" if found is None else found.told
    if not coverage.bins_reporting:
        told, found = ("nothing_reported" if coverage.bins else "no_bin"), None
    mass_g = None if found is None else found.mass_g
    return MonthOfYear(cell.step.first_day, told, mass_g, coverage.bins, coverage.bins_reporting)


def describe_participation(found: Participation | None, amount: Amount) -> TookPart:
    """Return who took part: holders as they were published, shares in whole percents."""
    if found is None or found.holders is None:
        return TookPart(None, None, None, None, None, None, None, None)
    return TookPart(
        holders=amount.holders,
        new_pct=whole_pct(found.new_share),
        participation_pct=whole_pct(found.participation),
        share_basis=found.share_basis,
        households=found.households,
        households_year=found.households_year,
        households_source=found.households_source,
        anonymous_pct=whole_pct(found.anonymous_share),
    )


def describe_worth(glass: Amount, figures: Figures) -> Worth:
    """Return what the published glass comes to."""
    standing = assumptions_of(figures)
    values = {each.name: each for each in standing}
    tonnes = None if glass.mass_g is None else glass.mass_g / 1_000_000
    return Worth(
        glass_g=glass.mass_g,
        co2_low_kg=None if tonnes is None else round(tonnes * values["co2_low_kg_per_tonne"].value, 1),
        co2_high_kg=None if tonnes is None else round(tonnes * values["co2_high_kg_per_tonne"].value, 1),
        cents_avoided_per_extra_tonne=cents_avoided_a_tonne(values),
        assumptions=tuple(standing),
    )


def sum_balances(balances: list[BinBalance], materials: list[Amount]) -> list[Weighed]:
    """Return counted and weighed of all bins together by material; of those alone of which the year is told."""
    told = {each.material for each in materials if each.told == "told"}
    summed = []
    for material in sorted({each.material for each in balances if each.material in told and each.material}):
        of_it = [each for each in balances if each.material == material]
        counted_g, weighed_g = sum(each.counted_g for each in of_it), sum(each.weighed_g for each in of_it)
        rounds, usable = sum(each.rounds for each in of_it), sum(each.usable_rounds for each in of_it)
        ratio = round(weighed_g / counted_g, 3) if counted_g else None
        summed.append(Weighed(material, rounds, usable, counted_g, weighed_g, ratio))
    return summed


def describe_lacking(total: Cell, figures: Figures) -> Lacking:
    """Return which months, communes and bins are missing."""
    silent = [SilentBin(each.bin_id, each.site, each.insee_code, each.steps) for each in figures.missing_bins]
    coverage = total.coverage
    return Lacking(
        coverage.silent_steps, coverage.communes_missing, coverage.bins_missing, tuple(silent[:BINS_NAMED_MAX])
    )


def round_known(value: Any, digits: int) -> float | None:
    """Return a figure rounded so far that late deposits cannot be seen in it."""
    return None if value is None else round(float(value), digits)


def whole_pct(share: float | None) -> int | None:
    """Return a share in whole percents."""
    return None if share is None else round(100 * share)
