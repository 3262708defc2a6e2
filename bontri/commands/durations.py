"""Lengths of time on the command line: 90s, 30m, 2h, 3d."""

import datetime
import re
from typing import Any

import click

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LENGTH = re.compile(rf"(\d{{1,6}})([{''.join(UNITS)}])")


class Duration(click.ParamType[datetime.timedelta]):
    """A length of time such as ``90s``, ``30m``, ``2h``, ``3d`` or ``1w``, above zero and up to ``longest``."""

    name = "TIME"

    def __init__(self, longest: datetime.timedelta | None = None) -> None:
        self._longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.timedelta:
        """Read the number and its unit."""
        match = LENGTH.fullmatch(str(value))
        length = datetime.timedelta(**{UNITS[match[2]]: int(match[1])}) if match else datetime.timedelta()
        if not length or (self._longest is not None and length > self._longest):
            bound = f" up to {self._longest.days}d" if self._longest else ""
            self.fail(f"{value!r} is no length of time{bound}: write 90s, 30m, 2h or 3d", param, ctx)
        return length
