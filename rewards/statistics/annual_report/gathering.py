"""Gathering the facts of a year, each from where it is at home; a fixed number of statements, whatever there is."""

import datetime
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.liability import get_liability
from rewards.mass_balance import list_balances
from rewards.statistics.annual_report.describing import (
    describe_lacking,
    describe_month,
    describe_participation,
    describe_territory,
    describe_worth,
    list_communes,
    per_inhabitant,
    round_known,
    sum_balances,
)
from rewards.statistics.annual_report.facts import (
    Amount,
    AnnualReport,
    Beside,
    Points,
    YearBefore,
)
from rewards.statistics.annual_report.money import list_funders, pool_small
from rewards.statistics.annual_report.published import read_published_year
from rewards.statistics.annual_report.refusals import NothingInYearError, YearNotOverError
from rewards.statistics.effect.apart import measure_apart
from rewards.statistics.effect.asking import EffectAsked, choose_sites
from rewards.statistics.effect.panel import Panel
from rewards.statistics.effect.reading import read_panel
from rewards.statistics.figures import Question, get_figures
from rewards.statistics.figures.comparing import Comparison, compare_with_year_before
from rewards.statistics.figures.rows import known_of
from rewards.statistics.participation.shares import Participation, list_participation
from rewards.statistics.periods import Period, PeriodToComeError
from rewards.statistics.references.comparing import compare
from rewards.statistics.tonnages.collected import get_capture
from rewards.territory import get_authority_facts, get_timezone

GLASS = "glass"
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
        before=find_before(
            connection, year, amount, compare_with_year_before(connection, figures, **when)[-1, "", None], authority_id
        ),
        beside=find_beside(connection, year, per_inhabitant(glass, list(in_communes.cells), published), when),
        participation=describe_participation(took_part, amount),
        refusal_pct=round_known(known_of(total.figures)["refusal_pct"], 1) if is_told else None,
        points=find_points(connection, period, amount, known_of(total.figures), when) if is_told else NO_POINTS,
        worth=describe_worth(glass, figures),
        weighed=tuple(sum_balances(list_balances(connection, period, **tenant), materials)) if is_told else (),
        lacking=describe_lacking(total, figures),
        effect_material=None if panel is None else panel.material,
        effect=None,
    )
    return Unmeasured(report, panel)


NO_POINTS = Points(None, None, None, (), "withheld", None, None, None)


def count_sites(connection: Connection, period: Period, timezone: ZoneInfo, *, authority_id: int) -> dict[str, int]:
    """Return at how many sites of each commune a bin stood."""
    first_instant, last_instant = period.instants(timezone)
    values = {"authority_id": authority_id, "first_instant": first_instant, "last_instant": last_instant}
    return {row.insee_code: row.sites for row in connection.execute(COUNT_SITES, values)}


def find_before(
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


def find_points(
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
