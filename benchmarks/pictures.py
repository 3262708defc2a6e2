"""Pictures of a report: bars with the spread of the rounds, histograms, curves. Axes begin at zero."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import OUR_RATES, services_in_words
from bontri.charts.pictures import write_picture

Report = dict[str, Any]
Spec = dict[str, Any]

OURS, PEERS, CEILINGS = "Bontri", "peers, no ledger", "ceilings"
GREEN = "#1b7837"
COLOURS = {"domain": [OURS, PEERS, CEILINGS], "range": [GREEN, "#7b8794", "#c2a5cf"]}
WIDTH = 560
SOAK_TITLES = {
    "worker_mb": "worker, MB",
    "api_mb": "API, all processes, MB",
    "broker_mb": "broker, MB",
    "worker_descriptors": "worker, open descriptors",
    "api_descriptors": "API, open descriptors",
    "connections": "connections to PostgreSQL",
}


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """Write the pictures of a report into an existing folder."""
    makers = MAKERS[report["bench"]]
    return [write_picture(make(report), folder / f"{name}.svg") for name, make in makers.items()]


def subtitle(report: Report) -> str:
    """Tell what the figures were made on."""
    machine = report["machine"]
    return f"{machine['cpu_count']} cores, {machine['cpu']}; {services_in_words(report)}"


def kind_of(name: str, report: Report) -> str:
    """Tell whose bar it is."""
    if name in OUR_RATES:
        return OURS
    return PEERS if name in report["peers"] else CEILINGS


def rates_picture(report: Report) -> Spec:
    """Draw the rates of ``bench ingest``, fastest first, with the lowest and highest round."""
    rows = [
        {
            "name": name.replace("_", " "),
            "kind": kind_of(name, report),
            "median": rate["median_per_s"],
            "lowest": rate["lowest_per_s"],
            "highest": rate["highest_per_s"],
        }
        for name, rate in report["rates"].items()
    ]
    order = [row["name"] for row in sorted(rows, key=lambda row: -row["median"])]
    y = {"field": "name", "type": "nominal", "sort": order, "title": None}
    text = {"field": "median", "type": "quantitative", "format": ",d"}
    legend = {"orient": "bottom"}
    colour = {"field": "kind", "type": "nominal", "title": None, "scale": COLOURS, "legend": legend}
    title = "per second (median; line: lowest to highest round)"
    return {
        "title": {"text": f"Deposits a second, {report['messages']:,} messages", "subtitle": subtitle(report)},
        "data": {"values": rows},
        "width": WIDTH,
        "height": {"step": 26},
        "layer": [
            bars("median", y, colour, title=title, most=max(row["highest"] for row in rows)),
            whiskers(y),
            {
                "mark": {"type": "text", "align": "left", "dx": 8, "color": "#333"},
                "encoding": {"x": {"field": "highest", "type": "quantitative"}, "y": y, "text": text},
            },
        ],
    }


def bars(field: str, y: Spec, colour: Spec, *, title: str, most: float) -> Spec:
    """Draw horizontal bars from zero, with room for a figure behind the longest."""
    scale = {"domain": [0, most * 1.12], "nice": False}
    x = {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": {"format": "~s"}}
    return {"mark": {"type": "bar", "height": 16}, "encoding": {"x": x, "y": y, "color": colour}}


def whiskers(y: Spec) -> Spec:
    """Draw a line from the lowest to the highest round."""
    x = {"field": "lowest", "type": "quantitative"}
    return {
        "mark": {"type": "rule", "color": "#222", "strokeWidth": 1.5},
        "encoding": {"x": x, "x2": {"field": "highest"}, "y": y},
    }


def killed_picture(report: Report) -> Spec:
    """Draw what each pipeline lost and doubled when it was killed, in per cent of what was published."""
    rows = [
        {"name": name.replace("_", " "), "what": what, "share": each[what] / each["published"], "count": each[what]}
        for name, each in report["killed"].items()
        for what in ("lost", "doubled")
    ]
    names = list(dict.fromkeys(row["name"] for row in rows))
    y = {"field": "name", "type": "nominal", "sort": names, "title": None}
    colours = {"domain": ["lost", "doubled"], "range": ["#b2182b", "#ef8a62"]}
    offset = {"field": "what", "sort": ["lost", "doubled"]}
    share = {"field": "share", "type": "quantitative", "stack": None}
    return {
        "title": {"text": "Killed (-9) in mid-load and started again", "subtitle": subtitle(report)},
        "data": {"values": rows},
        "width": WIDTH,
        "height": {"step": 14},
        "layer": [
            {
                "mark": {"type": "bar"},
                "encoding": {
                    "x": {
                        **share,
                        "title": "share of the deposits published",
                        "axis": {"format": "%"},
                        "scale": {"domainMin": 0, "domainMax": max(0.1, *(row["share"] * 1.15 for row in rows))},
                    },
                    "y": y,
                    "yOffset": offset,
                    "color": {"field": "what", "type": "nominal", "title": None, "scale": colours},
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 10, "color": "#333"},
                "encoding": {
                    "x": share,
                    "y": y,
                    "yOffset": offset,
                    "text": {"field": "count", "type": "quantitative", "format": ",d"},
                },
            },
        ],
    }


def latency_picture(report: Report) -> Spec:
    """Draw histograms of the two times, with their median and 99th percentile."""
    titles = {"points": "points readable in the API", "receipt": "receipt at the bin"}
    most = max(max(samples) for samples in report["samples_ms"].values())
    return {
        "title": {
            "text": f"From a deposit, at {report['published_per_s']:,} deposits a second",
            "subtitle": subtitle(report),
        },
        "vconcat": [
            histogram(report["samples_ms"][name], report[f"{name}_ms"], title=title, most=most)
            for name, title in titles.items()
        ],
    }


def histogram(samples: list[float], quantiles: dict[str, float], *, title: str, most: float) -> Spec:
    """Draw how many samples fell where."""
    scale = {"domain": [0, most]}
    marked: list[Spec] = [
        {"ms": quantiles[name], "name": f"{name} {quantiles[name]:,.0f} ms"} for name in ("p50", "p99")
    ]
    ms = {"field": "ms", "type": "quantitative", "scale": scale, "axis": {"tickCount": 10}}
    return {
        "width": WIDTH,
        "height": 130,
        "layer": [
            {
                "data": {"values": [{"ms": each} for each in samples]},
                "mark": {"type": "bar", "color": GREEN},
                "encoding": {
                    "x": {**ms, "bin": {"maxbins": 60, "extent": [0, most]}, "title": f"ms to {title}"},
                    "y": {"aggregate": "count", "type": "quantitative", "title": "probes"},
                },
            },
            {
                "data": {"values": marked},
                "mark": {"type": "rule", "color": "#222", "strokeDash": [4, 3]},
                "encoding": {"x": ms},
            },
            *(label(each, ms, is_left_of_line=each["ms"] > 0.8 * most) for each in marked),
        ],
    }


def label(marked: Spec, x: Spec, *, is_left_of_line: bool) -> Spec:
    """Write what a line marks beside it, on the side where there is room."""
    align, dx = ("right", -4) if is_left_of_line else ("left", 4)
    return {
        "data": {"values": [marked]},
        "mark": {"type": "text", "align": align, "dx": dx, "y": 8, "color": "#222"},
        "encoding": {"x": x, "text": {"field": "name"}},
    }


def growth_picture(report: Report) -> Spec:
    """Draw the cost of an event with either history: median, and lowest to highest round."""
    rows = [
        {
            "name": f"{report[name]:,} stored",
            "median": 1e6 / rate["median_per_s"],
            "lowest": 1e6 / rate["highest_per_s"],
            "highest": 1e6 / rate["lowest_per_s"],
        }
        for name, rate in report["rates"].items()
    ]
    y = {"field": "name", "type": "nominal", "sort": [row["name"] for row in rows], "title": None}
    title = "µs an event (median; line: lowest to highest round)"
    return {
        "title": {
            "text": f"Cost of an event by what is stored: {report['ratios']['large_to_small']:.2f} times",
            "subtitle": subtitle(report),
        },
        "data": {"values": rows},
        "width": WIDTH,
        "height": {"step": 34},
        "layer": [
            bars("median", y, {"value": GREEN}, title=title, most=max(row["highest"] for row in rows)),
            whiskers(y),
        ],
    }


def stats_picture(report: Report) -> Spec:
    """Draw how long each figure takes with few deposits and with many: median, and lowest to highest round."""
    rows = [
        {
            "name": name.replace("_", " "),
            "size": f"{report[size]:,} deposits",
            **{each: figure[size][f"{each}_ms"] for each in ("median", "lowest", "highest")},
        }
        for name, figure in report["figures"].items()
        for size in ("small", "large")
    ]
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    y = {"field": "name", "type": "nominal", "sort": list(report["figures"]), "title": None}
    offset = {"field": "size", "sort": sizes}
    legend = {"orient": "bottom"}
    scale = {"domain": sizes, "range": ["#c2a5cf", GREEN]}
    colour = {"field": "size", "type": "nominal", "title": None, "scale": scale, "legend": legend}
    title = "ms (median; line: lowest to highest round)"
    layers = [bars("median", y, colour, title=title, most=max(row["highest"] for row in rows)), whiskers(y)]
    for layer in layers:
        layer["encoding"]["yOffset"] = offset
    layers[0]["mark"] = {"type": "bar"}
    return {
        "title": {"text": report["what"], "subtitle": subtitle(report)},
        "data": {"values": rows},
        "width": WIDTH,
        "height": {"step": 14},
        "layer": layers,
    }


def rewards_picture(report: Report) -> Spec:
    """Draw the two pairs of ``bench rewards``: what the domain does, and the ceiling beside it."""
    titles = {
        "vouchers_ours": ("vouchers, Bontri", OURS),
        "vouchers_pgbench": ("vouchers, pgbench", CEILINGS),
        "expiry_job": ("lots expired, Bontri", OURS),
        "expiry_insert": ("transfers, one INSERT", CEILINGS),
    }
    panels = [
        rate_panel([row_of(report["rates"][name], *titles[name]) for name in pair])
        for pair in (("vouchers_ours", "vouchers_pgbench"), ("expiry_job", "expiry_insert"))
    ]
    return {"title": {"text": report["what"], "subtitle": subtitle(report)}, "vconcat": panels}


def api_picture(report: Report) -> Spec:
    """Draw the two pairs of ``bench api``: what a client is answered, and what bounds it."""
    titles = {
        "redemption": ("redemption over HTTP", OURS),
        "redemption_pgbench": ("the statements, pgbench", CEILINGS),
        "balance": ("balance over HTTP", OURS),
        "empty_route": ("an empty route", CEILINGS),
    }
    panels = [
        rate_panel([row_of(report["rates"][name], *titles[name]) for name in pair])
        for pair in (("redemption", "redemption_pgbench"), ("balance", "empty_route"))
    ]
    return {"title": {"text": report["what"], "subtitle": subtitle(report)}, "vconcat": panels}


def paced_picture(report: Report) -> Spec:
    """Draw histograms of the paced redemptions, with and without deposits beside them."""
    titles = {"quiet": "the redemption, nothing else at work", "beside": "the redemption, while deposits come in"}
    most = max(max(samples) for samples in report["samples_ms"].values())
    panels = [
        histogram(report["samples_ms"][name], report["redemptions_paced"][name]["ms"], title=title, most=most)
        for name, title in titles.items()
    ]
    text = f"{report['paced']:g} redemptions a second, and {report['published_per_s']:,} deposits a second"
    return {"title": {"text": text, "subtitle": subtitle(report)}, "vconcat": panels}


def row_of(rate: dict[str, Any], name: str, kind: str) -> Spec:
    """Return a rate as a bar is drawn from it."""
    facts = {each: rate[f"{each}_per_s"] for each in ("median", "lowest", "highest")}
    return {"name": name, "kind": kind, **facts}


def rate_panel(rows: list[Spec]) -> Spec:
    """Draw a few rates on an axis of their own."""
    y = {"field": "name", "type": "nominal", "sort": [row["name"] for row in rows], "title": None}
    colour = {"field": "kind", "type": "nominal", "title": None, "scale": COLOURS, "legend": None}
    title = "per second (median; line: lowest to highest round)"
    return {
        "data": {"values": rows},
        "width": WIDTH,
        "height": {"step": 26},
        "layer": [bars("median", y, colour, title=title, most=max(row["highest"] for row in rows)), whiskers(y)],
    }


def redemptions_picture(report: Report) -> Spec:
    """Draw histograms of the redemptions, with and without the job beside them."""
    titles = {"quiet": "the redemption, nothing else at work", "beside": "the redemption, while points expire"}
    most = max(max(report["samples_ms"][name], default=1.0) for name in titles)
    panels = [
        histogram(report["samples_ms"][name], report["redemptions"][name]["ms"], title=title, most=most)
        for name, title in titles.items()
        if report["samples_ms"][name]
    ]
    text = f"{report['rate']:g} redemptions a second, and {report['lots']:,} lots that expire"
    return {"title": {"text": text, "subtitle": subtitle(report)}, "vconcat": panels}


def soak_picture(report: Report) -> Spec:
    """Draw a curve per series, with what was fitted to it in words."""
    minutes = [each / 60 for each in report["samples"]["seconds"]]
    return {
        "title": {
            "text": f"{report['minutes']:g} minutes at {report['published_per_s']:,} deposits a second",
            "subtitle": subtitle(report),
        },
        "columns": 2,
        "concat": [curve(minutes, report["samples"][name], report["slopes"][name], name) for name in SOAK_TITLES],
    }


def curve(minutes: list[float], values: list[float], slope: dict[str, Any], name: str) -> Spec:
    """Draw one series from zero."""
    words = f"{slope['per_hour']:+.2f} ± {slope['standard_error']:.2f} an hour: {slope['verdict']}"
    rows = [{"minutes": at, "value": value} for at, value in zip(minutes, values, strict=True)]
    return {
        "title": {"text": SOAK_TITLES[name], "subtitle": words, "fontSize": 12},
        "data": {"values": rows},
        "width": WIDTH // 2,
        "height": 110,
        "mark": {"type": "line", "color": GREEN, "strokeWidth": 1.5},
        "encoding": {
            "x": {"field": "minutes", "type": "quantitative", "title": "minutes"},
            "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": True}},
        },
    }


MAKERS: dict[str, dict[str, Callable[[Report], Spec]]] = {
    "ingest": {"ingest": rates_picture, "killed": killed_picture},
    "latency": {"latency": latency_picture},
    "stats": {"stats": stats_picture},
    "growth": {"growth": growth_picture},
    "soak": {"soak": soak_picture},
    "rewards": {"rewards": rewards_picture, "redemptions": redemptions_picture},
    "api": {"api": api_picture, "paced": paced_picture},
}
