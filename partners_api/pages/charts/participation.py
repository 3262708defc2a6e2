"""Who takes part by month: active holders, those of them that are new; months of few people are withheld."""

from collections.abc import Mapping, Sequence

from partners_api.pages.charts.look import Look, Spec, amounts, frame, hatched, states
from partners_api.pages.charts.months import months_axis, name_short
from partners_api.pages.charts.numbers import write
from rewards.languages import Language
from rewards.statistics.participation.shares import Participation

WORDS: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "title": "Porteurs actifs par mois",
        "axis": "porteurs actifs",
        "new": "nouveaux",
        "known": "déjà venus",
        "all": "nouveaux ou déjà venus : masqué",
        "withheld": "masqué",
        "alt": "{first} à {last} : {least} à {most} porteurs actifs par mois ; {new} nouveaux en tout dans les mois"
        " montrés. Mois masqués, car ils parleraient de moins de 11 personnes : {withheld}.",
        "alt_none": "{first} à {last} : tous les mois sont masqués, car ils parleraient de moins de 11 personnes.",
    },
    "en": {
        "title": "Active holders by month",
        "axis": "active holders",
        "new": "new",
        "known": "came before",
        "all": "new or not: withheld",
        "withheld": "withheld",
        "alt": "{first} to {last}: {least} to {most} active holders a month; {new} new in all in months that are shown."
        " Months withheld, as they would tell of fewer than 11 people: {withheld}.",
        "alt_none": "{first} to {last}: no month is shown, as each would tell of fewer than 11 people.",
    },
}


def draw_participation(counted: Sequence[Participation], look: Look) -> Spec | None:
    """Return the chart of months of one place and material, oldest first; None where there are none."""
    if not counted:
        return None
    words, palette = WORDS[look.language], look.palette
    rows = []
    for each in counted:
        month = f"{each.first_day}"
        if each.holders is None:
            continue
        if each.new_holders is None:
            rows.append({"month": month, "holders": each.holders, "kind": words["all"], "order": 0})
        else:
            rows.append(
                {"month": month, "holders": each.holders - each.new_holders, "kind": words["known"], "order": 0}
            )
            rows.append({"month": month, "holders": each.new_holders, "kind": words["new"], "order": 1})
    x = months_axis(look, [each.first_day for each in counted])
    forms = {words["known"]: "first", words["new"]: "second", words["all"]: "incomplete"}
    there = {row["kind"] for row in rows}
    withheld = [{"month": f"{each.first_day}", "word": words["withheld"]} for each in counted if each.holders is None]
    layers: list[Spec] = []
    if withheld:
        at = {"data": {"values": withheld}}
        word = {"type": "text", "angle": 270, "align": "center", "y": {"expr": "height / 2"}, "color": palette.ink}
        # On the ground of the page, so that the word can be read between the stripes.
        ground = {**word, "stroke": palette.ground, "strokeWidth": 5}
        text = {"x": x, "text": {"field": "word"}}
        layers += [
            {**at, "mark": hatched(palette), "encoding": {"x": x, "y": {"value": 0}, "y2": {"value": "height"}}},
            {**at, "mark": ground, "encoding": text},
            {**at, "mark": word, "encoding": text},
        ]
    if rows:
        told = states(look, "kind", [(kind, form) for kind, form in forms.items() if kind in there])
        y = {**amounts("holders", words["axis"]), "stack": "zero"}
        bars = {"x": x, "y": y, "order": {"field": "order"}, **told}
        layers.append({"data": {"values": rows}, "mark": {"type": "bar", "strokeWidth": 1}, "encoding": bars})
    return frame(look, words["title"], layers, alt=describe_participation(counted, look.language))


def describe_participation(counted: Sequence[Participation], language: Language) -> str:
    """Say the same in a sentence; nothing that is withheld."""
    if not counted:
        return ""
    shown = [each for each in counted if each.holders is not None]
    days = {"first": counted[0].first_day, "last": counted[-1].first_day}
    months = {name: name_short(day, language) for name, day in days.items()}
    holders = [each.holders for each in counted if each.holders is not None]
    if not holders:
        return WORDS[language]["alt_none"].format(**months)
    return WORDS[language]["alt"].format(
        **months,
        least=write(min(holders), language),
        most=write(max(holders), language),
        new=write(sum(each.new_holders or 0 for each in counted), language),
        withheld=len(counted) - len(shown),
    )
