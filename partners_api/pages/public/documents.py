"""Documents anybody may ask for: made once, one at a time in each process, and kept in its memory.

Making one takes a processor for a tenth of a second and more: without this whoever asks for many at once would hold
every thread.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from partners_api.refusals import RequestTooSlowError

KEPT = 32
WAIT_S = 5.0


class KeptDocuments:
    """The documents asked for last, by what is in them: the same facts make the same bytes."""

    def __init__(self, *, kept: int = KEPT, wait_s: float = WAIT_S) -> None:
        self._kept, self._wait_s = kept, wait_s
        self._documents: OrderedDict[Hashable, bytes] = OrderedDict()
        self._reading, self._making = threading.Lock(), threading.Lock()

    def get(self, facts: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the document of some facts; ``make`` is called where it is not kept.

        Raises:
            RequestTooSlowError: others are being made for too long.
        """
        if (found := self._find(facts)) is not None:
            return found
        if not self._making.acquire(timeout=self._wait_s):
            raise RequestTooSlowError
        try:
            # Whoever was waited for may have made this very one.
            if (found := self._find(facts)) is not None:
                return found
            made = make()
            with self._reading:
                self._documents[facts] = made
                while len(self._documents) > self._kept:
                    self._documents.popitem(last=False)
            return made
        finally:
            self._making.release()

    def _find(self, facts: Hashable) -> bytes | None:
        with self._reading:
            found = self._documents.get(facts)
            if found is not None:
                self._documents.move_to_end(facts)
            return found
