"""The places figures are told of: the authority, its communes with their populations, its sites, its bins."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.fleet.refusals import BinMissingError, SiteMissingError
from rewards.shop_register import CommuneUnknownError
from rewards.statistics.figures.questions import Question
from rewards.statistics.populations import CommunePopulation, Inhabitants, list_populations, sum_populations
from rewards.statistics.unit_masses import check_material

SITES = text("""
    SELECT s.site_id, s.reference, s.insee_code, s.address, s.latitude, s.longitude FROM sites s
     WHERE s.authority_id = :authority_id
       AND (CAST(:insee_code AS text) IS NULL OR s.insee_code = :insee_code)
       AND (CAST(:site AS text) IS NULL OR s.reference = :site)
     ORDER BY s.reference, s.site_id
""")
BINS = text("""
    SELECT b.bin_id FROM bins b
     WHERE b.authority_id = :authority_id AND (CAST(:bin_id AS text) IS NULL OR b.bin_id = :bin_id)
     ORDER BY b.bin_id
""")
NAMED = text("""
    SELECT EXISTS (SELECT FROM communes WHERE authority_id = :authority_id AND insee_code = :insee_code) AS has_commune,
           EXISTS (SELECT FROM sites WHERE authority_id = :authority_id AND reference = :site) AS has_site,
           EXISTS (SELECT FROM bins WHERE authority_id = :authority_id AND bin_id = :bin_id) AS has_bin
""")
MATERIALS = text("SELECT material FROM materials WHERE authority_id = :authority_id ORDER BY material")


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the level asked for; ``unit`` is what statements call it. What it is not part of is None."""

    unit: str
    insee_code: str | None = None
    commune: str | None = None
    site: str | None = None
    site_id: UUID | None = None
    bin_id: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Territory:
    """The places asked for, in order, the communes they may lie in by year, and the materials."""

    places: list[Place]
    communes: Mapping[int, Mapping[str, CommunePopulation]]
    materials: list[str]

    def population_of(self, insee_codes: Iterable[str], *, year: int) -> Inhabitants:
        """Return the inhabitants of communes together, of the census to use for a figure of ``year``."""
        of_year = self.communes[year]
        return sum_populations([of_year[insee_code] for insee_code in insee_codes if insee_code in of_year])

    def inhabitant_days_of(self, days: Mapping[str, int], *, year: int) -> int | None:
        """Return the inhabitants of communes by the days of each, summed; None where one has no population."""
        of_year = self.communes[year]
        populations = [
            (of_year[insee_code].population, number) for insee_code, number in days.items() if insee_code in of_year
        ]
        if not populations or any(population is None for population, _ in populations):
            return None
        return sum(population * number for population, number in populations if population is not None)


def check_place(
    connection: Connection,
    *,
    authority_id: int,
    insee_code: str | None = None,
    site: str | None = None,
    bin_id: str | None = None,
) -> None:
    """Raise unless what is named is there: a list of nothing would say that nothing happened there.

    Raises:
        CommuneUnknownError, SiteMissingError, BinMissingError: the authority has no such place.
    """
    named = {"insee_code": insee_code, "site": site, "bin_id": bin_id}
    if not any(named.values()):
        return
    has = connection.execute(NAMED, {"authority_id": authority_id, **named}).one()
    if insee_code is not None and not has.has_commune:
        raise CommuneUnknownError(insee_code)
    if site is not None and not has.has_site:
        raise SiteMissingError(site)
    if bin_id is not None and not has.has_bin:
        raise BinMissingError(bin_id)


def get_territory(
    connection: Connection, question: Question, *, authority_id: int, years: Collection[int]
) -> Territory:
    """Return the places a question is about, after making sure that what it names is there.

    ``years`` are those the populations are wanted of.

    Raises:
        CommuneUnknownError, SiteMissingError, BinMissingError, MaterialUnknownError: it names something unknown.
    """
    of_authority = {"authority_id": authority_id}
    check_place(connection, **of_authority, insee_code=question.insee_code, site=question.site, bin_id=question.bin_id)
    if question.material is not None:
        check_material(connection, question.material, **of_authority)
    values = {**of_authority, **question.filters}
    communes = {
        year: {
            each.insee_code: each
            for each in list_populations(connection, **of_authority, year=year, insee_code=question.insee_code)
        }
        for year in years
    }
    known = communes[max(years)]
    sites = connection.execute(SITES, values).all()
    bins = list(connection.scalars(BINS, values))
    names = {insee_code: each.commune for insee_code, each in known.items()}
    if question.level == "authority":
        places = [Place("")]
    elif question.level == "commune":
        places = [Place(insee_code, insee_code, name) for insee_code, name in names.items()]
    elif question.level == "site":
        places = [
            Place(str(row.site_id), row.insee_code, names[row.insee_code], row.reference, row.site_id, None, *row[3:])
            for row in sites
        ]
    else:
        places = [Place(bin_id, bin_id=bin_id) for bin_id in bins]
    materials = list(connection.scalars(MATERIALS, of_authority)) if question.material is None else [question.material]
    return Territory(places, communes, materials)
