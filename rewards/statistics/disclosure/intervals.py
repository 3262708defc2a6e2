"""How closely a withheld cell can be told: the range of its values over all tables that agree with what is published.

Linear programming (HiGHS) over the published equations; nothing is negative, and everybody knows that a withheld cell
has a deposit. Each solution is a table that could as well be true, and so shows for every cell at once how far it can
be off: few solutions do for most cells, and only what is left is maximised and minimised by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from rewards.statistics.disclosure.determination import Component
from rewards.statistics.disclosure.lines import Withheld, need_of
from rewards.statistics.disclosure.tables import MEASURES, Table

ROUNDS_MAX = 12
TOLERANCE = 1e-6
SEED = 11

Solve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A withheld cell's value is somewhere from ``low`` to ``high``, as far as anybody can tell."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """How far apart they are."""
        return self.high - self.low


def needs_of(table: Table, component: Component, withheld: Withheld, measure: str) -> NDArray[np.float64]:
    """Return how wide the interval of each cell must be.

    Of a primary cell as wide as its value, and of deposits ten; of a complementary one, behind which eleven stand, one
    deposit. A measure that is zero of a published total is told of all in it.
    """
    needs = np.zeros(len(component.cells))
    for number, place in enumerate(component.cells):
        value = getattr(table.cells[place], measure)
        if withheld[place] == "complementary":
            needs[number] = 1 if measure == "deposits" else 0
        elif measure == "deposits":
            needs[number] = need_of(table, place)
        elif value is not None and not is_nothing(table, place, withheld, measure):
            needs[number] = max(1, value)
    return needs


def is_nothing(table: Table, place: int, withheld: Withheld, measure: str) -> bool:
    """Tell whether a published total that a cell is part of is zero in a measure."""
    lines = (table.sums[number] for number in table.sums_of[place])
    totals = (line.total for line in lines if line.total not in withheld and line.total != place)
    return any(getattr(table.cells[total], measure) == 0 for total in totals)


def list_too_narrow(table: Table, component: Component, withheld: Withheld) -> list[int]:
    """List the cells that can be told too closely in some measure."""
    for measure in MEASURES:
        needs = needs_of(table, component, withheld, measure)
        if not needs.any():
            continue
        low, high = spread(program_of(table, component, withheld, measure), needs)
        narrow = np.flatnonzero(high - low < needs - TOLERANCE * np.maximum(1, needs))
        if narrow.size:
            return [component.cells[number] for number in narrow]
    return []


def find_intervals(table: Table, component: Component, withheld: Withheld, measure: str) -> dict[int, Interval]:
    """Return the whole interval of every cell: what an attacker would compute."""
    solve = program_of(table, component, withheld, measure)
    found = {}
    for number, place in enumerate(component.cells):
        aim = np.zeros(len(component.cells))
        aim[number] = 1
        value = getattr(table.cells[place], measure) or 0
        found[place] = Interval(value + solve(aim)[number], value + solve(-aim)[number])
    return found


def program_of(table: Table, component: Component, withheld: Withheld, measure: str) -> Solve:
    """Return what finds the table that agrees with all published and is least along a direction.

    In differences from the true table, which is one of them: the right side is zero, and large numbers do no harm.
    """
    column = {place: number for number, place in enumerate(component.cells)}
    values = np.array([float(getattr(table.cells[place], measure) or 0) for place in component.cells])
    entries: list[tuple[int, int, float]] = []
    rows = 0
    for number in component.sums:
        line = table.sums[number]
        if any(getattr(table.cells[member], measure) is None for member in line.members):
            continue
        entries += [(rows, column[part], -1.0) for part in line.parts if part in withheld]
        entries += [(rows, column[line.total], 1.0)] if line.total in withheld else []
        rows += 1
    least = 1.0 if measure == "deposits" else 0.0
    most = 10 * (values.max() + 10)
    bounds = np.column_stack([least - values, np.full(len(values), most)])
    equations = None
    if rows:
        row, place, sign = zip(*entries, strict=True)
        equations = csr_matrix((sign, (row, place)), shape=(rows, len(column)))
    nothing = np.zeros(rows) if rows else None

    def solve(aim: NDArray[np.float64]) -> NDArray[np.float64]:
        # Small programs: presolving took longer than it saved.
        options = {"presolve": False}
        answer = linprog(aim, A_eq=equations, b_eq=nothing, bounds=bounds, method="highs", options=options)
        if not answer.success:  # The true table is a solution and each value is bounded.
            raise RuntimeError(answer.message)
        return np.asarray(answer.x, dtype=np.float64)

    return solve


def spread(solve: Solve, needs: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far below and above the truth each cell can be, at least: as far as ``needs`` asks where it can."""
    chance = np.random.default_rng(SEED)
    low, high = np.zeros(len(needs)), np.zeros(len(needs))

    def look(aim: NDArray[np.float64]) -> None:
        for each in (aim, -aim):
            found = solve(each)
            np.minimum(low, found, out=low)
            np.maximum(high, found, out=high)

    def missing() -> NDArray[np.bool_]:
        return np.asarray(high - low < needs - TOLERANCE * np.maximum(1, needs))

    for _ in range(ROUNDS_MAX):
        before = missing()
        if not before.any():
            return low, high
        look(np.where(before, chance.uniform(-1, 1, len(needs)) / np.maximum(1, needs), 0))
        if missing().sum() > 0.8 * before.sum():
            break
    for number in np.flatnonzero(missing()):
        if missing()[number]:
            aim = np.zeros(len(needs))
            aim[number] = 1
            look(aim)
    return low, high
