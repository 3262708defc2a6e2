"""Do people sort more? The effect of equipping sites, against a control, with its interval."""

import datetime
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.fields import Day
from partners_api.operations import operation
from partners_api.refusals import RequestTooSlowError
from partners_api.schemas import Integer
from partners_api.services import now
from partners_api.texts import MATERIAL, Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.effect.apart import measure_apart
from rewards.statistics.effect.asking import (
    EffectAsked,
    SiteOnBothSidesError,
    SiteReferenceUnknownError,
    StartOutsidePeriodError,
    choose_sites,
)
from rewards.statistics.effect.reading import READERS, read_panel
from rewards.statistics.periods import PeriodReversedError, PeriodToComeError
from rewards.statistics.unit_masses import MaterialUnknownError

NAMES_MAX = 4000
METHOD = validate.OneOf(["welch", "permutation"])
SOURCES = validate.OneOf(["weighed", "tonnages", "counted"])


class EffectQuerySchema(ma.Schema):
    """Which sites are compared with which, and over which time."""

    material = fields.String(load_default="glass", validate=MATERIAL)
    first_day = Day(
        load_default=None, data_key="from", metadata={"description": "Default: as far as anything is known"}
    )
    last_day = Day(load_default=None, data_key="to", metadata={"description": "Included; default: yesterday"})
    equipped_from = Day(
        load_default=None, metadata={"description": "Default: of each site the day its first bin was placed"}
    )
    equipped = Text(
        NAMES_MAX,
        load_default=None,
        metadata={"description": "References of sites or INSEE codes, with commas; default: all that have a bin"},
    )
    control = Text(NAMES_MAX, load_default=None, metadata={"description": "The same; default: sites not yet equipped"})
    kilograms_from = fields.String(
        load_default=None,
        validate=validate.OneOf(list(READERS)),
        metadata={"description": "Default: the first source that can be compared; never two"},
    )


class BilingualSchema(ma.Schema):
    """The same in two languages."""

    fr = fields.String(required=True)
    en = fields.String(required=True)


class EffectIntervalSchema(ma.Schema):
    """A percentage, and the interval that holds the true one in 95 of 100 such measurements."""

    percent = fields.Float(required=True)
    low_percent = fields.Float(required=True)
    high_percent = fields.Float(required=True)
    confidence = fields.Float(required=True)
    direction = fields.String(required=True, validate=validate.OneOf(["rise", "fall", "none_shown"]))


class RollOutWaveSchema(ma.Schema):
    """Sites equipped in one month, and the calendar months compared around it."""

    start = fields.String(required=True, metadata={"description": "First day of the month"})
    last_month = fields.String(required=True)
    sites = fields.List(fields.String(), required=True)
    calendar_months = fields.List(Integer(), required=True)


class TrendBeforeMonthSchema(ma.Schema):
    """Mass a day of both sides; 100 is each site's own mean before anybody was equipped; null: nothing is known."""

    month = fields.String(required=True)
    equipped_percent = fields.Float(required=True, allow_none=True)
    control_percent = fields.Float(required=True, allow_none=True)


class TrendBeforeSchema(ma.Schema):
    """By how many percent a year the equipped sites drew away from the control before the start, and both series."""

    difference_a_year = fields.Nested(EffectIntervalSchema, required=True)
    p_value = fields.Float(required=True)
    months = fields.List(fields.Nested(TrendBeforeMonthSchema), required=True)


class SiteLeftOutSchema(ma.Schema):
    """A site that was not used."""

    site = fields.String(required=True)
    code = fields.String(required=True)
    sentence = fields.Nested(BilingualSchema, required=True)


class EffectCautionSchema(ma.Schema):
    """What to read the effect with care for."""

    code = fields.String(required=True)
    sentence = fields.Nested(BilingualSchema, required=True)


class LackingReasonSchema(EffectCautionSchema):
    """What is lacking; counted where it can be."""

    found = Integer(required=True, allow_none=True)
    needed = Integer(required=True, allow_none=True)


class EffectSchema(ma.Schema):
    """An effect with its interval and all it rests on, or ``effect`` null and the ``reasons``."""

    material = fields.String(required=True)
    last_day = fields.Date(required=True, data_key="to")
    is_measurable = fields.Boolean(required=True)
    sentence = fields.Nested(BilingualSchema, required=True)
    effect = fields.Nested(EffectIntervalSchema, required=True, allow_none=True)
    p_value = fields.Float(required=True, allow_none=True)
    method = fields.String(required=True, allow_none=True, validate=METHOD)
    kilograms_from = fields.String(required=True, validate=SOURCES)
    waves = fields.List(fields.Nested(RollOutWaveSchema), required=True)
    control_sites = fields.List(fields.String(), required=True)
    left_out = fields.List(fields.Nested(SiteLeftOutSchema), required=True)
    cautions = fields.List(fields.Nested(EffectCautionSchema), required=True)
    reasons = fields.List(fields.Nested(LackingReasonSchema), required=True)
    trend_before = fields.Nested(TrendBeforeSchema, required=True, allow_none=True)
    definition = fields.String(required=True)
    source = fields.String(required=True)


@operation(
    authorities,
    "GET",
    "/figures/effect",
    audience="authority",
    role="viewer",
    query=EffectQuerySchema,
    answers=(200, EffectSchema),
    refuses=(
        PeriodReversedError,
        PeriodToComeError,
        StartOutsidePeriodError,
        MaterialUnknownError,
        SiteReferenceUnknownError,
        SiteOnBothSidesError,
    ),
)
def show_effect(caller: Principal, asked: dict[str, Any]) -> dict[str, Any]:
    """Measure by how many percent equipped sites changed beyond a control, or say what is lacking to tell.

    A percentage never comes without its interval. Takes a second; nothing is stored.
    """
    return measure_asked(caller, asked)


def measure_asked(caller: Principal, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verdict on what :class:`EffectQuerySchema` read; also for pages.

    Raises:
        PeriodReversedError, PeriodToComeError, StartOutsidePeriodError, MaterialUnknownError,
            SiteReferenceUnknownError, SiteOnBothSidesError: as
            :func:`rewards.statistics.effect.asking.choose_sites` says.
        RequestTooSlowError: measuring takes too long now.
    """
    timezone = ZoneInfo(caller.timezone)
    today = now().astimezone(timezone).date()
    question = EffectAsked(
        asked["material"],
        asked["last_day"] or today - datetime.timedelta(days=1),
        first_day=asked["first_day"],
        equipped_from=asked["equipped_from"],
        equipped=names_of(asked["equipped"]),
        control=names_of(asked["control"]),
        source=asked["kilograms_from"],
    )
    chosen = choose_sites(connection(), question, **tenant_of(caller), timezone=timezone, now=now())
    panel = read_panel(connection(), question, chosen, **tenant_of(caller), timezone=timezone)
    try:
        verdict = measure_apart(panel)
    except TimeoutError:
        raise RequestTooSlowError from None
    return {"material": question.material, "last_day": question.last_day, **verdict}


def names_of(written: str | None) -> list[str] | None:
    """Return what is separated by commas."""
    return None if written is None else [name for each in written.split(",") if (name := each.strip())]
