"""One line on standard error that says what is going on: a bar in a terminal, else a line for each step."""

import sys
import time
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

EVERY_S = 15.0
"""Without a terminal a long step says so often how far it is."""


class ProgressLine:
    """Shows what ``show`` is told; safe to call many times a second."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (TimeElapsedColumn(), BarColumn(bar_width=24), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=self._console, disable=not sys.stderr.isatty())
        self._task = self._bar.add_task("", total=None)
        self._step = ""
        self._told_s = -EVERY_S

    def __enter__(self) -> "ProgressLine":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, words: str, share: float | None) -> None:
        """Tell what is going on, and how much of it is done, from 0 to 1; None where that is not known.

        What stands before a colon names the step.
        """
        self._bar.update(self._task, description=words, completed=share or 0, total=None if share is None else 1.0)
        if sys.stderr.isatty():
            return
        step, now_s = words.partition(":")[0], time.monotonic()
        if step != self._step or now_s - self._told_s > EVERY_S:
            self._step, self._told_s = step, now_s
            click.echo(words if share is None else f"{words} ({share:.0%})", err=True)
