"""Telling whoever started us that we are ready: the notification protocol of systemd (sd_notify(3))."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLES = ("WATCHDOG_USEC", "WATCHDOG_PID")
POLL_S = 0.2


def notify_ready() -> None:
    """Send ``READY=1`` to the socket in the environment; does nothing when there is none."""
    notify(b"READY=1")


def notify_alive() -> None:
    """Send ``WATCHDOG=1``; whoever is full or gone is not waited for, the next one comes soon."""
    with suppress(OSError):
        notify(b"WATCHDOG=1", is_waiting=False)


def notify(words: bytes, *, is_waiting: bool = True) -> None:
    """Send to the socket in the environment; does nothing when there is none."""
    address = os.environ.get(VARIABLE)
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.setblocking(is_waiting)
        notifier.sendto(words, "\0" + address[1:] if address.startswith("@") else address)


def find_watchdog_interval_s() -> float | None:
    """Return how often ``WATCHDOG=1`` is wanted of this process: twice in the time after which it is given up.

    None when nobody asks. Source: sd_watchdog_enabled(3).
    """
    microseconds, pid = (os.environ.get(name, "") for name in WATCHDOG_VARIABLES)
    if not microseconds.isdecimal() or int(microseconds) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 2_000_000


def without_notification(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a child that must not speak in our name."""
    return {name: value for name, value in environment.items() if name not in (VARIABLE, *WATCHDOG_VARIABLES)}


class ReadySocket:
    """Receives the notification of one child; put ``environment`` into the child's."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(POLL_S)

    @property
    def environment(self) -> dict[str, str]:
        """What tells the child where to send it."""
        return {VARIABLE: str(self._path)}

    def close(self) -> None:
        """Close and remove the socket."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def wait(self, *, timeout_s: float, is_running: Callable[[], bool]) -> bool:
        """Wait for readiness; False when ``timeout_s`` passed or the child ended before."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and is_running():
            with suppress(TimeoutError):
                if b"READY=1" in self._socket.recv(4096):
                    return True
        return False
