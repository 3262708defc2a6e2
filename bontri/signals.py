"""Ending long commands in order."""

import signal
import threading


def stop_event() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set; for commands that finish what they have in hand.

    Set explicitly, because background jobs of a non-interactive shell inherit SIGINT ignored.
    """
    event = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: event.set())
    return event
