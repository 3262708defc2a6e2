"""Connecting to PostgreSQL: one engine per process and role, and the migrations' entry point.

Nothing connects at import. Each process works as the database role with the least rights for its task; the
login user of ``DATABASE_URL`` must be a member of it (``bontri migrate`` sees to that).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Literal

from sqlalchemy import URL, Connection, Engine, create_engine

from rewards.reading import watch_readers
from rewards.tenancy import watch_tenants

DatabaseRole = Literal[
    "bontri_ingest", "bontri_api", "bontri_reader", "bontri_operator", "bontri_agent", "bontri_privacy", "owner"
]

# A process that is frozen in mid-transaction must not hold the rows of a citizen, and with them every batch, for long.
TIME_LIMITS = "-c lock_timeout=10s -c statement_timeout=60s -c idle_in_transaction_session_timeout=10s"

# The host of a database can vanish without a word: noticed after 25 s of silence, or 20 s after something was sent.
KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

# Statements that sum over years are planned for what they are asked: the plan PostgreSQL otherwise keeps from the sixth
# time on, for any period and place, took 15 s for what takes 60 ms.
PLANNED_EACH_TIME = "-c plan_cache_mode=force_custom_plan"

PLANNER_SETTINGS: dict[str, str] = {
    # The default plan scanned all lots twice per batch (25 of 42 ms): batches look rows up by key, always. Looked
    # up one by one, rows are also locked in the order of the statement, which a hash join over a bitmap scan is not.
    "bontri_ingest": "-c random_page_cost=1.1 -c enable_seqscan=off -c enable_bitmapscan=off -c jit=off",
    "bontri_api": "-c random_page_cost=1.1 -c jit=off",
    "bontri_agent": f"-c random_page_cost=1.1 -c jit=off {PLANNED_EACH_TIME}",
    "bontri_reader": PLANNED_EACH_TIME,
    "bontri_operator": PLANNED_EACH_TIME,
    "bontri_privacy": PLANNED_EACH_TIME,
}


def open_engine(
    url: str | URL,
    *,
    role: DatabaseRole,
    pool_size: int = 2,
    authority_id: int | None = None,
    statement_seconds: float | None = None,
) -> Engine:
    """Return an engine whose connections work as ``role``; connects lazily, checks nothing yet.

    ``owner`` keeps the login user's own rights, for migrations and provisioning. ``bontri_api`` and ``bontri_agent``
    work for ``authority_id`` alone; without one they see no row of a tenant until a connection is told for whom it
    works (``rewards/tenancy.py``). ``statement_seconds`` bounds each statement more tightly than a role's sessions do.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        # Texts of exceptions end in logs; parameters may hold digests of badges and codes.
        hide_parameters=True,
        # Nothing is under way on a connection that commits each statement by itself.
        skip_autocommit_rollback=True,
        connect_args={
            "options": session_options(role, authority_id=authority_id, statement_seconds=statement_seconds),
            "connect_timeout": 10,
            "application_name": f"bontri/{role}",
            **KEEPALIVES,
        },
    )
    if role in ("bontri_api", "bontri_agent") and authority_id is None:
        watch_tenants(engine)
        watch_readers(engine)
    return engine


@contextmanager
def engine_of_tenant(url: str | URL, *, role: DatabaseRole, authority_id: int) -> Iterator[Engine]:
    """Give an engine that works for one authority, for the time of the block."""
    engine = open_engine(url, role=role, authority_id=authority_id)
    try:
        yield engine
    finally:
        engine.dispose()


def session_options(
    role: DatabaseRole, *, authority_id: int | None = None, statement_seconds: float | None = None
) -> str:
    """Return what a session of ``role`` is started with, as libpq reads it (``options``, ``PGOPTIONS``)."""
    if role == "owner":
        return "-c timezone=UTC"
    tenant = "" if authority_id is None else f"-c bontri.authority_id={authority_id}"
    # Of two settings of one name the last holds.
    limit = "" if statement_seconds is None else f"-c statement_timeout={round(statement_seconds * 1000)}"
    return f"-c timezone=UTC -c role={role} {tenant} {TIME_LIMITS} {limit} {PLANNER_SETTINGS.get(role, '')}"


def migrate(connection: Connection) -> None:
    """Bring the schema to the newest revision over ``connection``; safe to run twice and at once.

    The connection must belong to the owner of the database. Commits.
    """
    from alembic import command  # noqa: PLC0415 (a third of what a worker imports, and it never migrates)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
