"""Setting an authority up: the tenant, its communes, materials and sites."""

import datetime
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, text, update

from rewards.ids import new_id
from rewards.languages import Language
from rewards.ledger.authority_accounts import KINDS, open_authority_account
from rewards.schema.assumptions import UnitMass
from rewards.schema.shops import Funder
from rewards.schema.territory import Authority, Commune, Material, Population, Site

FIRST_MONTH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""Before anything that has figures."""

COMMUNES = text("""
    SELECT c.insee_code, c.name, p.population, p.year AS population_year
      FROM communes c
      LEFT JOIN LATERAL (SELECT population, year FROM populations
                          WHERE authority_id = c.authority_id AND insee_code = c.insee_code
                          ORDER BY year DESC LIMIT 1) AS p ON true
     WHERE c.authority_id = :authority_id AND (CAST(:after AS text) IS NULL OR c.insee_code > :after)
     ORDER BY c.insee_code LIMIT :limit
""")
MATERIALS = text("""
    SELECT material FROM materials
     WHERE authority_id = :authority_id AND (CAST(:after AS text) IS NULL OR material > :after)
     ORDER BY material LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ListedCommune:
    """A commune of the authority, with its newest ``population``, that of ``population_year``; None: not known."""

    insee_code: str
    name: str
    population: int | None
    population_year: int | None


@dataclass(frozen=True, slots=True)
class ListedMaterial:
    """A material the authority collects."""

    material: str


@dataclass(frozen=True, slots=True)
class AuthorityFacts:
    """What everything an authority shows begins with; ``is_simulated``: every figure of it is made up."""

    slug: str
    name: str
    is_simulated: bool


@dataclass(frozen=True, slots=True)
class NewSite:
    """A drop-off point to add; ``reference`` is the authority's own name for it."""

    reference: str
    insee_code: str
    address: str
    latitude: float
    longitude: float


def create_authority(
    connection: Connection,
    *,
    authority_id: int,
    slug: str,
    name: str,
    timezone: str,
    now: datetime.datetime,
    address: str = "",
    is_simulated: bool = False,
) -> None:
    """Add a tenant with its own accounts, the first funder. ``is_simulated`` marks every figure of it as not real."""
    connection.execute(
        insert(Authority).values(
            authority_id=authority_id,
            slug=slug,
            name=name,
            address=address,
            timezone=timezone,
            is_simulated=is_simulated,
            created_at=now,
        )
    )
    for kind in KINDS:
        open_authority_account(connection, kind, authority_id=authority_id, now=now)
    connection.execute(
        insert(Funder).values(authority_id=authority_id, funder_id=new_id(), kind="authority", name=name)
    )


def find_authority_id(connection: Connection, slug: str) -> int | None:
    """Find the tenant a slug names."""
    return connection.scalar(select(Authority.authority_id).where(Authority.slug == slug))


def change_address(connection: Connection, address: str, *, authority_id: int) -> None:
    """Write down where the authority is, as statements locked from now on show it; lines end with newlines."""
    connection.execute(update(Authority).where(Authority.authority_id == authority_id).values(address=address))


def change_language(connection: Connection, language: Language, *, authority_id: int) -> None:
    """Write down the language of letters to whoever has chosen none."""
    connection.execute(update(Authority).where(Authority.authority_id == authority_id).values(language=language))


def get_timezone(connection: Connection, *, authority_id: int) -> ZoneInfo:
    """Return the authority's time zone, in which its days, weeks and months begin."""
    timezone = select(Authority.timezone).where(Authority.authority_id == authority_id)
    return ZoneInfo(connection.execute(timezone).scalar_one())


def is_simulated(connection: Connection, *, authority_id: int) -> bool:
    """Tell whether every figure of the authority is made up."""
    simulated = select(Authority.is_simulated).where(Authority.authority_id == authority_id)
    return bool(connection.execute(simulated).scalar_one())


def get_authority_facts(connection: Connection, *, authority_id: int) -> AuthorityFacts:
    """Return an authority's names, and whether it is a real one."""
    facts = select(Authority.slug, Authority.name, Authority.is_simulated).where(Authority.authority_id == authority_id)
    return AuthorityFacts(*connection.execute(facts).one())


def add_commune(
    connection: Connection,
    *,
    authority_id: int,
    insee_code: str,
    name: str,
    population: int | None = None,
    population_year: int | None = None,
    source: str = "said when the commune was added",
) -> None:
    """Add a commune, with the population its figures are divided by and that figure's year where they are known."""
    commune = {"authority_id": authority_id, "insee_code": insee_code}
    connection.execute(insert(Commune).values(**commune, name=name))
    if population is not None:
        counted = {"year": population_year, "population": population, "source": source}
        connection.execute(insert(Population).values(**commune, **counted))


def add_materials(
    connection: Connection,
    unit_mass_g: dict[str, int | None],
    *,
    authority_id: int,
    source: str = "said when the material was added",
    now: datetime.datetime = FIRST_MONTH,
) -> None:
    """Declare the materials the authority collects, with the mass of one item in grams where one is known, for ever."""
    materials = [{"authority_id": authority_id, "material": material} for material in unit_mass_g]
    connection.execute(insert(Material), materials)
    masses = [
        {
            "authority_id": authority_id,
            "unit_mass_id": new_id(),
            "material": material,
            "valid_from": FIRST_MONTH.date(),
            "unit_mass_g": mass_g,
            "source": source,
            "set_at": now,
        }
        for material, mass_g in unit_mass_g.items()
        if mass_g is not None
    ]
    if masses:
        connection.execute(insert(UnitMass), masses)


def add_sites(connection: Connection, sites: Iterable[NewSite], *, authority_id: int) -> dict[str, UUID]:
    """Add drop-off points; return their ids by reference."""
    rows = [{"authority_id": authority_id, "site_id": new_id(), **asdict(site)} for site in sites]
    connection.execute(insert(Site), rows)
    return {row["reference"]: row["site_id"] for row in rows}


def find_sites(connection: Connection, references: Collection[str], *, authority_id: int) -> dict[str, UUID]:
    """Find the ids of an authority's sites by reference; unknown references are absent."""
    rows = connection.execute(
        select(Site.reference, Site.site_id).where(
            Site.authority_id == authority_id, Site.reference.in_(set(references))
        )
    )
    return {row.reference: row.site_id for row in rows}


def list_communes(
    connection: Connection, *, authority_id: int, after: str | None = None, limit: int = 500
) -> list[ListedCommune]:
    """List the communes by their INSEE code, those behind ``after``."""
    rows = connection.execute(COMMUNES, {"authority_id": authority_id, "after": after, "limit": limit})
    return [ListedCommune(*row) for row in rows]


def list_materials(
    connection: Connection, *, authority_id: int, after: str | None = None, limit: int = 500
) -> list[ListedMaterial]:
    """List the materials by name, those behind ``after``."""
    rows = connection.execute(MATERIALS, {"authority_id": authority_id, "after": after, "limit": limit})
    return [ListedMaterial(*row) for row in rows]
