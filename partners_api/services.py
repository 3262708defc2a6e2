"""What every request needs, composed once by the entry point and found on the application."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flask import current_app
from sqlalchemy import Engine

from rewards.keyring import Keyring
from rewards.languages import Language
from rewards.settlement import Statement
from rewards.statistics.annual_report.facts import AnnualReport
from rewards.statistics.annual_report.public import PublicReport

EXTENSION = "bontri"

SendCodes = Callable[[int], object]
"""Sends what waits in an authority's outbox; called once a code is committed and the answer is on its way."""


class RenderStatement(Protocol):
    """Makes the PDF of a shop's statement; how it looks is no matter of the API's."""

    def __call__(self, statement: Statement, *, language: Language, now: datetime.datetime) -> bytes:
        """Return the document."""


class RenderAnnualReport(Protocol):
    """Makes the PDF of the report of a year as agents have it."""

    def __call__(self, report: AnnualReport, *, language: Language) -> bytes:
        """Return the document."""


class RenderPublicReport(Protocol):
    """Makes the PDF of what was published of a year."""

    def __call__(self, report: PublicReport, *, language: Language) -> bytes:
        """Return the document."""


PictureFormat = Literal["svg", "png"]


class ChartsAwayError(Exception):
    """Charts cannot be drawn now; what is asked for a moment later may be. Figures and tables are not touched."""


class DrawChart(Protocol):
    """Draws a Vega-Lite specification; how is no matter of the API's."""

    def __call__(
        self, spec: dict[str, Any], picture_format: PictureFormat, *, language: Language, scale: float = 1
    ) -> bytes:
        """Return the picture.

        Raises:
            ChartsAwayError: it cannot be drawn now.
            ValueError: it is no specification.
        """


def draw_nothing(spec: dict[str, Any], picture_format: PictureFormat, *, language: Language, scale: float = 1) -> bytes:
    """Stand in where nothing draws.

    Raises:
        ChartsAwayError: always.
    """
    raise ChartsAwayError


def utc_now() -> datetime.datetime:
    """Return the present instant."""
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """The outside world of the application; ``clock`` gives aware UTC.

    ``engine`` works as the role of citizens and shops, ``agents_engine`` as that of agents and operators.
    """

    engine: Engine
    agents_engine: Engine
    keyring: Keyring
    send_codes: SendCodes
    render_statement: RenderStatement
    render_annual_report: RenderAnnualReport
    render_public_report: RenderPublicReport
    clock: Callable[[], datetime.datetime]
    draw_chart: DrawChart = draw_nothing


def services() -> Services:
    """Return the services of the application that handles this request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Services)  # noqa: S101 (tells the type checker; create_app put it there)
    return found


def keyring() -> Keyring:
    """Return the secrets of this installation."""
    return services().keyring


def now() -> datetime.datetime:
    """Return the present instant by the application's clock."""
    return services().clock()
