"""A table to be published: cells on a fixed grid, and the sums that hold among them, which everybody knows.

The grid is month or year × authority, commune or site × all materials or one. What is not on it is never published.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Literal, NamedTuple

MEASURES = ("deposits", "items", "mass_g", "points")
ALL = ""
"""All materials together."""

Reason = Literal["primary", "complementary"]
"""Why a cell is withheld: fewer than eleven holders; or others could be had by difference from it."""


class Key(NamedTuple):
    """Where a cell is on the grid; ``code`` is '' for the authority, an INSEE code or a site's id."""

    granularity: str
    first_day: datetime.date
    level: str
    code: str
    material: str


class Leaf(NamedTuple):
    """What was dropped at a site in a month, of one material; ``mass_g`` None where it is not known."""

    site: str
    commune: str
    material: str
    deposits: int
    items: int
    mass_g: int | None
    points: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What was dropped, and by how many holders at least."""

    key: Key
    deposits: int
    items: int
    mass_g: int | None
    points: int
    holders: int


@dataclass(frozen=True, slots=True)
class Sum:
    """That cells add up to another, in every measure; by their places in the table."""

    total: int
    parts: tuple[int, ...]

    @property
    def members(self) -> tuple[int, ...]:
        """The total and its parts."""
        return (self.total, *self.parts)


@dataclass(frozen=True)
class Table:
    """Cells and the sums among them. ``decided`` are published or withheld (a reason) already, and stay so.

    ``commune_of`` says in which commune each site is.
    """

    cells: list[Cell]
    sums: list[Sum]
    decided: Mapping[int, Reason | None] = field(default_factory=dict)
    commune_of: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def sums_of(self) -> list[list[int]]:
        """The sums each cell is in."""
        found: list[list[int]] = [[] for _ in self.cells]
        for number, line in enumerate(self.sums):
            for member in line.members:
                found[member].append(number)
        return found

    def list_own(self) -> list[int]:
        """List the cells that are to be published now: those of the last period."""
        granularity = self.cells[-1].key.granularity
        return [place for place, cell in enumerate(self.cells) if cell.key.granularity == granularity]

    def may_withhold(self, place: int) -> bool:
        """Tell whether withholding a cell can hide anything: it is not decided, and not zero, which is no secret."""
        return place not in self.decided and self.cells[place].deposits > 0


class _Building:
    """Cells by key while a table is put together."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self.place_of: dict[Key, int] = {}
        self.sums: list[Sum] = []

    def add(self, key: Key, parts: Iterable[Cell | Leaf], holders: int) -> None:
        found = list(parts)
        masses = [each.mass_g for each in found]
        self.place_of[key] = len(self.cells)
        self.cells.append(
            Cell(
                key,
                sum(map(attrgetter("deposits"), found)),
                sum(map(attrgetter("items"), found)),
                None if None in masses else sum(mass or 0 for mass in masses),
                sum(map(attrgetter("points"), found)),
                holders,
            )
        )

    def add_sum(self, total: Key, parts: Iterable[Key]) -> None:
        # A site may have stood in months without a material that others had: what is absent is zero.
        places = tuple(self.place_of[part] for part in parts if part in self.place_of)
        if places and total in self.place_of:
            self.sums.append(Sum(self.place_of[total], places))

    def add_sums_of_grid(
        self, granularity: str, first_day: datetime.date, communes: Mapping[str, list[str]], materials: list[str]
    ) -> None:
        """Add sums of materials at each place, of sites in each commune, of communes."""

        def key(level: str, code: str, material: str) -> Key:
            return Key(granularity, first_day, level, code, material)

        sites = [("site", site) for each in communes.values() for site in each]
        for level, code in [("authority", ""), *(("commune", code) for code in communes), *sites]:
            self.add_sum(key(level, code, ALL), [key(level, code, material) for material in materials])
        for material in (ALL, *materials):
            self.add_sum(key("authority", "", material), [key("commune", code, material) for code in communes])
            for commune, inside in communes.items():
                self.add_sum(key("commune", commune, material), [key("site", site, material) for site in inside])


def build_month(
    first_day: datetime.date,
    leaves: Iterable[Leaf],
    *,
    commune_of: Mapping[str, str],
    materials: Iterable[str],
    holders: Mapping[tuple[str, str, str], int],
) -> Table:
    """Return the table of a month: every site of ``commune_of`` with every material, zero where nothing was dropped.

    ``holders`` are counts by (level, code, material); a cell without one has none that is known.
    """
    building, found = _Building(), list(leaves)
    names = sorted({*materials, *(leaf.material for leaf in found)})
    communes: defaultdict[str, list[str]] = defaultdict(list)
    for site, commune in sorted(commune_of.items()):
        communes[commune].append(site)
    dropped: defaultdict[tuple[str, str, str], list[Leaf]] = defaultdict(list)
    for leaf in found:
        for level, code in (("authority", ""), ("commune", leaf.commune), ("site", leaf.site)):
            for material in (ALL, leaf.material):
                dropped[level, code, material].append(leaf)
    places = [("authority", ""), *(("commune", code) for code in communes), *(("site", code) for code in commune_of)]
    for level, code in places:
        for material in (ALL, *names):
            cell = (level, code, material)
            building.add(Key("month", first_day, *cell), dropped[cell], holders.get(cell, 0))
    building.add_sums_of_grid("month", first_day, communes, names)
    return Table(building.cells, building.sums, commune_of=commune_of)


def build_year(
    year: int,
    months: Iterable[tuple[Cell, Reason | None]],
    *,
    commune_of: Mapping[datetime.date, Mapping[str, str]],
    holders: Mapping[tuple[str, str, str], int],
) -> Table:
    """Return the table of a year over its months as they were published, which are decided, shown or withheld.

    ``commune_of`` says for each month which sites were in which commune. Holders of a year are at least those of each
    of its months; ``holders`` are taken where there are more.
    """
    building = _Building()
    decided: dict[int, Reason | None] = {}
    first_day = datetime.date(year, 1, 1)
    of_year: defaultdict[tuple[str, str, str], list[Cell]] = defaultdict(list)
    materials: defaultdict[datetime.date, set[str]] = defaultdict(set)
    for cell, reason in months:
        decided[len(building.cells)] = reason
        building.place_of[cell.key] = len(building.cells)
        building.cells.append(cell)
        of_year[cell.key[2:]].append(cell)
        if cell.key.material != ALL:
            materials[cell.key.first_day].add(cell.key.material)
    for month, sites in commune_of.items():
        building.add_sums_of_grid("month", month, gather(sites), sorted(materials[month]))
    for place, parts in of_year.items():
        key = Key("year", first_day, *place)
        if all(decided[building.place_of[part.key]] is None for part in parts):
            decided[len(building.cells)] = None  # Whoever has all months has the year.
        building.add(key, parts, max(holders.get(place, 0), *(part.holders for part in parts)))
        building.add_sum(key, [part.key for part in parts])
    whole: dict[str, str] = {}
    moved: set[str] = set()
    for sites in commune_of.values():
        for site, commune in sites.items():
            if whole.get(site, commune) != commune:
                moved.add(site)
            whole[site] = commune
    if not moved:
        # Implied by the sums of the months; said once more, so that what is withheld is chosen well.
        building.add_sums_of_grid("year", first_day, gather(whole), sorted(set().union(*materials.values())))
    return Table(building.cells, building.sums, decided, whole)


def gather(commune_of: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the sites of each commune."""
    communes: defaultdict[str, list[str]] = defaultdict(list)
    for site, commune in sorted(commune_of.items()):
        communes[commune].append(site)
    return communes
