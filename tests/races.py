"""Races: many connections that do the same work at the same instant."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, Engine, text

from rewards.errors import RewardsError


def race(engine: Engine, work: Callable[[Connection, int], object], threads: int) -> Counter[str]:
    """Let so many threads do ``work`` at the same instant, each in its transaction; count what came of it."""
    start = threading.Barrier(threads)

    def run(number: int) -> str:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            start.wait(30)
            try:
                work(connection, number)
            except RewardsError as refusal:
                connection.rollback()
                return refusal.code
            connection.commit()
            return "done"

    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(run, range(threads)))
