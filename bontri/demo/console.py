"""What the demo shows while it runs: a live table on a terminal, plain lines elsewhere."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine, text

from simulators.counts import FleetCounts

TOTALS = text("""
    SELECT (SELECT coalesce(sum(deposits), 0) FROM daily_deposits) AS deposits,
           (SELECT coalesce(sum(items), 0) FROM daily_deposits) AS items,
           (SELECT coalesce(sum(points), 0) FROM daily_deposits) AS points,
           (SELECT count(*) FROM quarantined_messages) AS quarantined,
           (SELECT count(*) FROM vouchers WHERE status = 'redeemed') AS redeemed
""")

STORY_LINES = 8
TOLD_EVERY_S = 3.0


@dataclass(frozen=True, slots=True)
class Totals:
    """What the database holds."""

    deposits: int
    items: int
    points: int
    quarantined: int
    redeemed: int


def read_totals(engine: Engine) -> Totals:
    """Read the totals from the rollups; cheap however many deposits there are."""
    with engine.connect() as connection:
        return Totals(*(int(value) for value in connection.execute(TOTALS).one()))


class DemoConsole:
    """Shows figures and the story's steps; a context manager for the time it is live."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._console = Console(stderr=is_quiet, quiet=is_quiet)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._steps: deque[str] = deque(maxlen=STORY_LINES)
        self._figures: dict[str, str] = {}
        self._previous: tuple[float, int] | None = None
        self._told_s = 0.0

    def __enter__(self) -> "DemoConsole":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def tell(self, words: str) -> None:
        """Show one step of the story."""
        self._steps.append(words)
        if self._live:
            self._draw()
        else:
            self.line(words)

    def line(self, words: str) -> None:
        """Print one line above whatever is live."""
        self._console.print(words, highlight=False, markup=False, soft_wrap=True)

    def show_progress(self, what: str, share: float, words: str) -> None:
        """Show how far something that takes long has come: in place on a terminal, elsewhere a line now and then."""
        if self._live:
            self._live.update(Text(f"{what}: {share:.0%} {words}"), refresh=True)
        elif (now_s := time.monotonic()) - self._told_s > TOLD_EVERY_S:
            self._told_s = now_s
            self.line(f"{what}: {share:.0%} {words}")

    def show(self, counts: FleetCounts, totals: Totals) -> None:
        """Show how things stand now."""
        rate = self._rate(totals.deposits)
        self._figures = {
            "deposits committed": f"{totals.deposits:,}",
            "deposits per second": f"{rate:,.1f}",
            "items": f"{totals.items:,}",
            "points given": f"{totals.points:,}",
            "receipts seen by bins": f"{counts.receipts:,}",
            "deposit → receipt, median / p99": f"{ms(counts.latency_p50_ms)} / {ms(counts.latency_p99_ms)}",
            "bins connected": f"{counts.connected_bins} of {counts.bins}",
            "waiting for a receipt": f"{counts.unsettled_events:,}",
            "quarantined messages": f"{totals.quarantined:,}",
            "vouchers redeemed": f"{totals.redeemed:,}",
        }
        if self._live:
            self._draw()
        else:
            self.line(" · ".join(f"{name} {value}" for name, value in self._figures.items()))

    def _rate(self, deposits: int) -> float:
        now_s = time.monotonic()
        before_s, before = self._previous or (now_s, deposits)
        self._previous = (now_s, deposits)
        return (deposits - before) / (now_s - before_s) if now_s > before_s else 0.0

    def _draw(self) -> None:
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", style="dim")
        table.add_column(style="bold")
        for name, value in self._figures.items():
            table.add_row(name, value)
        parts: list[Any] = [Panel(table, title="Bontri demo · simulated deposits on real places", expand=False)]
        if self._steps:
            parts.append(Panel(Text("\n".join(self._steps)), title="One bottle's story", expand=False))
        if self._live:
            self._live.update(Group(*parts), refresh=True)


def ms(value: float | None) -> str:
    """Write a latency."""
    return "–" if value is None else f"{value:,.0f} ms"
