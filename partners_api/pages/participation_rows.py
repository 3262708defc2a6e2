"""Who takes part as pages show it: the counts that are asked for, and those of the last whole month as cards."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from partners_api.authorities.callers import tenant_of
from partners_api.pages.figures import Card
from partners_api.pages.questions import today_of
from partners_api.pages.translations import gettext, said_later
from partners_api.pages.words import write_number, write_share
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.figures import Question, period_of
from rewards.statistics.figures.places import get_territory
from rewards.statistics.participation.counting import Span
from rewards.statistics.participation.shares import Granularity, Level, Participation, list_participation

MEANINGS: Mapping[str, tuple[str, str, str]] = {
    "holders": (
        said_later("Active holders"),
        said_later(
            "A holder is a wallet: one citizen's, or a household's. Active: a deposit in it was credited, or capped."
        ),
        "count distinct (wallet)",
    ),
    "new_holders": (
        said_later("New among them"),
        said_later("Active holders of whom no citizen was credited before the month."),
        "count distinct (wallet | first credited in month)",
    ),
    "participation": (
        said_later("Take part"),
        said_later(
            "Active holders by households served, of the latest year that is not later; where these are not known, by"
            " holders registered, which are told in elevens. A household with two wallets counts twice."
        ),
        "active holders ÷ households served",
    ),
    "anonymous_share": (
        said_later("Deposits without a card"),
        said_later("Deposits nobody was credited for: who made them is not known, and is in no count of holders."),
        "anonymous deposits ÷ deposits",
    ),
}


def list_counted(
    caller: Principal, asked: Mapping[str, Any], *, granularity: Granularity = "month"
) -> list[Participation]:
    """List the counts of the place asked for, oldest first.

    Of years, those the period has a day of.

    Raises:
        PeriodReversedError, PeriodTooLongError, PeriodToComeError: as they say.
        CommuneUnknownError, SiteMissingError, MaterialUnknownError: it names something unknown.
    """
    period = period_of("month", asked["first_day"], asked["last_day"])
    period.require_begun(today_of(caller))
    where = {name: asked[name] for name in ("material", "insee_code", "site")}
    get_territory(connection(), Question(period, "month", **where), **tenant_of(caller), years={period.last_day.year})
    level: Level = "site" if asked["site"] else "commune" if asked["insee_code"] else "authority"
    first_day = period.first_day if granularity == "month" else period.first_day.replace(month=1, day=1)
    counted = count_between(caller, asked, first_day, period.last_day, granularity=granularity, level=level)
    return [
        each
        for each in counted
        if asked["insee_code"] in (None, each.insee_code) and asked["site"] in (None, each.name)
    ]


def list_communes_counted(caller: Principal, asked: Mapping[str, Any], month: datetime.date) -> list[Participation]:
    """List the counts of each commune in a month, by name."""
    counted = count_between(caller, asked, month, month, granularity="month", level="commune")
    return sorted(counted, key=lambda each: each.name)


def count_between(
    caller: Principal,
    asked: Mapping[str, Any],
    first_day: datetime.date,
    last_day: datetime.date,
    *,
    granularity: Granularity,
    level: Level,
) -> list[Participation]:
    """List the counts of all places of a level."""
    return list_participation(
        connection(),
        **tenant_of(caller),
        timezone=caller.timezone,
        granularity=granularity,
        level=level,
        first_day=first_day,
        last_day=last_day,
        material=asked["material"] or "",
    )


def is_over(counted: Participation, granularity: str, today: datetime.date) -> bool:
    """Tell whether the month or year had ended before today."""
    return Span(granularity, counted.first_day).last_day < today


def find_last_whole(counted: Sequence[Participation], today: datetime.date) -> Participation | None:
    """Return the counts of the last month that is over, None where none is."""
    return next((each for each in reversed(counted) if is_over(each, "month", today)), None)


def list_cards(counted: Participation) -> list[Card]:
    """Return the figures of a month, what is withheld in words and never as a dash, which is what nobody knows."""
    shares = ("participation", "anonymous_share")
    return [
        Card(
            name=name,
            label=gettext(label),
            value=write_count(counted, name) if name not in shares else write_share_of(counted, name),
            unit="",
            definition=gettext(meaning),
            formula=formula,
            source="docs/statistics.md",
        )
        for name, (label, meaning, formula) in MEANINGS.items()
    ]


def write_count(counted: Participation, name: str) -> str:
    """Return a count in figures, or that it is withheld."""
    count: int | None = getattr(counted, name)
    return gettext("withheld") if count is None else write_number(count)


def write_share_of(counted: Participation, name: str) -> str:
    """Return a share in percent, or that it is withheld, or a dash where what it is of is not known."""
    share: float | None = getattr(counted, name)
    if share is None and name == "participation" and counted.share_basis is not None and counted.holders is None:
        return gettext("withheld")
    return write_share(share)
