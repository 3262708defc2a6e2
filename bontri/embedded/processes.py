"""Child programs that never outlive us, and are only ever signalled by the pid we started."""

import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from bontri.embedded.errors import EmbeddedServiceError
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.unprivileged import UnprivilegedUser

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

_OPEN_FILES = 65_536

# Loaded before any fork: the child of a threaded process must not enter the dynamic loader.
_LIBC = ctypes.CDLL(None, use_errno=True)

# Nothing of our own environment reaches a service: it may hold secrets, and PG* or LC_* would change it.
CLEAN_ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Stopped(BaseException):
    """A signal asked the process to end; like KeyboardInterrupt a request, not an error."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first SIGINT, SIGTERM or SIGHUP; restore the handlers at the end.

    Enter it before the services, so that they end inside. Set explicitly because background jobs of a
    non-interactive shell inherit SIGINT ignored. Later signals are passed over: they would break off the orderly
    stop, which is bounded in time anyway.
    """
    is_stopping = False

    def handle(signal_number: int, _frame: FrameType | None) -> None:
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            raise Stopped(signal_number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def request_death_signal(signal_number: int, parent_pid: int) -> None:
    """Have the kernel send this process a signal when its parent dies; leave at once if it already has.

    Must come after any change of user: the kernel forgets the request when credentials change. The parent's
    death is that of the *thread* that forked: start children from a thread that lives as long as they should.
    """
    if _LIBC.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0 or os.getppid() != parent_pid:
        os._exit(1)


@dataclass(frozen=True)
class Child:
    """A program we started. Once its end has been noticed its pid may be another's, and is signalled no more."""

    name: str
    log_path: Path
    log_start: int = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def read_last_lines(self, count: int = 5) -> str:
        """Return the end of what this run wrote to its log, on one line."""
        with self.log_path.open("rb") as log:
            log.seek(self.log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return " | ".join(line.strip() for line in lines[-count:]) or "it wrote nothing"

    def stop(self, *, first: signal.Signals = signal.SIGTERM, patience_s: float = 10.0) -> None:
        """Ask the program to end, wait, then kill it; does nothing when it has ended already."""
        try:
            for number, wait_s in ((first, patience_s), (signal.SIGKILL, 5.0)):
                if not self.is_running:
                    return
                self.process.send_signal(number)
                if self._has_ended_within(wait_s):
                    return
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        raise EmbeddedServiceError(f"{self.name} (process {self.pid}) does not end, not even when killed")

    def kill(self) -> None:
        """End the program and its descendants without warning, as a power cut would; for chaos tests."""
        if not self.is_running:
            return
        descendants = list_descendants(self.pid)
        self.stop(first=signal.SIGKILL)
        for pid in descendants:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _has_ended_within(self, wait_s: float) -> bool:
        try:
            self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return False
        return True


def start_child(
    command: Sequence[str | Path],
    *,
    name: str,
    log_path: Path,
    run_as: UnprivilegedUser | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    environment: Mapping[str, str] | None = CLEAN_ENVIRONMENT,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a program in a session of its own, so that Ctrl-C in a terminal reaches us and not it.

    Args:
        command: Program and arguments.
        name: What messages call it.
        log_path: Receives both output streams, appended.
        run_as: The account to run as, with its group and no others (`user` alone would keep root's groups).
        death_signal: What the kernel sends it when we die, however we die.
        environment: None passes ours on.
        pass_fds: Descriptors it gets under the same numbers.

    Raises:
        EmbeddedServiceError: the program cannot be executed.
    """
    log_path.touch(mode=0o600)
    with log_path.open("ab") as log:
        log_start = log.tell()
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment,
                start_new_session=True,
                pass_fds=pass_fds,
                user=run_as.uid if run_as else None,
                group=run_as.gid if run_as else None,
                extra_groups=[] if run_as else None,
                preexec_fn=_preparation(death_signal),  # noqa: PLW1509 - one system call, see _LIBC
            )
        except OSError as error:
            raise EmbeddedServiceError(f"{name} cannot be started: {command[0]}: {error.strerror}") from error
    return Child(name=name, log_path=log_path, log_start=log_start, process=process)


def _preparation(death_signal: signal.Signals) -> Callable[[], None]:
    """Return what the child does between fork and exec; everything is looked up before the fork."""
    signal_number, parent_pid = int(death_signal), os.getpid()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A fleet of bins needs a socket each, and 1,024 is a usual limit.
    limit = max(soft, _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES))

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        request_death_signal(signal_number, parent_pid)

    return prepare
