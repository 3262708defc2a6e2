"""The trace of a run: what happened, in order, each line with its virtual time. Equal seeds give equal traces.

A line names nothing that differs between two runs of one seed: no address, no identifier drawn elsewhere, no order of
a set.
"""

import hashlib
from collections.abc import Callable


class Trace:
    """Hashes the lines of a run, and keeps or prints them when asked to."""

    def __init__(self, now_s: Callable[[], float], *, tell: Callable[[str], object] | None = None) -> None:
        self._now_s = now_s
        self._tell = tell
        self._hash = hashlib.sha256()
        self.lines = 0

    def note(self, who: str, what: str) -> None:
        """Add a line: who did or met what."""
        line = f"{self._now_s():10.4f}  {who:<12}  {what}"
        self._hash.update(line.encode())
        self._hash.update(b"\n")
        self.lines += 1
        if self._tell is not None:
            self._tell(line)

    @property
    def digest(self) -> str:
        """The hash of all lines so far."""
        return self._hash.hexdigest()
