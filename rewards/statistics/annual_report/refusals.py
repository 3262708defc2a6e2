"""Why there is no report of a year."""

from rewards.errors import RewardsError


class YearNotOverError(RewardsError):
    """The year is still going on: a report is of whole years."""

    code = "year_not_over"

    def __init__(self, year: int) -> None:
        super().__init__(f"{year} is not over: ask for its report from 1 January {year + 1} on")


class NothingInYearError(RewardsError):
    """No bin stood anywhere in the year."""

    code = "nothing_in_year"

    def __init__(self, year: int) -> None:
        super().__init__(f"no bin stood anywhere in {year}, so there is nothing to report: choose a later year")
