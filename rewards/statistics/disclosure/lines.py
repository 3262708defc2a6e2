"""What is withheld first: cells with few holders, then others along each sum, until no sum tells of few by itself."""

from collections import deque
from collections.abc import Iterable

from rewards.statistics.disclosure.tables import Reason, Sum, Table
from rewards.statistics.disclosure.threshold import FEWEST_HOLDERS

WIDEST_NEED = FEWEST_HOLDERS - 1

Withheld = dict[int, Reason]


def list_primary(table: Table) -> list[int]:
    """List the cells with deposits and fewer than eleven holders that are known; with anonymous deposits alone too.

    A deposit nobody is known for was made by somebody: one person can stand behind all of them.
    """
    return [
        place
        for place, cell in enumerate(table.cells)
        if place not in table.decided and cell.deposits > 0 and cell.holders < FEWEST_HOLDERS
    ]


def begin(table: Table) -> Withheld:
    """Return what is withheld whatever is done about the rest."""
    withheld: Withheld = {place: reason for place, reason in table.decided.items() if reason is not None}
    return withheld | dict.fromkeys(list_primary(table), "primary")


def is_safe(table: Table, line: Sum, withheld: Withheld) -> bool:
    """Tell whether a sum alone says nothing of few: two withheld, and eleven holders behind what they add up to."""
    hidden = [part for part in line.parts if part in withheld]
    if line.total in withheld:
        return bool(hidden)
    if not hidden:
        return True
    if len(hidden) == 1:
        return False
    return count_remaining(table, line, withheld) >= FEWEST_HOLDERS


def count_remaining(table: Table, line: Sum, withheld: Withheld) -> int:
    """Return how many holders are at least behind what is withheld of a sum, whose total is published."""
    most = max(table.cells[part].holders for part in line.parts if part in withheld)
    shown = sum(table.cells[part].holders for part in line.parts if part not in withheld)
    return max(most, table.cells[line.total].holders - shown)


def withhold_along_lines(table: Table, withheld: Withheld, touched: Iterable[int] | None = None) -> None:
    """Withhold more until every sum is safe by itself; ``touched`` cells are those to begin with, else all withheld."""
    waiting = deque(sorted({number for place in touched or withheld for number in table.sums_of[place]}))
    is_waiting = set(waiting)
    while waiting:
        number = waiting.popleft()
        is_waiting.discard(number)
        line = table.sums[number]
        while not is_safe(table, line, withheld):
            chosen = choose(table, line, withheld)
            if chosen is None:
                break  # All of it is decided or withheld: whether that is safe, the audit says.
            withheld[chosen] = "complementary"
            for other in table.sums_of[chosen]:
                if other not in is_waiting and other != number:
                    waiting.append(other)
                    is_waiting.add(other)


def choose(table: Table, line: Sum, withheld: Withheld) -> int | None:
    """Return the part to withhold next, else the total, None where nothing is left.

    Best is a part whose other sums hide something already; then one large enough to blur what it stands beside, and of
    those the smallest.
    """
    need = max((need_of(table, part) for part in line.members if withheld.get(part) == "primary"), default=0)
    parts = [part for part in line.parts if part not in withheld and table.may_withhold(part)]
    if parts:
        return min(parts, key=lambda part: rank(table, part, withheld, need))
    return line.total if line.total not in withheld and table.may_withhold(line.total) else None


def need_of(table: Table, place: int) -> int:
    """Return how wide the range of a primary cell's deposits must be: as wide as their number, and ten."""
    return max(WIDEST_NEED, table.cells[place].deposits)


def rank(table: Table, place: int, withheld: Withheld, need: int) -> tuple[int, bool, int, int]:
    """Return the order in which cells are chosen, lowest first."""
    alone = sum(1 for number in table.sums_of[place] if not any(m in withheld for m in table.sums[number].members))
    deposits = table.cells[place].deposits
    return alone, deposits <= need, deposits if deposits > need else -deposits, place
