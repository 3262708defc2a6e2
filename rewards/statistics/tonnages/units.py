"""Kilograms or tonnes? A column that does not say is decided by what can be true, never silently.

Bounds are wide on purpose: a factor of a thousand lies between the two units.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from rewards.csv_files import CsvFault
from rewards.statistics.tonnages.reading import G_PER, ReadTonnage, Unit

DAYS_A_YEAR = 365
PLAUSIBLE_KG_PER_INHABITANT = (0.3, 800.0)
"""Of one stream in a year: glass is about 30, residual waste 250 (docs/figures.md)."""
PLAUSIBLE_KG_PER_SITE_DAY = (0.2, 1500.0)
"""A drop-off point of glass takes some 5 to 100 kg a day; a full container is some 1,500 kg."""
LEAST_WHERE_NAMED = 0.1
"""Where the unit is named, cans and the like may be little: this share of the lower bound is enough."""
APART = 100
"""Rows of one place and stream that differ by so much are not in one unit: seasons differ by two or three."""
FEWEST_NEIGHBOURS = 3
Usual = Mapping[tuple[str, str, str], float]
"""By site, commune and stream as rows name them: grams a day that are usual there."""

Inhabitants = Callable[[ReadTonnage], int | None]
"""How many inhabitants the place of a row has; None for a site, and where nobody knows."""


def find_unit(rows: Sequence[ReadTonnage], inhabitants: Inhabitants) -> Unit | None:
    """Find the one unit in which every row above zero is plausible; None where none is, or both are."""
    known = [row for row in rows if row.quantity > 0 and (row.site or inhabitants(row))]
    units = [unit for unit in G_PER if known and all(is_plausible(row, unit, inhabitants) for row in known)]
    return units[0] if len(units) == 1 else None


def is_plausible(row: ReadTonnage, unit: Unit, inhabitants: Inhabitants, *, least: float = 1) -> bool:
    """Tell whether so much can have been collected; ``least`` lowers what a commune collects at least."""
    kg_a_day = float(row.quantity) * G_PER[unit] / 1000 / row.days
    people = inhabitants(row)
    if row.site or people is None:
        low, high = PLAUSIBLE_KG_PER_SITE_DAY
        return low <= kg_a_day <= high
    low, high = PLAUSIBLE_KG_PER_INHABITANT
    return low * least <= kg_a_day * DAYS_A_YEAR / people <= high


def list_implausible(rows: Sequence[ReadTonnage], unit: Unit, inhabitants: Inhabitants) -> list[CsvFault]:
    """List rows above zero of which so much, or so little, cannot have been collected, whoever named the unit.

    A thousand times too much is kilograms for tonnes, or a comma between thousands that was read as a decimal one.
    """
    return [
        CsvFault(
            row.line, row.column, f"{row.quantity} {unit} cannot be right for {row.days} days there: --sure takes it"
        )
        for row in rows
        if row.quantity > 0 and not is_plausible(row, unit, inhabitants, least=LEAST_WHERE_NAMED)
    ]


def list_far_apart(rows: Sequence[ReadTonnage]) -> list[CsvFault]:
    """List rows that are a hundred times, or a hundredth of, what is usual for their place and stream in the file."""
    alike: dict[tuple[str, str, str], list[ReadTonnage]] = {}
    for row in rows:
        if row.quantity > 0:
            alike.setdefault((row.site, row.insee_code, row.stream), []).append(row)
    faults = []
    for neighbours in alike.values():
        usual = median(float(row.quantity) / row.days for row in neighbours)
        for row in neighbours if len(neighbours) >= FEWEST_NEIGHBOURS else ():
            times = float(row.quantity) / row.days / usual
            if not 1 / APART < times < APART:
                reason = f"{row.quantity} is {times:,.3g} times what is usual here: another unit? --sure takes it"
                faults.append(CsvFault(row.line, row.column, reason))
    return faults


def list_unusual(rows: Sequence[ReadTonnage], unit: Unit, usual: Usual) -> list[CsvFault]:
    """List rows that are a hundred times, or a hundredth of, what is stored for their place and stream."""
    faults = []
    for row in rows:
        a_day = usual.get((row.site, row.insee_code, row.stream))
        times = float(row.quantity) * G_PER[unit] / row.days / a_day if a_day else 1
        if row.quantity > 0 and not 1 / APART < times < APART:
            reason = f"{row.quantity} {unit} is {times:,.3g} times what is stored as usual here: --sure takes it"
            faults.append(CsvFault(row.line, row.column, reason))
    return faults
