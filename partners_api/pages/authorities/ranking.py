"""The ranking of sites or communes, with what to do there and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields, validate

from partners_api.authorities.named_places import require_place
from partners_api.languages import language_of_request
from partners_api.pages.charts.sites import describe_sites
from partners_api.pages.page import page, render
from partners_api.pages.questions import PlaceQuestionSchema, name_of_place, when_of
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.advice import ADVICE, THRESHOLDS, WHAT_TO_DO, Ranked, list_ranking, say
from rewards.statistics.figures import Question, period_of
from rewards.statistics.figures.of_sites import SiteFigures

SHOWN_MAX = 200
"""A page of more would be too heavy for a telephone; the CSV has all."""


class RankingQuerySchema(PlaceQuestionSchema):
    """The question of pages, about sites or communes."""

    level = fields.String(load_default="site", validate=validate.OneOf(["site", "commune"]))


def list_ranked(caller: Principal, asked: Mapping[str, Any]) -> list[Ranked]:
    """List the sites or communes where a bin stood, the most kilograms first; a site keeps its place among all.

    Raises:
        CommuneUnknownError, SiteMissingError, MaterialUnknownError: it names something unknown.
    """
    require_place(caller, asked)
    period = period_of("whole", asked["first_day"], asked["last_day"])
    question = Question(period, "whole", asked["level"], material=asked["material"], insee_code=asked["insee_code"])
    found = list_ranking(connection(), question, **when_of(caller))
    return [each for each in found if each.cell.coverage.bins and asked["site"] in (None, each.cell.place.site)]


@page("/dashboard/ranking", query=RankingQuerySchema)
def show_ranking_page(caller: Principal, asked: dict[str, Any]) -> str:
    """Show sites or communes by kilograms, and what to do with each."""
    language = language_of_request()
    found = list_ranked(caller, asked)
    counted = Counter(each.judgement.advice for each in found if each.judgement.advice)
    return render(
        "ranking.html",
        asked=asked,
        place=name_of_place(asked),
        period=period_of("whole", asked["first_day"], asked["last_day"]),
        found=found,
        shown=choose_shown(found),
        paces_max=max((each.kg_per_bin_day for each in found if each.kg_per_bin_day), default=None),
        counted={kind: counted[kind] for kind in ADVICE if counted[kind]},
        urgency={kind: number for number, kind in enumerate(ADVICE)},
        what_to_do={kind: words[language] for kind, words in WHAT_TO_DO.items()},
        say=lambda each: say(each.judgement, language),
        thresholds=[(each, each.meaning[language]) for each in THRESHOLDS.values()],
        sites_in_words=describe_sites([SiteFigures(each.cell, {}) for each in found], language),
    )


def choose_shown(found: Sequence[Ranked]) -> list[Ranked]:
    """Return the places a page has room for, in order: those with an advice first of all. Pure."""
    advised = [each for each in found if each.judgement.advice]
    others = [each for each in found if not each.judgement.advice]
    return sorted([*advised, *others][:SHOWN_MAX], key=lambda each: each.place)
