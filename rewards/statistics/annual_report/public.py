"""The public report of a year that was published, for everybody: what French law asks for, from published cells alone.

Beside them stands what anybody can see or read: which bins stood where, and how many people live there. Agents' report
(``gathering.py``) also tells of today: who reported, refusals, effect, points, money. None of that was published, and
what of it changes from one day to the next would tell of deposits that came in since; so it is not read here at all.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from rewards.statistics.annual_report.describing import without_accents
from rewards.statistics.annual_report.facts import LAW, Amount, Publication, Told
from rewards.statistics.annual_report.published import PublishedYear, read_published_year
from rewards.statistics.figures.presences import STAYS
from rewards.statistics.populations import CommunePopulation, list_populations, sum_populations
from rewards.territory import get_authority_facts, get_timezone

# As coverage counts days served: from the day the first bin was brought to the last of one. Without a commune it is the
# whole, in which a bin that was moved counts once.
SERVED = text(f"""
    SELECT s.insee_code, count(DISTINCT s.bin_id) AS bins, count(DISTINCT s.site_id) AS sites,
           LEAST(max(s.last_day), :last_day) - GREATEST(min(s.brought_on), :first_day) + 1 AS days
      FROM ({STAYS.format(is_there="")}) AS s
      JOIN communes c ON c.authority_id = :authority_id AND c.insee_code = s.insee_code
     GROUP BY ROLLUP (s.insee_code)
