"""The pictures of reports: months, communes, the effect; from zero, in parts of the axis, which the template draws."""

from collections.abc import Sequence

from bontri.documents.report_voice import Facts, Voice, top_of
from rewards.languages import name_month
from rewards.statistics.annual_report.facts import CommuneOfYear, MonthOfYear
from rewards.statistics.annual_report.public import PublicCommune, PublicMonth


def chart_of_months(voice: Voice, months: Sequence[MonthOfYear | PublicMonth]) -> Facts:
    """Draw the twelve months; what is unknown is hatched."""
    words = voice.words
    masses = [None if each.mass_g is None else each.mass_g / 1_000_000 for each in months]
    top = top_of(masses)
    names = [name_month(each.month, voice.language).split()[0] for each in months]
    told = [
        voice.number(mass, 1) if mass is not None else words["not_told" if each.told == "not_published" else each.told]
        for mass, each in zip(masses, months, strict=True)
    ]
    return {
        "kind": "columns",
        "title": words["chart_months"],
        "note": f"{words['from_zero']} {words['hatched']}" if None in masses else words["from_zero"],
        "alt": f"{words['chart_months']}: "
        + ", ".join(f"{name} {each}" for name, each in zip(names, told, strict=True)),
        "ticks": [voice.number(top * part / 4, 1 if top < 40 else 0) for part in range(5)],
        "columns": [
            {
                "label": name[:3] if voice.language == "en" else shorten(name),
                "told": voice.number(mass, 1) if mass is not None else "",
                "part": None if mass is None else mass / top,
            }
            for name, mass in zip(names, masses, strict=True)
        ],
    }


def chart_of_communes(voice: Voice, communes: Sequence[CommuneOfYear | PublicCommune], *, by_mass: bool) -> Facts:
    """Draw communes by kilograms an inhabitant where the year is published, else by mass."""

    def of(each: CommuneOfYear | PublicCommune) -> float | None:
        if by_mass:
            return None if each.amount.mass_g is None else each.amount.mass_g / 1000
        return each.kg_per_inhabitant

    ranked = sorted(communes, key=lambda each: (of(each) is None, -(of(each) or 0)))[:20]
    rows = [
        (
            each.name,
            of(each),
            voice.mass(each.amount) if by_mass or of(each) is None else voice.number(of(each), 2),
            False,
        )
        for each in ranked
    ]
    return voice.bars("chart_communes_mass" if by_mass else "chart_communes", rows)


def chart_of_effect(voice: Voice, found: Facts) -> Facts:
    """Draw the interval on an axis that holds zero."""
    low, middle, high = found["low_percent"], found["percent"], found["high_percent"]
    reach = top_of([abs(low), abs(high)])
    first = -reach if low < 0 else 0.0
    span = reach - first
    return {
        "kind": "interval",
        "title": voice.words["chart_effect"],
        "alt": f"{voice.words['chart_effect']}: {voice.percent(middle, is_change=True)}, {say_interval(voice, found)}",
        "ticks": [voice.percent(first + span * part / 4, 1, is_change=True) for part in range(5)],
        "zero": -first / span,
        "low": (low - first) / span,
        "middle": (middle - first) / span,
        "high": (high - first) / span,
    }


def say_interval(voice: Voice, found: Facts) -> str:
    """Say between what the effect lies."""
    low, high = (voice.percent(found[end], is_change=True) for end in ("low_percent", "high_percent"))
    return voice.words["between"].format(low=low, high=high)


def shorten(month: str) -> str:
    """Return a French month as calendars shorten it: janv., mars, oct."""
    if len(month) <= 4:
        return month
    letters = {"octobre": 3, "novembre": 3, "décembre": 3, "février": 5, "juillet": 5}.get(month, 4)
    return f"{month[:letters]}."
