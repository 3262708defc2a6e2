"""Connections for who only reads: each statement a snapshot of its own, which saves two round trips (BEGIN, COMMIT).

A pooled connection stays as its last borrower had it, and is put right when the next one wants it otherwise: to set and
reset it for each borrower cost more processor time than the round trips it saved.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

IS_READING: ContextVar[bool] = ContextVar("is_reading", default=False)


def watch_readers(engine: Engine) -> None:
    """Have each connection that leaves the pool of ``engine`` be in the mode its borrower wants."""
    event.listen(engine, "checkout", put_right)
    event.listen(engine, "checkin", end_what_is_open)


def put_right(driver: Any, record: Any, _: Any) -> None:
    """Set the mode of a connection that leaves the pool, if it was left in the other."""
    is_reading = IS_READING.get()
    if driver.autocommit != is_reading:
        driver.autocommit = is_reading


def end_what_is_open(driver: Any, record: Any) -> None:
    """Roll back what a reader began by itself, a snapshot: the pool does so for those alone who do not only read."""
    if driver is not None and driver.pgconn.transaction_status != TransactionStatus.IDLE:
        driver.rollback()


@contextmanager
def reading() -> Iterator[None]:
    """Connections taken in this block commit each statement by itself until they are given back."""
    token = IS_READING.set(True)
    try:
        yield
    finally:
        IS_READING.reset(token)
