"""Why a table is not published."""

import datetime

from rewards.errors import OperatorRefusedError


class PeriodNotClosedError(OperatorRefusedError):
    """The month or year is not over for long enough: bins that were offline may still report it."""

    code = "period_not_closed"

    def __init__(self, period: str, closes_on: datetime.date) -> None:
        super().__init__(f"deposits of {period} may still come in: publish it on {closes_on} or later")


class AlreadyPublishedError(OperatorRefusedError):
    """The table was published, and is never changed."""

    code = "already_published"

    def __init__(self, published_at: datetime.datetime) -> None:
        super().__init__(
            f"it was published at {published_at:%Y-%m-%d %H:%M} UTC, and never changes: see bontri stats publications"
        )


class MonthsNotPublishedError(OperatorRefusedError):
    """The year adds up its months as they were published, and some were not."""

    code = "months_not_published"

    def __init__(self, months: list[datetime.date]) -> None:
        super().__init__(f"publish its months first: {', '.join(f'{month:%Y-%m}' for month in months)}")
