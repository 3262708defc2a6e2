"""Sites by what they took: horizontal bars from zero, the most on top; incomplete ones look so."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from partners_api.pages.charts.look import ROW_HEIGHT, Look, Spec, amounts, frame, lying_bars, states
from partners_api.pages.charts.numbers import write
from rewards.languages import Language
from rewards.statistics.figures.of_sites import SiteFigures

SITES_MAX = 20

WORDS: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "title": "Sites par kilogrammes collectés",
        "axis": "kg",
        "whole": "bornes là et actives tout du long",
        "incomplete": "borne silencieuse, ou récente",
        "alt": "{shown} sites sur {all} : en tête {name} avec {most} kg, puis jusqu'à {least} kg ({last})."
        " Sans rien de connu : {unknown}.",
    },
    "en": {
        "title": "Sites by kilograms collected",
        "axis": "kg",
        "whole": "bins there and reporting all the time",
        "incomplete": "a bin silent, or new",
        "alt": "{shown} sites of {all}: first {name} with {most} kg, down to {least} kg ({last}). With nothing"
        " known: {unknown}.",
    },
}

Ranked = tuple[SiteFigures, float]


def rank(sites: Sequence[SiteFigures]) -> list[Ranked]:
    """List the sites whose kilograms are known, the most first."""
    found = ((site, site.cell.figures["kg_total"]) for site in sites)
    known = [(site, float(kg)) for site, kg in found if isinstance(kg, (int, Decimal))]
    return sorted(known, key=lambda each: (-each[1], each[0].cell.place.site or ""))


def name_of(site: SiteFigures) -> str:
    """Return what a site is called."""
    place = site.cell.place
    return f"{place.site} · {place.commune}" if place.commune else f"{place.site}"


def draw_sites(sites: Sequence[SiteFigures], look: Look) -> Spec | None:
    """Return the chart; None where nothing is known."""
    shown = rank(sites)[:SITES_MAX]
    if not shown:
        return None
    words = WORDS[look.language]
    state = {True: words["whole"], False: words["incomplete"]}
    rows = [
        {
            "name": name_of(site),
            "kg": kg,
            "label": write(kg, look.language),
            "state": state[site.cell.coverage.is_whole],
        }
        for site, kg in shown
    ]
    there = {row["state"] for row in rows}
    forms = [(state[True], "first"), (state[False], "incomplete")]
    x = amounts("kg", words["axis"], domain=[0, shown[0][1] * (1.25 if look.is_narrow else 1.12) or 1])
    layers = lying_bars(look, x, states(look, "state", [each for each in forms if each[0] in there]))
    alt = describe_sites(sites, look.language)
    return frame(look, words["title"], layers, alt=alt, height=ROW_HEIGHT * len(rows), data={"values": rows})


def describe_sites(sites: Sequence[SiteFigures], language: Language) -> str:
    """Say the same in a sentence."""
    known = rank(sites)
    if not known:
        return ""
    shown = known[:SITES_MAX]
    return WORDS[language]["alt"].format(
        shown=len(shown),
        all=len(sites),
        name=name_of(shown[0][0]),
        most=write(shown[0][1], language),
        least=write(shown[-1][1], language),
        last=name_of(shown[-1][0]),
        unknown=len(sites) - len(known),
    )
