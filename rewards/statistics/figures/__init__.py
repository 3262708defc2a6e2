"""Figures on one grid: steps of a period × places × materials; each with what it is, and with what is missing.

``steps`` and ``questions`` say what is asked; ``places``, ``sums``, ``coverage`` and ``point_flows`` read;
``reckoning`` and ``indicators`` make figures of it; ``reading`` puts it together.
"""

from rewards.statistics.figures.cells import Cell, is_like_for_like
from rewards.statistics.figures.coverage import Coverage, MissingBin
from rewards.statistics.figures.indicators import INDICATORS, RECKONED, Indicator
from rewards.statistics.figures.missing import MEANINGS, Missing
from rewards.statistics.figures.places import Place
from rewards.statistics.figures.questions import CELLS_MAX, FiguresTooManyError, Level, Question
from rewards.statistics.figures.reading import Figures, get_figures
from rewards.statistics.figures.reckoning import Figure
from rewards.statistics.figures.steps import Granularity, Step, period_of

__all__ = [
    "CELLS_MAX",
    "INDICATORS",
    "MEANINGS",
    "RECKONED",
    "Cell",
    "Coverage",
    "Figure",
    "Figures",
    "FiguresTooManyError",
    "Granularity",
    "Indicator",
    "Level",
    "Missing",
    "MissingBin",
    "Place",
    "Question",
    "Step",
    "get_figures",
    "is_like_for_like",
    "period_of",
]
