"""What was dropped in a year, from the cells that were published: of the year, else summed over its months."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from rewards.statistics.annual_report.facts import Amount, Publication, Told
from rewards.statistics.publications.listing import PublishedCell, list_publications, list_published_cells

PUBLICATIONS_MAX, CELLS_MAX = 10_000, 100_000
Place = tuple[str, str, str]
"""(level, code, material)."""


@dataclass(frozen=True, slots=True)
class PublishedYear:
    """The amounts of a year by place, and of its months those of the whole authority."""

    publication: Publication
    amounts: Mapping[Place, Amount]
    months: Mapping[datetime.date, Amount]

    def get(self, level: str, code: str, material: str = "", *, name: str = "") -> Amount:
        """Return what was published of a place; where nothing was, that."""
        missing: Told = "not_published" if self.publication.basis == "nothing" else "no_bin"
        return self.amounts.get((level, code, material), Amount(code, name, material, missing))

    def list_materials(self) -> list[Amount]:
        """List the materials of the whole authority, the heaviest first, those that are withheld last."""
        found = [each for (level, _, material), each in self.amounts.items() if level == "authority" and material]
        return sorted(found, key=lambda each: (each.mass_g is None, -(each.mass_g or 0), each.material))


def read_published_year(connection: Connection, year: int, *, authority_id: int) -> PublishedYear:
    """Return what of a year may be told to anybody."""
    first_day, last_day = datetime.date(year, 1, 1), datetime.date(year, 12, 31)
    found = [
        each
        for each in list_publications(connection, authority_id=authority_id, limit=PUBLICATIONS_MAX)
        if first_day <= each.first_day <= last_day
    ]
    of_year = [each for each in found if each.granularity == "year"]
    of_months = [each for each in found if each.granularity == "month"]
    used = of_year or of_months
    publication = Publication(
        "year" if of_year else "months" if of_months else "nothing",
        tuple(each.first_day for each in of_months),
        max((each.published_at for each in used), default=None),
        sum(each.cells for each in used),
        sum(each.withheld for each in used),
    )
    cells: dict[str, list[PublishedCell]] = {"year": [], "month": []}
    for granularity, is_there in (("year", of_year), ("month", of_months)):
        for level in ("authority", "commune"):
            # Of months that add up to a published year only the whole is shown, month by month.
            if is_there and (granularity == "year" or not of_year or level == "authority"):
                cells[granularity] += list_published_cells(
                    connection,
                    authority_id=authority_id,
                    granularity=granularity,
                    first_day=first_day,
                    last_day=last_day,
                    level=level,
                    limit=CELLS_MAX,
                )
    months = {
        each.first_day: as_amount(each) for each in cells["month"] if (each.level, each.material) == ("authority", "")
    }
    if of_year:
        return PublishedYear(publication, {place_of(each): as_amount(each) for each in cells["year"]}, months)
    return PublishedYear(publication, sum_months(cells["month"]), months)


def place_of(cell: PublishedCell) -> Place:
    """Return where a cell is."""
    return cell.level, cell.code, cell.material


def as_amount(cell: PublishedCell) -> Amount:
    """Return a cell as the report tells it."""
    if cell.is_withheld:
        return Amount(cell.code, cell.name, cell.material, "withheld")
    told: Told = "told" if cell.mass_g is not None else "mass_unknown"
    return Amount(cell.code, cell.name, cell.material, told, cell.deposits, cell.mass_g, cell.points, cell.holders)


def sum_months(cells: Iterable[PublishedCell]) -> dict[Place, Amount]:
    """Return months added up by place: withheld where one of them is, and without holders, who come again.

    What is made of published cells alone tells nothing more than these do.
    """
    by_place: dict[Place, list[Amount]] = defaultdict(list)
    for cell in cells:
        by_place[place_of(cell)].append(as_amount(cell))
    return {place: add_up(amounts) for place, amounts in by_place.items()}


def add_up(amounts: Sequence[Amount]) -> Amount:
    """Return amounts of one place together."""
    first = amounts[0]
    if any(each.told == "withheld" for each in amounts):
        return Amount(first.code, first.name, first.material, "withheld")
    masses = [each.mass_g for each in amounts]
    known = [mass for mass in masses if mass is not None]
    is_known = len(known) == len(masses)
    return Amount(
        first.code,
        first.name,
        first.material,
        "told" if is_known else "mass_unknown",
        sum(each.deposits or 0 for each in amounts),
        sum(known) if is_known else None,
        sum(each.points or 0 for each in amounts),
    )
