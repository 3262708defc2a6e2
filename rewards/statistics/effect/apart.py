"""Measure in a process of its own, which ends: what the libraries need is not kept by whoever serves requests.

Why: docs/decisions/0049-effects-are-measured-apart.md.
"""

import datetime
import hashlib
import json
import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import asdict
from typing import Any

from rewards.statistics.effect.panel import Panel, PanelSite, SiteMonth, lacks_outright
from rewards.statistics.effect.showing import show_verdict
from rewards.statistics.effect.verdict import NotMeasurable, Reason

TURN_WITHIN_S, ENDED_WITHIN_S = 2.0, 7.0
"""Together less than a transaction may idle (``rewards/database.py``)."""

ONE_AT_A_TIME = threading.Lock()

KEPT_MAX = 32
"""A page and its two charts ask for one verdict; some kilobytes each."""

VERDICTS: OrderedDict[bytes, str] = OrderedDict()
"""As JSON, by the panel they are of, the last asked for at the end; touched by who holds the lock alone. The same panel
has the same verdict for ever."""


def measure_apart(panel: Panel) -> dict[str, Any]:
    """Return the verdict on a panel as :func:`rewards.statistics.effect.showing.show_verdict` does; takes a second.

    One at a time in this process; a second caller waits. What is lacking at first sight is told without a process, and
    so is what was measured lately.

    Raises:
        TimeoutError: it takes too long.
    """
    if (code := lacks_outright(panel)) is not None:
        return show_verdict(NotMeasurable((Reason(code),), panel.source))
    written = write_panel(panel)
    key = hashlib.sha256(written.encode()).digest()
    if not ONE_AT_A_TIME.acquire(timeout=TURN_WITHIN_S):
        raise TimeoutError("other effects are being measured")
    try:
        if key not in VERDICTS:
            VERDICTS[key] = run_apart(written)
            while len(VERDICTS) > KEPT_MAX:
                VERDICTS.popitem(last=False)
        VERDICTS.move_to_end(key)
        shown = VERDICTS[key]
    finally:
        ONE_AT_A_TIME.release()
    verdict: dict[str, Any] = json.loads(shown)
    return verdict


def run_apart(written: str) -> str:
    """Return the verdict on a panel, both as JSON, from a process that ends.

    Raises:
        TimeoutError: it takes too long.
    """
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "rewards.statistics.effect.apart"],
            input=written,
            capture_output=True,
            text=True,
            check=True,
            timeout=ENDED_WITHIN_S,
            # No secret is needed there, and one thread is enough.
            env={"PYTHONPATH": ":".join(path for path in sys.path if path), "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError("measuring takes too long") from None
    return ended.stdout


def write_panel(panel: Panel) -> str:
    """Return a panel as JSON."""
    sites = [
        {
            "site": site.site,
            "equipped_on": site.equipped_on and site.equipped_on.isoformat(),
            "months": {month.isoformat(): asdict(taken) for month, taken in site.months.items()},
        }
        for site in panel.sites
    ]
    return json.dumps({"material": panel.material, "source": panel.source, "sites": sites})


def read_panel(written: str) -> Panel:
    """Return the panel that :func:`write_panel` wrote."""
    said = json.loads(written)
    day = datetime.date.fromisoformat
    sites = (
        PanelSite(
            site["site"],
            site["equipped_on"] and day(site["equipped_on"]),
            {day(month): SiteMonth(**taken) for month, taken in site["months"].items()},
        )
        for site in said["sites"]
    )
    return Panel(said["material"], said["source"], tuple(sites))


def main() -> None:
    """Read a panel from the standard input and write the verdict on it."""
    from rewards.statistics.effect.measuring import measure_effect  # noqa: PLC0415 (what must stay out of others)

    sys.stdout.write(json.dumps(show_verdict(measure_effect(read_panel(sys.stdin.read())))))


if __name__ == "__main__":
    main()
