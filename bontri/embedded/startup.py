"""Starting a service on a port: choose it, wait for the proof that it is ours, and try another if it was lost."""

import signal
from collections.abc import Callable

from bontri.embedded.errors import EmbeddedServiceError, ListenerError
from bontri.embedded.listeners import choose_free_port, list_listeners
from bontri.embedded.processes import Child

_PORT_ATTEMPTS = 3


def start_on_port(
    start: Callable[[int], Child],
    wait_until_ready: Callable[[Child, int], None],
    *,
    port: int | None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> tuple[Child, int]:
    """Start a service and return it with its port once `wait_until_ready` is content.

    Between choosing a free port and listening on it another process can take it: then another is tried,
    unless the caller insists on `port`. Whatever goes wrong, the child is stopped before the error goes on.
    """
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        used_port = port or choose_free_port()
        child = start(used_port)
        try:
            wait_until_ready(child, used_port)
        except BaseException as error:
            has_lost_port = _has_lost_port(error, child, used_port)
            child.stop(first=stop_signal)
            if has_lost_port and port is None and attempt < _PORT_ATTEMPTS:
                continue
            raise
        return child, used_port
    raise AssertionError("the last attempt returns or raises")


def _has_lost_port(error: BaseException, child: Child, port: int) -> bool:
    if isinstance(error, ListenerError):
        return True
    return isinstance(error, EmbeddedServiceError) and not child.is_running and bool(list_listeners(port))
