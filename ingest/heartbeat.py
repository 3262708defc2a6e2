"""The message a worker sends to itself through the broker, to know that all of its way works while no bin speaks.

It is signed with a key drawn at the start of the process: nobody else can keep a hung worker looking alive, and what
an earlier process sent is not taken for ours. QoS 0: a broker keeps none for a worker that is away.
"""

import hmac
import secrets
from urllib.parse import quote

from ingest.messages import Heartbeat

PREFIX = "bontri/ingest/heartbeat"
MOST_UNDER_WAY = 8
LOST_BEFORE_GIVING_UP = 3
"""Heartbeats in a row, from the first, that do not come back: then the broker does not let them pass."""


class HeartbeatLine:
    """Writes the heartbeats of one process and knows them again."""

    def __init__(self, client_id: str) -> None:
        # A wildcard or a level in the id would make another topic of it.
        self.topic = f"{PREFIX}/{quote(client_id, safe='')}"
        self._key = secrets.token_bytes(32)
        self._number = 0
        self._sent_s: dict[int, float] = {}
        self._lost = 0
        self._has_come_back = False

    @property
    def is_refused(self) -> bool:
        """Tell whether the broker lets no heartbeat pass."""
        return self._lost >= LOST_BEFORE_GIVING_UP

    def write(self, *, now_s: float) -> bytes:
        """Return the next heartbeat; the newest few are known again."""
        self._number += 1
        self._sent_s[self._number] = now_s
        self._sent_s.pop(self._number - MOST_UNDER_WAY, None)
        line = str(self._number).encode()
        return line + b"\n" + self._sign(line)

    def read(self, payload: bytes) -> Heartbeat | None:
        """Return the heartbeat when it is one of our newest and comes for the first time."""
        line, _, signature = payload.partition(b"\n")
        if not hmac.compare_digest(signature, self._sign(line)):
            return None
        sent_s = self._sent_s.pop(int(line), None)
        if sent_s is None:
            return None
        self._has_come_back, self._lost = True, 0
        return Heartbeat(sent_s, is_from_broker=True)

    def note_lost(self) -> bool:
        """Note that one has not come back; True when with it we give up. Never after one has come back."""
        if self._has_come_back:
            return False
        self._lost += 1
        return self._lost == LOST_BEFORE_GIVING_UP

    def note_refused(self) -> bool:
        """Note that the broker said no; True unless that was known."""
        was_refused, self._lost = self.is_refused, LOST_BEFORE_GIVING_UP
        return not was_refused

    def _sign(self, line: bytes) -> bytes:
        return hmac.digest(self._key, self.topic.encode() + b"\n" + line, "sha256").hex().encode()