""")


@dataclass(frozen=True, slots=True)
class Served:
    """Bins that stood in a commune in the year, at how many sites, and the days from the first to the last of them."""

    insee_code: str | None
    bins: int
    sites: int
    days: int


@dataclass(frozen=True, slots=True)
class PublicMonth:
    """A month of the whole authority as it was published."""

    month: datetime.date
    told: Told
    mass_g: int | None


@dataclass(frozen=True, slots=True)
class PublicMaterial:
    """What was dropped of a material, and per inhabitant served."""

    amount: Amount
    kg_per_inhabitant: float | None


@dataclass(frozen=True, slots=True)
class PublicCommune:
    """A commune with its bins, and what was dropped there of all materials."""

    insee_code: str
    name: str
    population: int | None
    bins: int
    sites: int
    amount: Amount
    kg_per_inhabitant: float | None


@dataclass(frozen=True, slots=True)
class PublicYearBefore:
    """The year before as it was published. No change is told: which bins reported all the time was not published."""

    year: int
    mass_g: int | None
    kg_per_inhabitant: float | None


@dataclass(frozen=True, slots=True)
class PublicReport:
    """All of it; ``population`` is of the communes with bins, None where one has none. None is never zero."""

    year: int
    authority: str
    slug: str
    is_simulated: bool
    publication: Publication
    published_at: datetime.datetime
    total: Amount
    kg_per_inhabitant: float | None
    materials: tuple[PublicMaterial, ...]
    months: tuple[PublicMonth, ...]
    communes: tuple[PublicCommune, ...]
    population: int | None
    population_years: tuple[int, ...]
    population_sources: tuple[str, ...]
    bins: int
    sites: int
    before: PublicYearBefore | None
    law: str = LAW

    @property
    def communes_equipped(self) -> int:
        """How many communes had a bin."""
        return sum(each.bins > 0 for each in self.communes)


def find_public_report(
    connection: Connection, year: int, *, authority_id: int, now: datetime.datetime
) -> PublicReport | None:
    """Find the report of a year; None unless the year as a whole was published. A fixed number of statements."""
    tenant: Any = {"authority_id": authority_id}
    published = read_published_year(connection, year, **tenant)
    if published.publication.basis != "year" or published.publication.published_at is None:
        return None
    facts = get_authority_facts(connection, **tenant)
    whole, served = list_served(connection, year, now=now, **tenant)
    populations = {each.insee_code: each for each in list_populations(connection, **tenant, year=year)}
    equipped = sum_populations([populations[code] for code in served if code in populations])
    total = published.get("authority", "", name=facts.name)
    return PublicReport(
        year=year,
        authority=facts.name,
        slug=facts.slug,
        is_simulated=facts.is_simulated,
        publication=published.publication,
        published_at=published.publication.published_at,
        total=total,
        kg_per_inhabitant=per_inhabitant(total, year, served, populations),
        materials=tuple(
            PublicMaterial(each, per_inhabitant(each, year, served, populations)) for each in published.list_materials()
        ),
        months=list_months(published, year),
        communes=list_communes(published, year, served, populations),
        population=equipped.population,
        population_years=equipped.years,
        population_sources=equipped.sources,
        bins=whole.bins,
        sites=whole.sites,
        before=find_year_before(connection, year - 1, now=now, **tenant),
    )


def list_served(
    connection: Connection, year: int, *, authority_id: int, now: datetime.datetime
) -> tuple[Served, Mapping[str, Served]]:
    """Return where bins stood in a year: the whole, and by INSEE code the communes that had one."""
    timezone = get_timezone(connection, authority_id=authority_id)
    values = {
        "authority_id": authority_id,
        "timezone": timezone.key,
        "today": now.astimezone(timezone).date(),
        "first_day": datetime.date(year, 1, 1),
        "last_day": datetime.date(year, 12, 31),
        "bin_id": None,
    }
    found = {row.insee_code: Served(*row) for row in connection.execute(SERVED, values)}
    return found.pop(None), found


def per_inhabitant(
    amount: Amount, year: int, served: Mapping[str, Served], populations: Mapping[str, CommunePopulation]
) -> float | None:
    """Return kilograms per inhabitant and year of communes with bins, each for the days it was served. Pure.

    None where the mass is not told, no bin stood there, or a population is not known.
    """
    inhabitant_days = 0
    for code, each in served.items():
        population = populations[code].population if code in populations else None
        if population is None:
            return None
        inhabitant_days += population * each.days
    if amount.mass_g is None or not inhabitant_days:
        return None
    days = datetime.date(year, 12, 31).timetuple().tm_yday
    return round(amount.mass_g / 1000 * days / inhabitant_days, 3)


def list_months(published: PublishedYear, year: int) -> tuple[PublicMonth, ...]:
    """List the twelve months."""
    months = []
    for month in (datetime.date(year, number, 1) for number in range(1, 13)):
        found = published.months.get(month)
        told: Told = "not_published" if found is None else found.told
        months.append(PublicMonth(month, told, None if found is None else found.mass_g))
    return tuple(months)


def list_communes(
    published: PublishedYear, year: int, served: Mapping[str, Served], populations: Mapping[str, CommunePopulation]
) -> tuple[PublicCommune, ...]:
    """List the communes by name, those without bins too."""
    communes = []
    for code, each in populations.items():
        here = {code: served[code]} if code in served else {}
        amount = published.get("commune", code, name=each.commune)
        communes.append(
            PublicCommune(
                insee_code=code,
                name=each.commune,
                population=each.population,
                bins=here[code].bins if here else 0,
                sites=here[code].sites if here else 0,
                amount=amount,
                kg_per_inhabitant=per_inhabitant(amount, year, here, populations),
            )
        )
    return tuple(sorted(communes, key=lambda each: (without_accents(each.name), each.insee_code)))


def find_year_before(
    connection: Connection, year: int, *, authority_id: int, now: datetime.datetime
) -> PublicYearBefore | None:
    """Find the year before; None unless it was published as a whole."""
    published = read_published_year(connection, year, authority_id=authority_id)
    if published.publication.basis != "year":
        return None
    _, served = list_served(connection, year, authority_id=authority_id, now=now)
    populations = {each.insee_code: each for each in list_populations(connection, authority_id=authority_id, year=year)}
    total = published.get("authority", "")
    return PublicYearBefore(year, total.mass_g, per_inhabitant(total, year, served, populations))
