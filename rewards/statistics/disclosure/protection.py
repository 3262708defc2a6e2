"""Withholding and auditing by turns, until nothing withheld can be had from what is published."""

from collections.abc import Callable

from rewards.statistics.disclosure.determination import Component, list_components, list_determined
from rewards.statistics.disclosure.intervals import list_too_narrow
from rewards.statistics.disclosure.lines import Withheld, begin, choose, need_of, rank, withhold_along_lines
from rewards.statistics.disclosure.tables import Table

Tell = Callable[[int, int], object]
"""Is told how many groups of withheld cells have passed, of how many there are."""


class NotProtectableError(Exception):
    """Cells that were published before give something away, whatever is withheld now: a fault of the program."""


def protect(table: Table, tell: Tell = lambda passed, groups: None) -> Withheld:
    """Return which cells are withheld, and why, so that no withheld cell can be told but within a wide interval.

    Of 600 sites and 4 materials a month takes seconds, a year half a minute (docs/statistics.md).
    """
    withheld = begin(table)
    withhold_along_lines(table, withheld)
    passed: set[Component] = set()
    while True:
        groups = list_components(table, withheld)
        touched: list[int] = []
        for group in groups:
            if group not in passed:
                open_cells = list_open(table, group, withheld)
                if not open_cells:
                    passed.add(group)
                touched += withhold_beside(table, group, open_cells, withheld)
            tell(sum(each in passed for each in groups), len(groups))
        if not touched:
            return withheld
        withhold_along_lines(table, withheld, touched)


def list_open(table: Table, group: Component, withheld: Withheld) -> list[int]:
    """List the withheld cells of a group that are determined, else those that can be told too closely."""
    return list_determined(table, group, withheld) or list_too_narrow(table, group, withheld)


def withhold_beside(table: Table, group: Component, open_cells: list[int], withheld: Withheld) -> list[int]:
    """Withhold one cell more for each that is open, the nearest there is; return which."""
    added: list[int] = []
    for place in open_cells:
        lines = [table.sums[number] for number in table.sums_of[place]]
        if any(member in added for line in lines for member in line.members):
            continue  # What was withheld for another one may do for this.
        found = [chosen for line in lines if (chosen := choose(table, line, withheld)) is not None]
        found = found or list_around(table, group, withheld)
        if not found:
            continue
        chosen = min(found, key=lambda each: rank(table, each, withheld, need_of(table, place)))
        withheld[chosen] = "complementary"
        added.append(chosen)
    if open_cells and not added:
        raise NotProtectableError([table.cells[place].key for place in open_cells])
    return added


def list_around(table: Table, group: Component, withheld: Withheld) -> list[int]:
    """List what can still be withheld in the equations of a group."""
    members = {member for number in group.sums for member in table.sums[number].members}
    return [member for member in members if member not in withheld and table.may_withhold(member)]
