"""How many inhabitants communes have, by year of the census: what a kilogram per inhabitant is divided by.

Two years of INSEE's figures differ by a percent and more, so each figure says which it was divided by.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

# The newest that was known of the year asked for; where all are younger, the oldest.
GET = text("""
    SELECT DISTINCT ON (c.insee_code) c.insee_code, c.name AS commune, p.population, p.year, p.source
      FROM communes c
      LEFT JOIN populations p ON p.authority_id = c.authority_id AND p.insee_code = c.insee_code
     WHERE c.authority_id = :authority_id AND (CAST(:insee_code AS text) IS NULL OR c.insee_code = :insee_code)
     ORDER BY c.insee_code, p.year > :year, CASE WHEN p.year > :year THEN p.year ELSE -p.year END
""")


@dataclass(frozen=True, slots=True)
class CommunePopulation:
    """The inhabitants of a commune (population municipale) in ``year``; all three None where none is known."""

    insee_code: str
    commune: str
    population: int | None
    year: int | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Inhabitants:
    """The inhabitants of some communes together.

    ``population`` is None, never a part of the sum, where one commune ``without`` (by INSEE code) has none. ``years``
    are the census years it was summed from, ``sources`` where they come from, both sorted.
    """

    population: int | None
    years: tuple[int, ...]
    sources: tuple[str, ...]
    without: tuple[str, ...]


def list_populations(
    connection: Connection, *, authority_id: int, year: int, insee_code: str | None = None
) -> list[CommunePopulation]:
    """List the communes by INSEE code with the inhabitants to use for a figure of ``year``.

    That is the newest census not after it, or where there is none the oldest there is.
    """
    values = {"authority_id": authority_id, "year": year, "insee_code": insee_code}
    return [CommunePopulation(*row) for row in connection.execute(GET, values)]


def sum_populations(communes: list[CommunePopulation]) -> Inhabitants:
    """Sum what can only be summed whole."""
    without = tuple(sorted(each.insee_code for each in communes if each.population is None))
    known = sum(each.population for each in communes if each.population is not None)
    return Inhabitants(
        population=known if communes and not without else None,
        years=tuple(sorted({each.year for each in communes if each.year is not None})),
        sources=tuple(sorted({each.source for each in communes if each.source is not None})),
        without=without,
    )
