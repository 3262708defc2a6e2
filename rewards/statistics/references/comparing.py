"""Kilograms per inhabitant beside those of the département, the région and the nation, weighted by who lives there."""

import datetime
from collections import Counter
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.statistics.populations import list_populations, sum_populations
from rewards.statistics.references.by_bins import TakenByBins, find_taken_by_bins
from rewards.statistics.references.regions import REGION_OF, REGIONS, department_of
from rewards.statistics.tonnages.collected import Collected, get_collected

Level = Literal["authority", "department", "region", "nation"]
NATION = "FR"
NEARLY_ALL = 0.9

LIST = text("""
    SELECT year, department, stream, mass_g, population, source FROM reference_tonnages
     WHERE stream = :stream
     ORDER BY year, department
""")
PAGE = text("""
    SELECT year, department, stream, mass_g, population, source FROM reference_tonnages
     WHERE (CAST(:stream AS text) IS NULL OR stream = :stream) AND (CAST(:year AS integer) IS NULL OR year = :year)
       AND (CAST(:after_year AS integer) IS NULL
            OR (year, department, stream) > (:after_year, CAST(:after_department AS text), CAST(:after_stream AS text)))
     ORDER BY year, department, stream LIMIT :limit
""")
Key = tuple[int, str, str]
Territory = tuple[Level, str, str, tuple[str, ...]]
"""(level, code, name, its départements)."""


@dataclass(frozen=True, slots=True)
class ListedReference:
    """What a département collected of a stream in a year."""

    year: int
    department: str
    stream: str
    mass_g: int
    population: int
    source: str

    @property
    def key(self) -> Key:
        """What references are listed by."""
        return (self.year, self.department, self.stream)

    @property
    def kg_per_inhabitant(self) -> float:
        """Kilograms per inhabitant and year."""
        return self.mass_g / 1000 / self.population


@dataclass(frozen=True, slots=True)
class Reference:
    """Kilograms per inhabitant of a territory in a year; None, and ``missing`` says why.

    ``departments`` of the ``departments_in_all`` it has are in it: a sum of some is told as such. ``population`` is who
    lives in those, ``population_years`` the census years it is of (of a reference: its own year).
    """

    level: Level
    code: str
    name: str
    year: int
    kg_per_inhabitant: float | None
    mass_g: int | None
    population: int | None
    population_years: tuple[int, ...]
    departments: int
    departments_in_all: int
    sources: tuple[str, ...]
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The authority's own figure of ``year`` and the references of ``reference_year``, ``years_apart`` from it.

    ``own`` is of its tonnages; ``by_bins`` of what bins took, which is a part of it.
    """

    stream: str
    year: int
    reference_year: int | None
    years_apart: int | None
    own: Reference
    by_bins: TakenByBins | None
    references: tuple[Reference, ...]


def compare(
    connection: Connection, stream: str, year: int, *, authority_id: int, timezone: ZoneInfo, now: datetime.datetime
) -> Comparison:
    """Compare what the authority collected of a stream in a year with what is known nearest to that year."""
    own = own_figure(connection, get_collected(connection, stream, year, authority_id=authority_id), authority_id)
    by_bins = find_taken_by_bins(connection, stream, year, authority_id=authority_id, timezone=timezone, now=now)
    rows = [ListedReference(*row) for row in connection.execute(LIST, {"stream": stream})]
    if not rows:
        return Comparison(stream, year, None, None, own, by_bins, ())
    communes = list_populations(connection, authority_id=authority_id, year=year)
    departments = sorted({department_of(each.insee_code) for each in communes})
    regions = sorted({REGION_OF[code] for code in departments if code in REGION_OF})
    wanted: list[Territory] = [
        *(("department", code, code, (code,)) for code in departments),
        *(("region", code, *REGIONS[code]) for code in regions),
        ("nation", NATION, "France", tuple(REGION_OF)),
    ]
    found = tuple(sum_departments(rows, territory, choose_year(rows, territory[3], year)) for territory in wanted)
    of_nation = found[-1].year
    return Comparison(stream, year, of_nation, abs(year - of_nation), own, by_bins, found)


def choose_year(rows: list[ListedReference], departments: tuple[str, ...], year: int) -> int:
    """Return the year nearest to ``year`` in which nearly as many of the départements are as in the fullest one.

    A year of which somebody has a few départements must not stand for the nation. Of two as near, the later.
    """
    counts = Counter(row.year for row in rows if row.department in departments) or Counter(row.year for row in rows)
    enough = NEARLY_ALL * max(counts.values())
    return min((each for each, count in counts.items() if count >= enough), key=lambda each: (abs(each - year), -each))


def sum_departments(rows: list[ListedReference], territory: Territory, year: int) -> Reference:
    """Return a territory's figure: the sum of masses by the sum of inhabitants, never a mean of means."""
    level, code, name, departments = territory
    among = [row for row in rows if row.department in departments and row.year == year]
    mass_g, population = sum(row.mass_g for row in among), sum(row.population for row in among)
    sources = tuple(sorted({row.source for row in among}))
    counted = (len(among), len(departments))
    if not among:
        return Reference(level, code, name, year, None, None, None, (), *counted, (), "not_published")
    return Reference(
        level, code, name, year, mass_g / 1000 / population, mass_g, population, (year,), *counted, sources
    )


def own_figure(connection: Connection, collected: Collected, authority_id: int) -> Reference:
    """Return what the authority collected by its inhabitants, or what is missing for it."""
    people = sum_populations(list_populations(connection, authority_id=authority_id, year=collected.year))
    missing = collected.missing or (None if people.population else "population_unknown")
    kg = None
    if collected.mass_g is not None and people.population is not None:
        kg = collected.mass_g / 1000 / people.population
    return Reference(
        "authority",
        "",
        "",
        collected.year,
        kg,
        collected.mass_g,
        people.population,
        people.years,
        0,
        0,
        collected.sources,
        missing,
    )


def list_references(
    connection: Connection,
    *,
    stream: str | None = None,
    year: int | None = None,
    after: Key | None = None,
    limit: int = 500,
) -> list[ListedReference]:
    """List what départements collected, by year, département and stream, those behind ``after``."""
    after_year, after_department, after_stream = after or (None, None, None)
    values = {"stream": stream, "year": year, "limit": limit}
    named = {"after_year": after_year, "after_department": after_department, "after_stream": after_stream}
    return [ListedReference(*row) for row in connection.execute(PAGE, {**values, **named})]
