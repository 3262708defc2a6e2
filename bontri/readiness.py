"""Telling whoever started us that we are ready: the notification protocol of systemd (sd_notify(3))."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

VARIABLE = "NOTIFY_SOCKET"
POLL_S = 0.2


def notify_ready() -> None:
    """Send ``READY=1`` to the socket in the environment; does nothing when there is none."""
    address = os.environ.get(VARIABLE)
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


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
            try:
                return b"READY=1" in self._socket.recv(4096)
            except TimeoutError:
                continue
        return False
