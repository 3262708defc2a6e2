"""Gathering the facts of a year, each from where it is at home; a fixed number of statements, whatever there is."""

import datetime
import unicodedata
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.liability import get_liability
from rewards.mass_balance import BinBalance, list_balances
from rewards.statistics.annual_report.facts import (
    Amount,
    AnnualReport,
    Beside,
    CommuneOfYear,
    Lacking,
    MonthOfYear,
    Points,
    SilentBin,
    Territory,
    Told,
    TookPart,
    Weighed,
    Worth,
    YearBefore,
)
from rewards.statistics.annual_report.money import list_funders, pool_small
from rewards.statistics.annual_report.published import PublishedYear, read_published_year
from rewards.statistics.annual_report.refusals import NothingInYearError, YearNotOverError
from rewards.statistics.effect.apart import measure_apart
from rewards.statistics.effect.asking import EffectAsked, choose_sites
from rewards.statistics.effect.panel import Panel
from rewards.statistics.effect.reading import read_panel
from rewards.statistics.figures import Cell, Figures, Question, get_figures
from rewards.statistics.figures.comparing import Comparison, compare_with_year_before
from rewards.statistics.figures.reckoning import cents_avoided_a_tonne
from rewards.statistics.figures.rows import assumptions_of, known_of
from rewards.statistics.participation.shares import Participation, list_participation
from rewards.statistics.periods import Period, PeriodToComeError
from rewards.statistics.references.comparing import compare
from rewards.statistics.tonnages.collected import get_capture
from rewards.territory import get_authority_facts, get_timezone

GLASS = "glass"
BINS_NAMED_MAX = 60
WITHOUT_SITES = (
    "is_measurable",
    "sentence",
    "kilograms_from",
    "effect",
    "p_value",
    "method",
    "reasons",
    "cautions",
    "definition",
    "source",
)
# Bins in test are in no figure.
COUNT_SITES = text("""
    SELECT s.insee_code, count(DISTINCT p.site_id) AS sites
      FROM placements p
      JOIN bins b ON b.authority_id = p.authority_id AND b.bin_id = p.bin_id AND b.state <> 'test'
      JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
     WHERE p.authority_id = :authority_id AND p.placed_at <= :last_instant
       AND (p.removed_at IS NULL OR p.removed_at > :first_instant)
     GROUP BY s.insee_code
""")


def gather_annual_report(
    connection: Connection, year: int, *, authority_id: int, now: datetime.datetime
) -> AnnualReport:
    """Return what may be told to anybody of a year that is over; measuring the effect takes a second.

    What came in late changes what is said of bins, points and money, never what was published. The transaction idles
    while the effect is measured: who can end it before calls the two parts.

    Raises:
        PeriodToComeError, YearNotOverError, NothingInYearError: there is no report of the year.
        TimeoutError: others are measuring effects right now.
    """
    return measure_report(read_annual_report(connection, year, authority_id=authority_id, now=now))


