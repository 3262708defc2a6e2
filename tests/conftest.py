"""Fixtures on real services: one PostgreSQL per test process, an empty migrated database per test.

``BONTRI_TEST_DATABASE_URL`` (a superuser on a server of one's own) replaces the embedded PostgreSQL.
"""

import datetime
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bontri.embedded.process_tree import list_descendants
from rewards.database import migrate, open_engine
from rewards.keyring import Keyring
from tests.databases import Database, DatabasePool, execute, url_of

TEMPLATE = "bontri_template"


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
        # These clusters live for one test run and are killed by no test; what autovacuum counts and cleans is chance.
        with running_postgres(folder / "postgres", settings={"fsync": "off", "autovacuum": "off"}) as server:
            url = server.url("postgres")
            # Tests connect often, and each time the password would be hashed 4096 times.
            execute(url, "SET scram_iterations = 1", f"ALTER USER {server.user} PASSWORD '{server.password}'")
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


@pytest.fixture(scope="session")
def databases(server_url: str, template: str) -> Iterator[DatabasePool]:
    """Migrated databases to borrow, for fixtures that outlive one test."""
    pool = DatabasePool(server_url, template)
    yield pool
    pool.close()


@pytest.fixture
def database(databases: DatabasePool) -> Iterator[Database]:
    """An empty, migrated database."""
    with databases.lend() as database:
        yield database


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Asserts that no process a test started is there after it."""
    before = set(list_descendants(os.getpid()))
    yield
    # The server of the whole run may just have started a worker of its own, which ends by itself.
    deadline_s = time.monotonic() + 10
    while left := set(list_descendants(os.getpid())) - before:
        assert time.monotonic() < deadline_s, f"left running: {left}"
        time.sleep(0.02)


@pytest.fixture
def keyring() -> Keyring:
    """Secrets of the tests; nobody else's."""
    return Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)


@pytest.fixture
def now() -> datetime.datetime:
    """A Saturday morning in November: 10:00 in Paris."""
    return datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
