"""Does the scheme have an effect: the verdict with its interval and what it rests on, or what is lacking."""

import datetime
from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import fields

from partners_api.authorities.effects import measure_asked
from partners_api.languages import language_of_request
from partners_api.listings import render_csv
from partners_api.pages.authorities.charts import PictureSchema, answer_picture, look_of
from partners_api.pages.charts.effect import describe_effects, describe_trend, draw_effects, draw_trend
from partners_api.pages.effect_question import EffectQuestionSchema, effect_in_url
from partners_api.pages.effect_words import (
    list_effect_months,
    list_left_out,
    list_reasons,
    say_method,
    say_source,
    write_p,
)
from partners_api.pages.page import page, render
from partners_api.pages.translations import gettext
from partners_api.pages.words import write_material, write_short_day
from partners_api.services import PictureFormat
from rewards.access import Principal


class EffectPictureSchema(EffectQuestionSchema, PictureSchema):
    """The question of the page, and how the picture is wanted."""


class EffectMonthSchema(ma.Schema):
    """A month of the table."""

    month = fields.String()
    equipped_percent = fields.Float()
    control_percent = fields.Float()
    difference_points = fields.Float()


@page("/dashboard/effect", query=EffectQuestionSchema, again="effect.html")
def show_effect(caller: Principal, asked: dict[str, Any]) -> str:
    """Show whether equipped sites collect more than a control, or why that cannot be told yet."""
    verdict, language = measure_asked(caller, asked), language_of_request()
    return render(
        "effect.html",
        verdict=verdict,
        # A percentage never stands apart from its sign at the end of a line.
        sentence=verdict["sentence"][language].replace(" %", "%" if language == "en" else "\u00a0%"),
        reasons=list_reasons(verdict),
        method=say_method(verdict),
        kilograms_from=say_source(verdict),
        months=list_effect_months(verdict),
        left_out=list_left_out(verdict),
        effect_in_words=describe_effects(name_verdict(verdict), language),
        months_in_words=describe_trend(verdict, language),
        question=effect_in_url(),
        write_p=write_p,
        day_of=datetime.date.fromisoformat,
    )


@page("/dashboard/effect.csv", query=EffectQuestionSchema)
def send_effect_months(caller: Principal, asked: dict[str, Any]) -> Response:
    """Send both sides by month."""
    return render_csv(EffectMonthSchema(), list_effect_months(measure_asked(caller, asked)))


@page("/dashboard/charts/effect.<any(svg, png):picture_format>", query=EffectPictureSchema)
def show_effect_chart(caller: Principal, asked: dict[str, Any], *, picture_format: PictureFormat) -> Response:
    """Draw the effect with its interval."""
    verdict = measure_asked(caller, asked)
    look = look_of(asked, describe_question(verdict))
    return answer_picture(draw_effects(name_verdict(verdict), look), picture_format, look.language)


@page("/dashboard/charts/effect-months.<any(svg, png):picture_format>", query=EffectPictureSchema)
def show_effect_months_chart(caller: Principal, asked: dict[str, Any], *, picture_format: PictureFormat) -> Response:
    """Draw both sides by month."""
    verdict = measure_asked(caller, asked)
    look = look_of(asked, describe_question(verdict))
    return answer_picture(draw_trend(verdict, look), picture_format, look.language)


def name_verdict(verdict: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the verdict with its name in the chart."""
    return [(gettext("Equipped sites"), verdict)]


def describe_question(verdict: dict[str, Any]) -> str:
    """Return the second line of a chart: of what it is, and until when."""
    day = write_short_day(verdict["last_day"])
    return gettext("%(material)s, until %(day)s", material=write_material(verdict["material"]), day=day)
