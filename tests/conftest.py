"""Fixtures on real services: one PostgreSQL per test process, a fresh migrated database per test.

``BONTRI_TEST_DATABASE_URL`` (a superuser on a server of one's own) replaces the embedded PostgreSQL.
"""

import datetime
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from rewards.database import DatabaseRole, migrate, open_engine
from rewards.keyring import Keyring

TEMPLATE = "bontri_template"


@dataclass
class Database:
    """One migrated database of a test; engines are closed when the test ends."""

    url: str
    engines: dict[str, Engine]

    def engine(self, role: DatabaseRole = "owner") -> Engine:
        """Return the engine of ``role``, opened once."""
        if role not in self.engines:
            self.engines[role] = open_engine(self.url, role=role, pool_size=8)
        return self.engines[role]


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """URL of a PostgreSQL server on which this process may create databases."""
    given = os.environ.get("BONTRI_TEST_DATABASE_URL")
    if given:
        yield given
        return
    from bontri.embedded.postgres import running_postgres

    folder = Path(tempfile.mkdtemp(prefix="bontri-tests-"))
    folder.chmod(0o711)
    try:
        # fsync off: these clusters live for one test run and are killed by no test.
        with running_postgres(folder / "postgres", settings={"fsync": "off"}) as server:
            yield server.url("postgres")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(server_url: str, *statements: str) -> None:
    """Run statements outside any transaction, as CREATE DATABASE wants."""
    engine = open_engine(server_url, role="owner")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def url_of(server_url: str, database: str) -> str:
    return make_url(server_url).set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """Name of a migrated database that tests copy."""
    name = f"{TEMPLATE}_{uuid.uuid4().hex[:8]}"
    execute(server_url, f"CREATE DATABASE {name}")
    engine = open_engine(url_of(server_url, name), role="owner")
    with engine.connect() as connection:
        migrate(connection)
    engine.dispose()
    yield name
    execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(server_url: str, template: str) -> Iterator[Database]:
    """A fresh, empty, migrated database."""
    name = f"bontri_test_{uuid.uuid4().hex[:12]}"
    execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    database = Database(url_of(server_url, name), {})
    yield database
    for engine in database.engines.values():
        engine.dispose()
    execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def keyring() -> Keyring:
    """Secrets of the tests; nobody else's."""
    return Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)


@pytest.fixture
def now() -> datetime.datetime:
    """A Saturday morning in November: 10:00 in Paris."""
    return datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
