"""What the operations of shops share: texts of one line, and who is at the till."""

import datetime
import re
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

DAY_RANGE = validate.Range(datetime.date(2000, 1, 1), datetime.date(2100, 12, 31))


SURROGATES = re.compile("[\ud800-\udfff]")


class WholeText(validate.Regexp):
    """A pattern for the whole of a text: no newline behind what ``$`` stands for, and nothing UTF-8 cannot say.

    The latter, half a surrogate pair, JSON can carry and patterns of JSON Schema cannot name.
    """

    def __init__(self, pattern: str) -> None:
        """Take a pattern that begins with ``^`` and ends with ``$``, as the OpenAPI document shows it."""
        super().__init__(pattern)
        self.whole = re.compile(pattern)

    def __call__(self, value: Any) -> Any:
        """Return a text that fits."""
        if self.whole.fullmatch(value) is None or SURROGATES.search(value):
            raise ma.ValidationError(self._format_error(value))
        return value


def in_one_line(longest: int) -> WholeText:
    """Return what holds a text to one line that begins with a sign one can see."""
    unwanted = r"\x7f-\x9f\u2028\u2029"
    return WholeText(rf"^[^\x00-\x20\xa0{unwanted}][^\x00-\x1f{unwanted}]{{0,{longest - 1}}}$")


PIN = WholeText(r"^[0-9]{6}$")


class AtTillSchema(ma.Schema):
    """Who of the shop's staff does this; wanted by shops that have PINs on, and kept with the redemption."""

    staff_id = fields.UUID(load_default=None, metadata={"description": "From `GET /api/v1/shop/staff`"})
    pin = fields.String(load_default=None, validate=PIN, metadata={"description": "Six digits"})


def day_filter(about: str) -> fields.Date:
    """Return the filter of a list that has one day at a time."""
    return fields.Date(
        load_default=None,
        validate=DAY_RANGE,
        metadata={"description": f"{about} on this day of the authority's calendar; today unless said"},
    )
