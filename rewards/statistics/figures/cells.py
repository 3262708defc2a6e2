"""One cell of the grid: its figures, and how complete they are; and what may be compared with what. No SQL."""

from collections.abc import Mapping
from dataclasses import dataclass

from rewards.statistics.figures.coverage import Coverage
from rewards.statistics.figures.missing import Missing
from rewards.statistics.figures.places import Place
from rewards.statistics.figures.reckoning import Figure
from rewards.statistics.figures.steps import Step
from rewards.statistics.populations import Inhabitants


@dataclass(frozen=True, slots=True)
class Cell:
    """The figures of one step, place and material (None: all together), by the names of the indicators.

    ``population`` is what they were divided by, with its years; None where a place has none.
    """

    step: Step
    place: Place
    material: str | None
    population: Inhabitants | None
    coverage: Coverage
    figures: Mapping[str, Figure]

    @property
    def is_complete(self) -> bool:
        """Whether the step is over, and every bin stood there and reported all the time: else it is no fall."""
        return self.coverage.is_whole and not self.step.is_partial

    @property
    def missing(self) -> dict[str, Missing]:
        """Why figures are missing, by indicator."""
        return {name: each for name, each in self.figures.items() if isinstance(each, Missing)}


def is_like_for_like(one: Cell, other: Cell) -> bool:
    """Tell whether two cells may be compared: both complete, of one material, of the same bins and sites."""
    return (
        one.is_complete
        and other.is_complete
        and one.material == other.material
        and one.coverage.bins == other.coverage.bins
        and one.coverage.standing == other.coverage.standing
    )
