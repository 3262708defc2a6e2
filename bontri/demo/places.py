"""The real places of the demo: communes and glass columns of Plaine Commune (origin: ``data/README.md``)."""

import csv
import random
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from rewards.statistics.references.sinoe import DepartmentTonnage, read_sinoe
from rewards.territory import NewSite

POPULATION_YEAR = 2021

ALIASES = {
    "pierrefitte-sur-seine": "saint-denis",  # one commune with Saint-Denis since 2025
    "saint-ouen-sur-seine-sur-seine": "saint-ouen-sur-seine",  # as published
}


@dataclass(frozen=True, slots=True)
class Place:
    """A commune with its population."""

    insee_code: str
    name: str
    population: int


def list_communes() -> list[Place]:
    """List the eight communes in the order of the file."""
    return [
        Place(row["insee_code"], row["name"], int(row["population"])) for row in rows_of("plaine_commune_communes.csv")
    ]


def list_columns() -> list[NewSite]:
    """List the glass columns in the order of the file, each in its commune of today."""
    codes = {fold(place.name): place.insee_code for place in list_communes()}
    sites = []
    for row in rows_of("plaine_commune_glass_columns_2025.csv"):
        town = fold(row["ville"])
        sites.append(
            NewSite(
                reference=row["identifiant_unique"],
                insee_code=codes[ALIASES.get(town, town)],
                address=row["adresse"],
                latitude=float(row["latitude"]),
                longitude=float(row["longitude"]),
            )
        )
    return sites


def bin_id_of(number: int) -> str:
    """Return the id of the bin of a column, by its number in the file, from 1."""
    return f"PLC-{number:05}"


def mix(bin_ids: Sequence[str]) -> list[str]:
    """Shuffle bins, always in the same way: columns are listed by commune, and every commune is to have some."""
    return random.Random(0).sample(bin_ids, len(bin_ids))  # noqa: S311 (chosen, not secret)


def list_references() -> list[DepartmentTonnage]:
    """List what départements collected in 2009 to 2017, real too, in the order of the file."""
    return read_sinoe(read_data("sinoe_household_waste_2009_2017.csv")).rows


def fold(name: str) -> str:
    """Return a name without accents and capitals, as the two files spell communes differently."""
    decomposed = unicodedata.normalize("NFD", name.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def rows_of(name: str) -> Iterator[dict[str, str]]:
    """Read a CSV file of the demo's data."""
    yield from csv.DictReader(read_data(name).decode().splitlines())


def read_data(name: str) -> bytes:
    """Return a file of the demo's data."""
    return (files("bontri.demo") / "data" / name).read_bytes()
