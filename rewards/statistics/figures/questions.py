"""What figures are asked for: which period in which steps, of which places and materials. No SQL."""

from dataclasses import dataclass
from typing import Any, Literal

from rewards.errors import RewardsError
from rewards.statistics.figures.steps import Granularity
from rewards.statistics.periods import Period

Level = Literal["authority", "commune", "site", "bin"]

CELLS_MAX = 10_000
"""As many as a page or a spreadsheet takes; 637 bins have 7,644 in a year of months."""


class FiguresTooManyError(RewardsError):
    """More figures are asked for than are shown at once."""

    code = "figures_too_many"

    def __init__(self, cells: int) -> None:
        super().__init__(
            f"{cells:,} cells (steps × places × materials), at most {CELLS_MAX:,}: "
            "ask for a shorter period, longer steps, larger places or one material"
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. None of a filter is all; ``is_by_material``: a cell for each material, else one for all.

    ``site`` is the authority's reference of it.
    """

    period: Period
    granularity: Granularity = "month"
    level: Level = "authority"
    is_by_material: bool = False
    material: str | None = None
    insee_code: str | None = None
    site: str | None = None
    bin_id: str | None = None

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that say where, as values of statements."""
        return {"insee_code": self.insee_code, "site": self.site, "bin_id": self.bin_id}


IS_THERE = """
       AND (CAST(:insee_code AS text) IS NULL OR s.insee_code = :insee_code)
       AND (CAST(:site AS text) IS NULL OR s.reference = :site)
"""
"""Of statements with ``sites s``; the bin is :data:`OF_BIN`."""

UNIT_OF: dict[Level, str] = {
    "authority": "CAST('' AS text)",
    "commune": "s.insee_code",
    "site": "CAST({each}.site_id AS text)",
    "bin": "{each}.bin_id",
}
"""What stands for a place of each level in statements; the authority's is empty."""


def unit_of(level: Level, each: str) -> str:
    """Return the expression for the place of a row of ``each``, which is joined with ``sites s``."""
    return UNIT_OF[level].format(each=each)


def check_size(*, steps: int, places: int, materials: int) -> None:
    """Raise when there would be too many cells.

    Raises:
        FiguresTooManyError: before anything is summed.
    """
    cells = steps * places * materials
    if cells > CELLS_MAX:
        raise FiguresTooManyError(cells)
