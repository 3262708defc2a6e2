"""Exact linear algebra over what is published: which withheld cells follow from it.

A withheld cell is determined if and only if its unit vector lies in the row space of the published equations, that is,
if a row of their reduced echelon form has nothing but that cell.
"""

from collections import defaultdict
from dataclasses import dataclass

from rewards.statistics.disclosure.lines import Withheld
from rewards.statistics.disclosure.tables import Table

PRIME = 2**61 - 1
"""Whole numbers modulo a large prime: exact, but for a minor that it divides, which sums of ones do not bring about."""


@dataclass(frozen=True, slots=True)
class Component:
    """Withheld cells that equations tie together, and those equations, without what is published in them."""

    cells: tuple[int, ...]
    sums: tuple[int, ...]


def list_components(table: Table, withheld: Withheld) -> list[Component]:
    """List what can be looked at by itself: no published equation ties a cell of one to a cell of another."""
    root = {place: place for place in withheld}

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    tied: list[tuple[int, int]] = []
    for number, line in enumerate(table.sums):
        hidden = [member for member in line.members if member in withheld]
        if hidden:
            tied.append((number, hidden[0]))
            for member in hidden[1:]:
                root[find(member)] = find(hidden[0])
    cells, sums = defaultdict(list), defaultdict(list)
    for place in sorted(withheld):
        cells[find(place)].append(place)
    for number, member in tied:
        sums[find(member)].append(number)
    return [Component(tuple(cells[each]), tuple(sums[each])) for each in cells]


def list_determined(table: Table, component: Component, withheld: Withheld) -> list[int]:
    """List the withheld cells that anybody can work out."""
    pivots: dict[int, dict[int, int]] = {}
    for number in component.sums:
        line = table.sums[number]
        row = {part: PRIME - 1 for part in line.parts if part in withheld}
        if line.total in withheld:
            row[line.total] = 1
        reduce_by(row, pivots)
        if row:
            lead = min(row)
            inverse = pow(row[lead], -1, PRIME)
            row = {place: value * inverse % PRIME for place, value in row.items()}
            for other in pivots.values():
                if lead in other:
                    subtract(other, row, other[lead])
            pivots[lead] = row
    return sorted(lead for lead, row in pivots.items() if len(row) == 1)


def reduce_by(row: dict[int, int], pivots: dict[int, dict[int, int]]) -> None:
    """Take every row with a pivot out of a row."""
    for lead in [place for place in row if place in pivots]:
        if lead in row:
            subtract(row, pivots[lead], row[lead])


def subtract(row: dict[int, int], other: dict[int, int], times: int) -> None:
    """Subtract a row so many times, in place."""
    for place, value in other.items():
        left = (row.get(place, 0) - times * value) % PRIME
        if left:
            row[place] = left
        else:
            row.pop(place, None)
