"""Fields the schemas of agents share. Bounds keep out what the database could not store."""

import datetime
from typing import Any

from marshmallow import fields, validate

from partners_api.schemas import YEAR_LAST, YEAR_ONE, Integer
from partners_api.texts import WholeText

DAY_RANGE = validate.Range(YEAR_ONE.date(), YEAR_LAST.date())
POINTS_MAX = 1_000_000
CENTS_MAX = 1_000_000


class Day(fields.Date):
    """A day of this century."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"validate": DAY_RANGE, **options})


class Month(fields.String):
    """A month, as ``YYYY-MM``; to Python its first day."""

    def __init__(self, **options: Any) -> None:
        pattern = WholeText("^20[0-9]{2}-(0[1-9]|1[0-2])$")
        super().__init__(**{"validate": pattern, **options})
        self.metadata = {"example": "2026-10", **self.metadata}

    def _serialize(self, value: Any, *args: Any, **options: Any) -> Any:
        return super()._serialize(value if value is None else f"{value:%Y-%m}", *args, **options)

    def deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        """Return the first day of the month."""
        said = super().deserialize(value, *args, **options)
        return datetime.date.fromisoformat(f"{said}-01") if isinstance(said, str) else said


def cents(most: int = CENTS_MAX, *, least: int = 0, **options: Any) -> Integer:
    """Return a field of cents."""
    return Integer(**{"required": True, "validate": validate.Range(least, most), **options})


def points(**options: Any) -> Integer:
    """Return a field of points, at least one."""
    return Integer(**{"required": True, "validate": validate.Range(1, POINTS_MAX), **options})
