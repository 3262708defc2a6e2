"""Asking whether the database answers, without ever hanging on it."""

import threading
from time import monotonic

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from rewards.database import open_engine

ANSWER_WITHIN_S = 5.0


class DatabaseProbe:
    """Asks on a fresh connection, in a thread that may hang in its place."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._asking: threading.Thread | None = None
        self._answered_s: float | None = None

    def __call__(self) -> bool:
        """Tell whether the database answers within ``ANSWER_WITHIN_S``; false while an earlier question is open."""
        if self._asking is not None and self._asking.is_alive():
            return False
        asked_s = monotonic()
        self._asking = threading.Thread(target=self._ask, name="database-probe", daemon=True)
        self._asking.start()
        self._asking.join(ANSWER_WITHIN_S)
        return self._answered_s is not None and self._answered_s >= asked_s

    def _ask(self) -> None:
        engine = open_engine(self._database_url, role="bontri_ingest", pool_size=1)
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            self._answered_s = monotonic()
        except DBAPIError:
            return
        finally:
            engine.dispose()
