"""Ask the process that draws for a picture, from a process of the API; what was drawn lately is kept."""

import hashlib
import json
import socket
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import structlog

from bontri.charts.wire import (
    DRAWN,
    PICTURE_BYTES_MAX,
    QUESTION_BYTES_MAX,
    WireError,
    receive,
    receive_framed,
    send_framed,
)
from partners_api.services import ChartsAwayError, PictureFormat
from rewards.languages import Language

ANSWER_WITHIN_S = 7.0
"""One picture and those before it; more than the process gives itself for one, less than a transaction may idle."""
KEPT_BYTES_MAX = 8 * 1024 * 1024
"""Of each process of the API: about 200 pictures."""

log = structlog.get_logger(__name__)


class KeptPictures:
    """Pictures by what was asked, as many as fit in ``bytes_max``; those not asked for longest go first."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max, self._bytes = bytes_max, 0
        self._pictures: OrderedDict[bytes, bytes] = OrderedDict()
        self._holding = threading.Lock()

    @property
    def bytes_kept(self) -> int:
        """How much is kept."""
        return self._bytes

    def find(self, digest: bytes) -> bytes | None:
        """Return the picture, None when it is not kept."""
        with self._holding:
            picture = self._pictures.get(digest)
            if picture is not None:
                self._pictures.move_to_end(digest)
            return picture

    def keep(self, digest: bytes, picture: bytes) -> None:
        """Keep a picture, unless it is larger than all that may be kept."""
        if len(picture) > self._bytes_max:
            return
        with self._holding:
            self._bytes += len(picture) - len(self._pictures.pop(digest, b""))
            self._pictures[digest] = picture
            while self._bytes > self._bytes_max:
                self._bytes -= len(self._pictures.popitem(last=False)[1])


class ChartArtist:
    """Draws charts by asking the process that listens at ``path``; safe for several threads."""

    def __init__(self, path: Path, *, within_s: float = ANSWER_WITHIN_S, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._path, self._within_s = path, within_s
        self.kept = KeptPictures(kept_bytes_max)

    def __call__(
        self, spec: dict[str, Any], picture_format: PictureFormat, *, language: Language, scale: float = 1
    ) -> bytes:
        """Return the picture.

        Raises:
            ChartsAwayError: the process died over it, is away, or takes too long; another question may succeed.
            ValueError: it is no specification.
        """
        asked = {"spec": spec, "picture_format": picture_format, "language": language, "scale": scale}
        question = json.dumps(asked, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        if len(question) > QUESTION_BYTES_MAX:
            raise ValueError(f"a specification of {len(question)} bytes, at most {QUESTION_BYTES_MAX}")
        digest = hashlib.sha256(question).digest()
        picture = self.kept.find(digest)
        if picture is None:
            picture = self._ask(question)
            self.kept.keep(digest, picture)
        return picture

    def _ask(self, question: bytes) -> bytes:
        deadline_s = time.monotonic() + self._within_s
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._within_s)
                connection.connect(str(self._path))
                send_framed(connection, question)
                kind = receive(connection, 1, deadline_s=deadline_s)
                said = receive_framed(connection, bytes_max=PICTURE_BYTES_MAX, deadline_s=deadline_s)
        except (WireError, OSError) as error:
            log.error("chart_not_drawn", reason=str(error))
            raise ChartsAwayError from None
        if kind != DRAWN:
            raise ValueError(said.decode(errors="replace"))
        return said
