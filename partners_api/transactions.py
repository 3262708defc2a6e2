"""One transaction per request, opened here and nowhere else: returning commits, raising rolls back.

The connection is taken when first asked for. Requests that only read (GET, HEAD) open none (``rewards/reading.py``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from flask import Flask, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, text

from partners_api.services import services
from rewards.reading import reading
from rewards.tenancy import enter_tenant, saying_next

BEGIN_SNAPSHOT = text("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
END_SNAPSHOT = text("ROLLBACK")

READING = ("GET", "HEAD", "OPTIONS")

Effect = Callable[[Connection], object]


class TransactionalFlask(Flask):
    """A Flask application that ends the request's transaction before the answer is made known."""

    def dispatch_request(self) -> ResponseReturnValue:
        """Run the view; commit what it did, or roll back and let the refusal be rendered."""
        try:
            answer = super().dispatch_request()
            commit()
        except BaseException:
            _roll_back()
            raise
        finally:
            _close()
        return answer


def connection() -> Connection:
    """Return the connection of this request, inside its transaction; it works for no authority until it is told."""
    if "connection" not in g:
        engine = services().agents_engine if g.get("serves_agents") else services().engine
        with reading() if request.method in READING else nullcontext():
            g.connection = engine.connect()
    found: Connection = g.connection
    return found


def serve_agents() -> None:
    """Let this request work with the rights of agents and operators; before the connection is first asked for."""
    g.serves_agents = True


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Give the connection of a request that only reads; within the block it sees one instant of the database."""
    found = connection()
    # Said to PostgreSQL itself: the driver opens no transaction here by itself.
    try:
        found.execute(BEGIN_SNAPSHOT)
        yield found
    finally:
        # A connection that was lost has ended it already.
        if not found.invalidated:
            found.execute(END_SNAPSHOT)


def connection_of_whoever_calls() -> Connection:
    """Return the connection of this request to who tells it at once for which authority it works."""
    with saying_next():
        return connection()


def commit() -> None:
    """Make what was done so far last, such as the try a wrong code has cost, before refusing."""
    if "connection" in g and g.connection.in_transaction():
        g.connection.commit()


def after_roll_back(effect: Effect) -> None:
    """Run ``effect`` in a second transaction if this request's is rolled back: refused redemptions are recorded."""
    if "after_roll_back" not in g:
        g.after_roll_back = []
    g.after_roll_back.append(effect)


def _roll_back() -> None:
    if "connection" not in g:
        return
    g.connection.rollback()
    for effect in g.pop("after_roll_back", []):
        with g.connection.begin():
            if "principal" in g:
                # Rolled back as well; what is before it may be of whoever called last.
                enter_tenant(g.connection, authority_id=g.principal.authority_id)
            effect(g.connection)


def _close() -> None:
    if "connection" in g:
        g.pop("connection").close()