def measure_report(read: "Unmeasured") -> AnnualReport:
    """Return a report with its effect, without the names of sites.

    Raises:
        TimeoutError: others are measuring effects right now.
    """
    if read.panel is None:
        return read.report
    verdict = measure_apart(read.panel)
    return replace(read.report, effect={name: verdict[name] for name in WITHOUT_SITES})


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A report without its effect, and what that is measured from; None where nothing was dropped."""

    report: AnnualReport
    panel: Panel | None


def read_annual_report(connection: Connection, year: int, *, authority_id: int, now: datetime.datetime) -> Unmeasured:
    """Return the report of a year that is over, but for the effect.

    Raises:
        PeriodToComeError, YearNotOverError: the year has not begun, or is not over.
        NothingInYearError: no bin stood anywhere in it.
    """
    tenant: Any = {"authority_id": authority_id}
    timezone = get_timezone(connection, **tenant)
    when: Any = {**tenant, "timezone": timezone, "now": now}
    period = Period(datetime.date(year, 1, 1), datetime.date(year, 12, 31))
    today = now.astimezone(timezone).date()
    period.require_begun(today)
    if period.last_day >= today:
        raise YearNotOverError(year)
    figures = get_figures(connection, Question(period, "month"), **when)
    [total] = figures.totals
    if not total.coverage.bins:
        raise NothingInYearError(year)
    published = read_published_year(connection, year, **tenant)
    in_communes = get_figures(connection, Question(period, "year", "commune"), **when)
    facts = get_authority_facts(connection, **tenant)
    took_part = find_participation(connection, period, authority_id=authority_id, timezone=timezone)
    amount = published.get("authority", "", name=facts.name)
    communes = list_communes(
        in_communes, published, count_sites(connection, period, timezone, authority_id=authority_id)
    )
    is_told = took_part is not None and bool(took_part.holders)
    materials = published.list_materials()
    glass = published.get("authority", "", GLASS)
    panel = read_panel_of(connection, materials, period, when)
    report = AnnualReport(
        year=year,
        authority=facts.name,
        slug=facts.slug,
        is_simulated=facts.is_simulated,
        timezone=timezone.key,
        publication=published.publication,
        territory=describe_territory(total, communes, known_of(total.figures)),
        total=amount,
        kg_per_inhabitant=per_inhabitant(amount, list(in_communes.cells), published),
        materials=tuple(materials),
        communes=communes,
        months=tuple(describe_month(cell, published) for cell in figures.cells),
        before=describe_before(
            connection, year, amount, compare_with_year_before(connection, figures, **when)[-1, "", None], authority_id
        ),
        beside=find_beside(connection, year, per_inhabitant(glass, list(in_communes.cells), published), when),
        participation=describe_participation(took_part, amount),
        refusal_pct=round_known(known_of(total.figures)["refusal_pct"], 1) if is_told else None,
        points=describe_points(connection, period, amount, known_of(total.figures), when) if is_told else NO_POINTS,
        worth=describe_worth(glass, figures),
        weighed=tuple(sum_balances(list_balances(connection, period, **tenant), materials)) if is_told else (),
        lacking=describe_lacking(total, figures),
        effect_material=None if panel is None else panel.material,
        effect=None,
    )
    return Unmeasured(report, panel)


NO_POINTS = Points(None, None, None, (), "withheld", None, None, None)


def round_known(value: Any, digits: int) -> float | None:
    """Return a figure rounded so far that late deposits cannot be seen in it."""
    return None if value is None else round(float(value), digits)


def whole_pct(share: float | None) -> int | None:
    """Return a share in whole percents."""
    return None if share is None else round(100 * share)


def count_sites(connection: Connection, period: Period, timezone: ZoneInfo, *, authority_id: int) -> dict[str, int]:
    """Return at how many sites of each commune a bin stood."""
    first_instant, last_instant = period.instants(timezone)
    values = {"authority_id": authority_id, "first_instant": first_instant, "last_instant": last_instant}
    return {row.insee_code: row.sites for row in connection.execute(COUNT_SITES, values)}


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


def describe_month(cell: Cell, published: PublishedYear) -> MonthOfYear:
    """Return a month as published, or why it is not told; a silent month of bins is unknown, not zero."""
    coverage, found = cell.coverage, published.months.get(cell.step.first_day)
    told: Told = "not_published" if found is None else found.told
    if not coverage.bins_reporting:
        told, found = ("nothing_reported" if coverage.bins else "no_bin"), None
    mass_g = None if found is None else found.mass_g
    return MonthOfYear(cell.step.first_day, told, mass_g, coverage.bins, coverage.bins_reporting)


def describe_before(
    connection: Connection, year: int, amount: Amount, comparison: Comparison, authority_id: int
) -> YearBefore:
    """Return the year before, and by how much masses a day changed where like is like; both as published."""
    before = read_published_year(connection, year - 1, authority_id=authority_id)
    found = before.get("authority", "")
    mass_g = found.mass_g if before.publication.basis == "year" else None
    if comparison.reason is not None:
        return YearBefore(year - 1, mass_g, None, comparison.reason)
    if not mass_g or amount.mass_g is None or comparison.before is None:
        return YearBefore(year - 1, mass_g, None, "not_published")
    days, days_before = (datetime.date(each, 12, 31).timetuple().tm_yday for each in (year, year - 1))
    change_pct = round(100 * (amount.mass_g * days_before / (mass_g * days) - 1), 1)
    return YearBefore(year - 1, mass_g, change_pct, None)


def find_beside(connection: Connection, year: int, by_bins: float | None, when: dict[str, Any]) -> Beside | None:
    """Return glass beside that of others: the one material of bins of which references are known."""
    try:
        found = compare(connection, GLASS, year, **when)
    except PeriodToComeError:  # pragma: no cover (the year is over)
        return None
    capture = get_capture(connection, GLASS, year, authority_id=when["authority_id"])
    return Beside(GLASS, by_bins, found.own, found.references, capture.capture_pct, capture.missing)


def find_participation(
    connection: Connection, period: Period, *, authority_id: int, timezone: ZoneInfo
) -> Participation | None:
    """Return who took part in the year, with small counts withheld; None where nobody was counted."""
    found = list_participation(
        connection,
        authority_id=authority_id,
        timezone=timezone.key,
        granularity="year",
        level="authority",
        first_day=period.first_day,
        last_day=period.last_day,
    )
    return found[0] if found else None


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


def read_panel_of(
    connection: Connection, materials: list[Amount], period: Period, when: dict[str, Any]
) -> Panel | None:
    """Return what the effect up to the end of the year is measured from: of glass, else the heaviest material."""
    names = [each.material for each in materials]
    if not names:
        return None
    asked = EffectAsked(GLASS if GLASS in names else names[0], period.last_day)
    chosen = choose_sites(connection, asked, **when)
    return read_panel(connection, asked, chosen, authority_id=when["authority_id"], timezone=when["timezone"])


def describe_points(
    connection: Connection, period: Period, amount: Amount, known: dict[str, Any], when: dict[str, Any]
) -> Points:
    """Return points and money of the year; issued points as published."""
    authority_id = when["authority_id"]
    funders = list_funders(connection, period.first_day.year, authority_id=authority_id)
    paid = pool_small(funders)
    _, last_instant = period.instants(when["timezone"])
    owed = get_liability(connection, authority_id=authority_id, now=when["now"], as_of=last_instant)
    return Points(
        issued=amount.points,
        redeemed=known["points_redeemed"],
        expired=known["points_expired"],
        paid=paid,
        paid_told="told" if paid else "withheld" if funders else "nothing_locked",
        paid_cents=sum(each.payable_cents for each in paid) if paid else None,
        owed_cents=owed.total_cents,
        owed_expected_cents=None
        if owed.expected_cents is None
        else owed.expected_cents + owed.vouchers_cents + owed.unsettled_cents + owed.unpaid_cents,
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
