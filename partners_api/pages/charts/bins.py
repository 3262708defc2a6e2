"""How full bins are, and between which days they will be full: those that come first, on top."""

import datetime
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from partners_api.pages.charts.look import ROW_HEIGHT, Look, Spec, amounts, frame, lying_bars, name_axis
from partners_api.pages.charts.months import SHORT
from partners_api.pages.charts.numbers import write
from rewards.languages import Language
from rewards.statistics.bin_attendance import BinAttendance

BINS_MAX = 20
ALARM_PCT = 80

WORDS: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "levels": "Remplissage des bornes, les plus pleines d'abord",
        "axis": "remplissage, % ; ▲ 80 % ou plus",
        "dates": "Quand les bornes seront pleines, les plus proches d'abord",
        "day": "jour probable et fourchette",
        "open": "peut-être pas avant un an",
        "alt_levels": "{shown} bornes sur {all} : la plus pleine, {name}, à {most} % ; {over} à 80 % ou plus.",
        "alt_dates": "{shown} bornes sur {all} ont une prévision : la première, {name}, pleine vers le {likely}, entre"
        " le {earliest} et le {latest}.",
    },
    "en": {
        "levels": "How full bins are, the fullest first",
        "axis": "full, %; ▲ 80% or more",
        "dates": "When bins will be full, the soonest first",
        "day": "likely day, and range",
        "open": "perhaps not within a year",
        "alt_levels": "{shown} bins of {all}: the fullest, {name}, at {most}%; {over} at 80% or more.",
        "alt_dates": "{shown} bins of {all} have a forecast: the first, {name}, full about {likely}, between {earliest}"
        " and {latest}.",
    },
}


def name_of(each: BinAttendance) -> str:
    """Return what a bin is called: its site, and itself."""
    return f"{each.site} · {each.bin_id}" if each.site else each.bin_id


def list_fullest(bins: Sequence[BinAttendance]) -> list[tuple[BinAttendance, int]]:
    """List those whose level is known, the fullest first."""
    known = [(each, each.fill_pct) for each in bins if each.fill_pct is not None]
    return sorted(known, key=lambda each: (-each[1], each[0].bin_id))


def draw_levels(bins: Sequence[BinAttendance], look: Look) -> Spec | None:
    """Return levels as bars from zero to a hundred; None where none is known."""
    shown = list_fullest(bins)[:BINS_MAX]
    if not shown:
        return None
    words, palette = WORDS[look.language], look.palette
    rows = [
        {"name": name_of(each), "pct": pct, "label": f"{pct} %{' ▲' if pct >= ALARM_PCT else ''}"}
        for each, pct in shown
    ]
    x = amounts("pct", words["axis"], domain=[0, 130 if look.is_narrow else 110], nice=False)
    x["axis"] = {"values": [0, 25, 50, 75, 100]}
    full = {"condition": {"test": f"datum.pct >= {ALARM_PCT}", "value": palette.alarm}, "value": palette.first}
    layers = lying_bars(look, x, {"color": full})
    alt = describe_levels(bins, look.language)
    return frame(look, words["levels"], layers, alt=alt, height=ROW_HEIGHT * len(rows), data={"values": rows})


def describe_levels(bins: Sequence[BinAttendance], language: Language) -> str:
    """Say the same in a sentence."""
    known = list_fullest(bins)
    if not known:
        return ""
    (fullest, most), over = known[0], sum(pct >= ALARM_PCT for _, pct in known)
    words, facts = WORDS[language], {"shown": min(len(known), BINS_MAX), "all": len(bins)}
    return words["alt_levels"].format(**facts, name=name_of(fullest), most=most, over=over)


Dated = tuple[BinAttendance, datetime.date, datetime.date, datetime.date | None]


def list_soonest(bins: Sequence[BinAttendance], timezone: ZoneInfo) -> list[Dated]:
    """List (bin, likely day, earliest, latest or None) of those with a forecast, the soonest first."""
    found: list[Dated] = []
    for each in bins:
        if each.full_likely_at is not None and each.full_earliest_at is not None:
            latest = None if each.full_latest_at is None else each.full_latest_at.astimezone(timezone).date()
            likely, earliest = (at.astimezone(timezone).date() for at in (each.full_likely_at, each.full_earliest_at))
            found.append((each, likely, earliest, latest))
    return sorted(found, key=lambda dated: (dated[1], dated[0].bin_id))


def draw_full_dates(bins: Sequence[BinAttendance], look: Look, *, timezone: ZoneInfo) -> Spec | None:
    """Return likely days with their ranges, an arrow where the range has no end; None without a forecast."""
    shown = list_soonest(bins, timezone)[:BINS_MAX]
    if not shown:
        return None
    words, palette = WORDS[look.language], look.palette
    ends = [day for _, likely, earliest, latest in shown for day in (likely, earliest, latest) if day is not None]
    furthest = max(ends) + datetime.timedelta(days=1)
    rows = [
        {
            "name": name_of(each),
            "likely": f"{likely}",
            "earliest": f"{earliest}",
            "latest": f"{latest or furthest}",
            "is_open": latest is None,
        }
        for each, likely, earliest, latest in shown
    ]
    domain = [f"{min(ends)}", f"{furthest}"]
    axis = {"format": "%-d %b", "labelAngle": 0, "tickCount": 4 if look.is_narrow else 8, "labelOverlap": True}
    x = {"type": "temporal", "title": words["day"], "axis": axis, "scale": {"type": "utc", "domain": domain}}
    y = name_axis(look)
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 4, "color": palette.first, "opacity": 0.55},
            "encoding": {"x": {**x, "field": "earliest"}, "x2": {"field": "latest"}, "y": y},
        },
        {
            "transform": [{"filter": "datum.is_open"}],
            "mark": {"type": "point", "shape": "triangle-right", "filled": True, "size": 90, "color": palette.first},
            "encoding": {"x": {**x, "field": "latest"}, "y": y},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 90, "color": palette.first, "opacity": 1},
            "encoding": {"x": {**x, "field": "likely"}, "y": y},
        },
    ]
    alt = describe_full_dates(bins, look.language, timezone=timezone)
    return frame(look, words["dates"], layers, alt=alt, height=ROW_HEIGHT * len(rows), data={"values": rows})


def describe_full_dates(bins: Sequence[BinAttendance], language: Language, *, timezone: ZoneInfo) -> str:
    """Say the same in a sentence."""
    found = list_soonest(bins, timezone)
    if not found:
        return ""
    words = WORDS[language]
    each, likely, earliest, latest = found[0]
    days = {name: f"{day.day} {SHORT[language][day.month - 1]} {day.year}" for name, day in
            (("likely", likely), ("earliest", earliest), ("latest", latest)) if day is not None}  # fmt: skip
    facts = {"shown": write(min(len(found), BINS_MAX), language), "all": len(bins), "name": name_of(each)}
    return words["alt_dates"].format(**facts, **{"latest": words["open"], **days})
