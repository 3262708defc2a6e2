"""What texts of requests may hold: nothing that cannot be stored, nothing that the OpenAPI document does not show."""

import re
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

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


LABEL = WholeText(r"^[^\x00-\x1f\x7f]{1,40}$")
"""A line somebody calls a thing by: no control characters."""
WORDS = WholeText(r"^[^\x00-\x09\x0b-\x1f\x7f]{1,500}$")
"""What somebody writes; newlines are the only control characters."""
EMAIL = WholeText(r"^[!-?A-~]{1,64}@[!-?A-~]{1,190}$")
"""As much as tells an address from a slip of the pen; whether it is one, the mail will show."""
SIGN_IN_CODE = WholeText(r"^[0-9]{8}$")
SLUG = WholeText(r"^[a-z0-9-]{2,32}$")
MATERIAL = WholeText(r"^[a-z][a-z0-9_-]{1,31}$")
BIN_ID = WholeText(r"^[A-Z0-9-]{4,32}$")
INSEE = WholeText(r"^[0-9AB]{5}$")
ENTERED_CODE = WholeText(r"^[ -~]{1,100}$")
"""A voucher's, as a till reads it or somebody types it."""


class Text(fields.String):
    """Text people write: one line of 1 to ``longest`` characters, or ``has_lines``; nothing that cannot be stored.

    Not all blanks, unless ``least`` is 0.
    """

    def __init__(self, longest: int, *, least: int = 1, has_lines: bool = False, **options: Any) -> None:
        printed = r"[^\x00-\x09\x0b-\x1f\x7f]" if has_lines else r"[^\x00-\x1f\x7f]"
        pattern = rf"^{printed}*[^\x00-\x20\x7f]{printed}*$" if least else rf"^{printed}*$"
        super().__init__(**{"validate": [validate.Length(least, longest), WholeText(pattern)], **options})
