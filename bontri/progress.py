"""Telling on standard error what a long run is at: a bar on a terminal, else a line now and then."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY_S = 15.0


class Advance(Protocol):
    """Takes how much of a part is done by now, and what there is to say of it; safe to call many times a second."""

    def __call__(self, done: float, words: str = "") -> object:
        """Show it."""


class Teller:
    """Where words and progress go; the report itself goes to standard output."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)

    def line(self, words: str) -> None:
        """Tell one line."""
        self._console.print(words, markup=False, soft_wrap=True)

    @contextmanager
    def part(self, what: str, total: float) -> Iterator[Advance]:
        """Show the progress of a part that takes long, for the time of the block."""
        if not self._console.is_terminal:
            self.line(what)
            yield self._lines(what, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(what, total=total)

            def advance(done: float, words: str = "") -> None:
                progress.update(task, completed=done, description=f"{what}: {words}" if words else what)

            yield advance

    def _lines(self, what: str, total: float) -> Advance:
        told_s = time.monotonic()

        def advance(done: float, words: str = "") -> None:
            nonlocal told_s
            if time.monotonic() - told_s >= LINE_EVERY_S:
                told_s = time.monotonic()
                self.line(f"{what}: {done / total:.0%}{', ' if words else ''}{words}")

        return advance
