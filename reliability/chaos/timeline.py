"""The picture of a storm: what was committed, second by second, over the faults that happened meanwhile."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from reliability.chaos.schedule import KILLS
from reliability.chaos.storm import Storm
from reliability.chaos.watching import Sample

WIDTH_PX, COMMITS_PX, ROW_PX = 960, 200, 15
MARK_S = 0.4
"""A fault without a duration still has to be seen."""
KILLED, TROUBLED, RESTORED = "#c0392b", "#d68910", "#1f618d"
COMMITTED = "#1e8449"


def draw_timeline(storm: Storm, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return the picture as a Vega-Lite specification."""
    seconds = {"field": "second", "type": "quantitative", "title": None}
    kinds = sorted({each.kind for each in storm.happened}, key=lambda kind: (kind not in KILLS, kind))
    commits = {
        "width": WIDTH_PX,
        "height": COMMITS_PX,
        "data": {"values": count_commits(samples, storm.began_s)},
        "mark": {"type": "area", "interpolate": "step-after", "color": COMMITTED, "opacity": 0.8},
        "encoding": {
            "x": {**seconds, "axis": {"labels": False}},
            "y": {"field": "events", "type": "quantitative", "title": "deposits committed per second"},
        },
    }
    faults = {
        "width": WIDTH_PX,
        "height": ROW_PX * len(kinds),
        "data": {
            "values": [
                {
                    "kind": each.kind,
                    "from": round(each.from_s - storm.began_s, 2),
                    "until": round(max(each.until_s, each.from_s + MARK_S) - storm.began_s, 2),
                    "sort": kind_of(each.kind),
                }
                for each in storm.happened
            ]
        },
        "mark": {"type": "bar", "height": ROW_PX - 4},
        "encoding": {
            "x": {"field": "from", "type": "quantitative", "title": "seconds since the beginning"},
            "x2": {"field": "until"},
            "y": {"field": "kind", "type": "nominal", "sort": kinds, "title": None},
            "color": {
                "field": "sort",
                "type": "nominal",
                "title": None,
                "scale": {"domain": ["kill", "trouble", "backup and restore"], "range": [KILLED, TROUBLED, RESTORED]},
                "legend": {"orient": "bottom"},
            },
        },
    }
    return {
        "title": {"text": "Faults, and what was committed meanwhile", "subtitle": f"{len(storm.happened)} faults"},
        "vconcat": [commits, faults],
        "resolve": {"scale": {"x": "shared"}},
        "spacing": 8,
    }


def kind_of(fault: str) -> str:
    """Return what a fault is coloured as."""
    if fault in ("backup", "restore"):
        return "backup and restore"
    return "kill" if fault in KILLS else "trouble"


def count_commits(samples: Sequence[Sample], began_s: float) -> list[dict[str, int]]:
    """Count deposits committed in each second; a restore, after which there are fewer, counts as none."""
    counts: Counter[int] = Counter()
    for earlier, later in pairwise(samples):
        counts[int(later.at_s - began_s)] += max(later.events - earlier.events, 0)
    last = max(counts, default=0)
    return [{"second": second, "events": counts[second]} for second in range(last + 1)]
