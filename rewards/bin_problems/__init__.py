"""What citizens report of bins: full, broken, blocked. One open problem a bin and kind, and how often it was reported.

Who reported is kept nowhere. Read ``reporting.py``, ``closing.py`` (an agent has seen to it), ``reading.py`` (with the
alarms of the fleet, which bins raise themselves).
"""

from rewards.bin_problems.closing import close_problem
from rewards.bin_problems.reading import Trouble, list_troubles
from rewards.bin_problems.refusals import BinUnknownError, ProblemClosedError, ProblemUnknownError
from rewards.bin_problems.reporting import SHOWN_FROM, report_problem

__all__ = [
    "SHOWN_FROM",
    "BinUnknownError",
    "ProblemClosedError",
    "ProblemUnknownError",
    "Trouble",
    "close_problem",
    "list_troubles",
    "report_problem",
]
