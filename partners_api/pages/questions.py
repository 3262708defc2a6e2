"""What a page of figures is asked for, in its address: period, territory, material, as the API names them.

Left empty, the period is the twelve months until yesterday. Refusals are the domain's own.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import marshmallow as ma
from flask import g, request

from partners_api.authorities.fields import Day
from partners_api.authorities.figure_schemas import GridQuerySchema
from partners_api.pages.translations import gettext, said_later
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.figures import Question, period_of
from rewards.statistics.figures.comparing import year_before
from rewards.statistics.periods import Period
from rewards.territory import list_communes, list_materials

DAY = datetime.timedelta(days=1)
CARRIED = ("from", "to", "by", "level", "insee_code", "site", "bin_id", "material", "show")
"""What links to other pages carry on."""
EVERYWHERE: Mapping[str, None] = dict.fromkeys(("material", "insee_code", "site", "bin_id"))
"""What asks about all of an authority."""


class QuestionSchema(GridQuerySchema):
    """The API's query; without days it is about the twelve months until yesterday, or until the last day given."""

    @ma.pre_load
    def fill_period(self, asked: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Fill the days that were left empty; and have ready what the pickers offer, for a refusal too."""
        g.choices = read_choices(g.principal)
        yesterday = today_of(g.principal) - DAY
        until = find_day(asked.get("to")) or max(yesterday, find_day(asked.get("from")) or yesterday)
        return {"from": f"{twelve_months_until(until).first_day}", "to": f"{until}", **asked}


class PlaceQuestionSchema(QuestionSchema):
    """The question of pages that know no single bin: one that is named is left out, of the heading too."""

    @ma.post_load
    def leave_bin_out(self, asked: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Forget the bin."""
        return {**asked, "bin_id": None}


@dataclass(frozen=True, slots=True)
class QuickPeriod:
    """A period with a name, one click away."""

    label: str
    period: Period


@dataclass(frozen=True, slots=True)
class Choices:
    """What the pickers offer: communes by code, materials, and periods by name."""

    communes: dict[str, str]
    materials: list[str]
    periods: list[QuickPeriod]


def find_day(written: Any) -> datetime.date | None:
    """Find the day that was written; whether another may be asked for is for the field to say."""
    try:
        return Day().deserialize(written) if written else None
    except ma.ValidationError:
        return None


def today_of(caller: Principal) -> datetime.date:
    """Return the day it is where the caller's authority is."""
    return now().astimezone(ZoneInfo(caller.timezone)).date()


def twelve_months_until(last_day: datetime.date) -> Period:
    """Return the twelve months that end with a day."""
    return Period(year_before(last_day, is_last=True) + DAY, last_day)


def read_choices(caller: Principal) -> Choices:
    """Read what the pickers offer."""
    of: dict[str, Any] = {"authority_id": caller.authority_id}
    communes = {each.insee_code: each.name for each in list_communes(connection(), **of)}
    by_name = dict(sorted(communes.items(), key=lambda each: each[1]))
    materials = [each.material for each in list_materials(connection(), **of)]
    return Choices(by_name, materials, list_quick_periods(today_of(caller)))


def usual_material() -> str:
    """Return what is looked at where none is named: glass, else the first the authority collects."""
    materials = g.choices.materials
    return materials[0] if materials and "glass" not in materials else "glass"


def whole_year_until(last_day: datetime.date) -> int:
    """Return the last year that is whole on a day: others' tonnages are of whole years. Pure."""
    return (last_day + DAY).year - 1


def list_quick_periods(today: datetime.date) -> list[QuickPeriod]:
    """List the periods most people want. Pure."""
    yesterday, first = today - DAY, today.replace(day=1)
    last_month = first - DAY
    return [
        QuickPeriod(said_later("12 months"), twelve_months_until(yesterday)),
        QuickPeriod(said_later("This month"), Period(first, today)),
        QuickPeriod(said_later("Last month"), Period(last_month.replace(day=1), last_month)),
        QuickPeriod(said_later("This year"), Period(today.replace(month=1, day=1), today)),
        QuickPeriod(
            said_later("Last year"),
            Period(datetime.date(today.year - 1, 1, 1), datetime.date(today.year - 1, 12, 31)),
        ),
    ]


def question_of(asked: Mapping[str, Any], **others: Any) -> Question:
    """Return the question by month."""
    where = {name: asked[name] for name in EVERYWHERE}
    return Question(period_of("month", asked["first_day"], asked["last_day"]), "month", **{**where, **others})


def when_of(caller: Principal) -> dict[str, Any]:
    """Return what figures want to know of whom they are of, and of the time."""
    return {"authority_id": caller.authority_id, "timezone": ZoneInfo(caller.timezone), "now": now()}


def question_in_url(**changed: Any) -> str:
    """Return the question as a query string that begins with `?`, some of it changed; empty where it is usual."""
    asked = {name: value for name in CARRIED if (value := request.args.get(name, "").strip())}
    kept = {name: str(value) for name, value in {**asked, **changed}.items() if value not in (None, "")}
    return f"?{urlencode(kept)}" if kept else ""


def name_of_place(asked: dict[str, Any]) -> str:
    """Return which territory figures are of, in words."""
    if asked["bin_id"]:
        return gettext("Bin %(bin)s", bin=asked["bin_id"])
    if asked["site"]:
        return gettext("Site %(site)s", site=asked["site"])
    choices: Choices = g.choices
    return choices.communes.get(asked["insee_code"] or "", gettext("Whole territory"))
