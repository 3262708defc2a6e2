"""Which authority a connection works for: row-level security shows the API's role the rows of that one alone.

The second belt (docs/decisions/0034-row-level-security.md): every statement names its ``authority_id`` nevertheless.
The setting belongs to a session, and the API's sessions are pooled: one leaves the pool working for nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DisconnectionError

FORGET = "RESET bontri.authority_id"
ENTER = text("SELECT set_config('bontri.authority_id', CAST(CAST(:authority_id AS integer) AS text), false)")
ENTER_BY_SLUG = text("""
    SELECT authority_id, set_config('bontri.authority_id', CAST(authority_id AS text), false)
      FROM authorities WHERE slug = :slug
""")

HAS_ENTERED = "has_entered_a_tenant"
"""Noted on a pooled connection that may work for somebody."""

IS_SAID_NEXT: ContextVar[bool] = ContextVar("is_said_next", default=False)


def watch_tenants(engine: Engine) -> None:
    """Have each connection that leaves the pool of ``engine`` work for no authority."""
    event.listen(engine, "checkout", forget_tenant)


def forget_tenant(driver: Any, record: Any, _: Any) -> None:
    """Let a connection that leaves the pool work for no authority; a broken one is replaced.

    Outside of a transaction, so that no roll-back brings back whom it worked for.
    """
    if HAS_ENTERED not in record.info or IS_SAID_NEXT.get():
        return
    was_reading = driver.autocommit
    try:
        driver.autocommit = True
        driver.execute(FORGET)
        driver.autocommit = was_reading
    except psycopg.Error as error:
        raise DisconnectionError from error
    del record.info[HAS_ENTERED]


@contextmanager
def saying_next() -> Iterator[None]:
    """Spare the connection taken in this block the round trip that forgetting costs.

    Only for who executes a statement on it next that says for whom it works, such as that of ``find_principal``.
    """
    token = IS_SAID_NEXT.set(True)
    try:
        yield
    finally:
        IS_SAID_NEXT.reset(token)


def note_entering(connection: Connection) -> None:
    """Note that what is executed next says for whom a connection works."""
    connection.info[HAS_ENTERED] = True


def enter_tenant(connection: Connection, *, authority_id: int) -> None:
    """Work for this authority from now on; a roll-back undoes it."""
    note_entering(connection)
    connection.execute(ENTER, {"authority_id": authority_id})


@contextmanager
def begin_of_tenant(engine: Engine, *, authority_id: int) -> Iterator[Connection]:
    """Give a transaction that works for one authority, on an engine that works for several in turn."""
    with engine.begin() as connection:
        enter_tenant(connection, authority_id=authority_id)
        yield connection


def enter_tenant_by_slug(connection: Connection, slug: str) -> int | None:
    """Find the authority a slug names, and work for it from now on; None, and for whom as before, when none has it."""
    note_entering(connection)
    found = connection.execute(ENTER_BY_SLUG, {"slug": slug}).first()
    return None if found is None else int(found.authority_id)
