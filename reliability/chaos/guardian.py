"""Who wakes what was paused when the harness itself is killed: a stopped process heeds no other signal but SIGKILL.

A process of its own, ``python -m reliability.chaos.guardian``: it reads process ids from its standard input, and when
that ends lets all of them go on; they then find that their parent has gone.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress


class Guardian:
    """Our end of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name], stdin=subprocess.PIPE, cwd="/", start_new_session=True, text=True
        )

    def watch(self, pids: Iterable[int]) -> None:
        """Have these go on when we are no more."""
        if self._process.stdin is not None:
            self._process.stdin.write("".join(f"{pid}\n" for pid in pids))
            self._process.stdin.flush()

    def close(self) -> None:
        """Everything that was paused has been woken or has ended."""
        self._process.kill()
        self._process.communicate()


def guard() -> None:
    """Wait for the end of the input, then wake all that were named."""
    pids = {int(line) for line in sys.stdin}
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    guard()
