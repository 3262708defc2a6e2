"""Alembic's entry point: migrates over the connection it is handed, else over ``sqlalchemy.url``.

``bontri migrate`` and the tests hand over a connection; the ``alembic`` command itself works too, for authors
of migrations (``alembic revision --autogenerate``).
"""

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from rewards.schema.whole import Base


def migrate(connection: Connection) -> None:
    """Run the requested migrations on ``connection`` in one transaction, one migrator at a time."""
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=False)
    with context.begin_transaction():
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7106001)")
        context.run_migrations()


def run() -> None:
    """Migrate over the caller's connection, or over one of our own."""
    handed_over = context.config.attributes.get("connection")
    if handed_over is not None:
        migrate(handed_over)
        return
    url = context.config.get_main_option("sqlalchemy.url")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        migrate(connection)


run()
