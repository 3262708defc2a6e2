"""The axis of months, in the words of a language, as many of them as there is room for."""

import datetime
from collections.abc import Sequence
from typing import Any

from partners_api.pages.charts.look import Look
from rewards.languages import Language

SHORT: dict[Language, list[str]] = {
    "fr": ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
}
LABELS_MAX, LABELS_MAX_NARROW = 14, 6


def name_short(month: datetime.date, language: Language) -> str:
    """Return "nov. 2026"."""
    return f"{SHORT[language][month.month - 1]} {month.year}"


def months_axis(look: Look, months: Sequence[datetime.date]) -> dict[str, Any]:
    """Return the encoding of a band for each month; the year stands below the first label and each January."""
    most = LABELS_MAX_NARROW if look.is_narrow else LABELS_MAX
    every = -(-len(months) // most)
    shown = months[::every]
    words: dict[str, list[str]] = {}
    year = None
    for month in shown:
        words[f"{month}"] = [SHORT[look.language][month.month - 1], *([str(month.year)] if month.year != year else [])]
        year = month.year
    axis = {
        "values": [f"{month}" for month in shown],
        "labelExpr": f"{words}[datum.value]",
        "labelAngle": 0,
        "title": None,
        "labelOverlap": False,
        "ticks": False,
    }
    domain = [f"{month}" for month in months]
    return {"field": "month", "type": "ordinal", "scale": {"domain": domain, "paddingInner": 0.25}, "axis": axis}
