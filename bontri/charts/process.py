"""The process that draws: takes a question after the other from a listening socket it inherits.

Who starts it and why it is one of its own: docs/decisions/0052-charts-are-drawn-apart.md. It holds no secret and
fetches nothing. A picture that takes too long ends the process: what draws cannot be interrupted otherwise.
"""

import json
import signal
import socket
import sys
import time
from typing import Any

from bontri.charts.drawing import draw
from bontri.charts.memory import resident_mb
from bontri.charts.wire import DRAWN, NOT_DRAWN, QUESTION_BYTES_MAX, WireError, receive_framed, send_framed

QUESTION_WITHIN_S = 2.0
PICTURES_MAX = 5_000
"""After so many it ends and is started anew, as it does above ``recycle_above_mb``; what waits is drawn by the next."""

WARMING: dict[str, Any] = {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a"}}}


def main() -> None:
    """Draw until told to end: ``python -m bontri.charts.process FILE_DESCRIPTOR WITHIN_S RECYCLE_ABOVE_MB``."""
    descriptor, within_s, recycle_above_mb = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    draw(WARMING, "svg")
    with socket.socket(fileno=descriptor) as listener:
        for _ in range(PICTURES_MAX):
            connection, _address = listener.accept()
            with connection:
                answer(connection, within_s=within_s)
            if resident_mb() > recycle_above_mb:
                break


def answer(connection: socket.socket, *, within_s: float) -> None:
    """Draw what one connection asks for; one that says nothing sensible in time is hung up on."""
    try:
        asked = receive_framed(
            connection, bytes_max=QUESTION_BYTES_MAX, deadline_s=time.monotonic() + QUESTION_WITHIN_S
        )
        signal.setitimer(signal.ITIMER_REAL, within_s)
        try:
            kind, said = DRAWN, draw(**json.loads(asked))
        except (ValueError, TypeError) as error:
            kind, said = NOT_DRAWN, str(error).encode()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        connection.settimeout(QUESTION_WITHIN_S)
        connection.sendall(kind)
        send_framed(connection, said)
    except (WireError, OSError):
        return


if __name__ == "__main__":
    main()
