"""Sites and communes by kilograms, each with what to do there and why."""

from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.figure_schemas import InPeriodSchema, WordsSchema
from partners_api.listings import Page, listing, page_of
from partners_api.schemas import Integer
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.languages import LANGUAGES
from rewards.shop_register import CommuneUnknownError
from rewards.statistics.advice import ADVICE, NO_ADVICE, REASON_NAMES, Ranked, list_ranking, say
from rewards.statistics.figures import FiguresTooManyError, Question, period_of
from rewards.statistics.figures.rows import location_of
from rewards.statistics.periods import PeriodReversedError, PeriodToComeError, PeriodTooLongError
from rewards.statistics.unit_masses import MaterialUnknownError

Row = dict[str, Any]


class AdviceReasonSchema(ma.Schema):
    """A number an advice rests on, and what it was held against."""

    name = fields.String(required=True, validate=validate.OneOf(REASON_NAMES))
    value = fields.Float(required=True)
    threshold = fields.Float(required=True, allow_none=True)


class RankedSchema(ma.Schema):
    """A site or a commune, what it took, and at most one thing to do there."""

    place = Integer(required=True, metadata={"description": "In this list: the most kilograms first, the unknown last"})
    rank = Integer(required=True, allow_none=True, metadata={"description": "By kilograms; equals share one"})
    rank_per_bin_day = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "By kilograms a bin and day it stood there: a site equipped late is not last"},
    )
    site_id = fields.UUID(required=True, allow_none=True)
    site = fields.String(required=True, allow_none=True)
    insee_code = fields.String(required=True)
    commune = fields.String(required=True)
    address = fields.String(required=True, allow_none=True)
    latitude = fields.Float(required=True, allow_none=True)
    longitude = fields.Float(required=True, allow_none=True)
    bins = Integer(required=True, metadata={"description": "That stood there"})
    bin_days = Integer(required=True, metadata={"description": "Days they stood there, each bin's added up"})
    is_complete = fields.Boolean(
        required=True,
        metadata={"description": "The period is over, and every bin stood there and reported all the time"},
    )
    kg_total = fields.Float(required=True, allow_none=True)
    kg_per_bin_day = fields.Float(required=True, allow_none=True)
    full_pct = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Of the hours a level was told; null of communes, and where too few days have one"},
    )
    sites_advised = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Sites of a commune with something to do; null of sites"},
    )
    advice = fields.String(required=True, allow_none=True, validate=validate.OneOf(ADVICE))
    reasons = fields.List(fields.Nested(AdviceReasonSchema), required=True)
    no_advice = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(NO_ADVICE),
        metadata={"description": "Why nothing is advised: `nothing_to_do`, or what lacks"},
    )
    sentence = fields.Nested(WordsSchema, required=True, metadata={"description": "The same with its numbers"})


@listing(
    authorities,
    "/figures/ranking",
    audience="authority",
    role="viewer",
    item=RankedSchema,
    key=(int,),
    filters={
        **InPeriodSchema().declared_fields,
        "level": fields.String(load_default="site", validate=validate.OneOf(["site", "commune"])),
    },
    refuses=(
        PeriodReversedError,
        PeriodTooLongError,
        PeriodToComeError,
        FiguresTooManyError,
        CommuneUnknownError,
        MaterialUnknownError,
    ),
    is_on_a_map=True,
)
def show_ranking(caller: Principal, asked: dict[str, Any]) -> Page[Row]:
    """List the sites or communes of a period by kilograms, each with at most one thing to do and its reasons.

    Nothing is advised from data that are not complete; then `no_advice` says what lacks. Communes are nowhere on a map.
    """
    period = period_of("whole", asked["first_day"], asked["last_day"])
    question = Question(period, "whole", asked["level"], material=asked["material"], insee_code=asked["insee_code"])
    found = list_ranking(connection(), question, **tenant_of(caller), timezone=ZoneInfo(caller.timezone), now=now())
    [behind] = asked["after"] or [0]
    shown = found[behind : behind + asked["limit"]]
    return page_of([render_ranked(each) for each in shown], asked["limit"], lambda row: (row["place"],))


def render_ranked(each: Ranked) -> Row:
    """Return a site or commune as a row."""
    place, judgement = each.cell.place, each.judgement
    return {
        "place": each.place,
        "rank": each.rank,
        "rank_per_bin_day": each.rank_per_bin_day,
        **location_of(place),
        "bins": each.cell.coverage.bins,
        "bin_days": each.cell.coverage.bin_days,
        "is_complete": each.cell.is_complete,
        "kg_total": each.kg_total,
        "kg_per_bin_day": each.kg_per_bin_day,
        "full_pct": each.full_pct,
        "sites_advised": each.sites_advised,
        "advice": judgement.advice,
        "reasons": judgement.reasons,
        "no_advice": judgement.no_advice,
        "sentence": {language: say(judgement, language) for language in LANGUAGES},
    }
