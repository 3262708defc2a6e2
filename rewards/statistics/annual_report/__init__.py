"""The public report of a year: what may be told to anybody of what was sorted, given, spent and measured in it.

What was dropped is told as it was published (``rewards/statistics/publications``), never from the figures of agents:
the difference of the two would be what came in late. Sums of few holders are withheld everywhere else too.
"""

from rewards.statistics.annual_report.facts import AnnualReport
from rewards.statistics.annual_report.gathering import gather_annual_report, measure_report, read_annual_report
from rewards.statistics.annual_report.refusals import NothingInYearError, YearNotOverError

__all__ = [
    "AnnualReport",
    "NothingInYearError",
    "YearNotOverError",
    "gather_annual_report",
    "measure_report",
    "read_annual_report",
]
