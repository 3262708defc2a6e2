"""Keep the process that draws alive: the parent of the API's processes starts it, and again whenever it ends.

The socket is the parent's, and is handed down: whoever asks while the process is started anew waits, and is answered.
Only who asked what it died over is told so.
"""

import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from bontri.charts.memory import resident_mb
from bontri.embedded.errors import EmbeddedServiceError
from bontri.embedded.processes import CLEAN_ENVIRONMENT, Child, start_child

DRAWN_WITHIN_S = 5.0
MEMORY_MB_MAX = 600
"""Beyond it the process is ended whatever it does; 120 MB are usual."""
RECYCLE_ABOVE_MB = 300
LOOK_EVERY_S = 0.2
PAUSE_S_MAX = 10.0
"""Between starts of a process that ends at once, again and again."""
WAITING_MAX = 64

log = structlog.get_logger(__name__)


class ChartsKeeper:
    """Starts the process that draws, watches it, and ends it."""

    def __init__(
        self,
        folder: Path,
        *,
        drawn_within_s: float = DRAWN_WITHIN_S,
        memory_mb_max: int = MEMORY_MB_MAX,
        recycle_above_mb: int = RECYCLE_ABOVE_MB,
    ) -> None:
        self.path = folder / "charts"
        self._log_path = folder / "charts.log"
        self._drawn_within_s, self._recycle_above_mb = drawn_within_s, recycle_above_mb
        self._memory_mb_max = memory_mb_max
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self.path.chmod(0o600)
        self._listener.listen(WAITING_MAX)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="charts", daemon=True)
        self.child: Child | None = None

    def start(self) -> None:
        """Start; returns at once, and questions wait until the process is there."""
        self._thread.start()

    def stop(self) -> None:
        """End the process; who still waits is told that charts are away."""
        self._ends.set()
        self._thread.join()
        self._listener.close()

    def _keep(self) -> None:
        # The kernel ends a child with the thread that started it, so this one starts all of them.
        pause_s = 0.0
        while not self._ends.wait(pause_s):
            began_s = time.monotonic()
            try:
                self.child = child = self._start()
            except (OSError, EmbeddedServiceError) as error:
                # Without memory or processes for it now; this thread is the only one to try again.
                log.error("charts_not_started", reason=type(error).__name__)
                pause_s = PAUSE_S_MAX
                continue
            while child.is_running and not self._ends.wait(LOOK_EVERY_S):
                if resident_mb(child.pid) > self._memory_mb_max:
                    log.error("charts_too_large", memory_mb_max=self._memory_mb_max)
                    child.kill()
            if self._ends.is_set():
                child.stop()
                return
            log.warning("charts_started_anew", ended_with=child.process.returncode)
            is_quick = time.monotonic() - began_s < PAUSE_S_MAX
            pause_s = min(max(2 * pause_s, LOOK_EVERY_S), PAUSE_S_MAX) if is_quick else 0.0

    def _start(self) -> Child:
        descriptor = self._listener.fileno()
        numbers = [str(each) for each in (descriptor, self._drawn_within_s, self._recycle_above_mb)]
        self._log_path.unlink(missing_ok=True)
        return start_child(
            [sys.executable, "-m", "bontri.charts.process", *numbers],
            name="charts",
            log_path=self._log_path,
            environment={**CLEAN_ENVIRONMENT, "PYTHONPATH": ":".join(path for path in sys.path if path)},
            pass_fds=(descriptor,),
        )


@contextmanager
def running_charts() -> Iterator[Path]:
    """Keep a process that draws for the time of the block; give the path it is asked at."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bontri-charts-")))
        keeper = ChartsKeeper(folder)
        stack.callback(keeper.stop)
        keeper.start()
        yield keeper.path
