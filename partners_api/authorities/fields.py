"""Fields the schemas of agents share. Bounds keep out what the database could not store."""

import datetime
from typing import Any

from marshmallow import fields, validate

from partners_api.schemas import Integer

YEAR_ONE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
YEAR_LAST = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
DAY_RANGE = validate.Range(YEAR_ONE.date(), YEAR_LAST.date())
POINTS_MAX = 1_000_000
CENTS_MAX = 1_000_000
MATERIAL = validate.Regexp(r"^[a-z][a-z0-9_-]{1,31}$")
INSEE = validate.Regexp(r"^[0-9AB]{5}$")
BIN_ID = validate.Regexp(r"^[A-Z0-9-]{4,32}$")


class Instant(fields.AwareDateTime):
    """An instant of this century."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        """Refuse other centuries."""
        try:
            instant = super()._deserialize(value, *args, **options)
            is_near = YEAR_ONE <= instant < YEAR_LAST
        except OverflowError:
            is_near = False
        if not is_near:
            raise self.make_error("invalid", input=value, obj_type="datetime of this century")
        return instant


class Day(fields.Date):
    """A day of this century."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"validate": DAY_RANGE, **options})


class Month(fields.String):
    """A month, as ``YYYY-MM``; to Python its first day."""

    def __init__(self, **options: Any) -> None:
        pattern = validate.Regexp("^20[0-9]{2}-(0[1-9]|1[0-2])$")
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
