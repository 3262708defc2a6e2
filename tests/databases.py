"""Migrated, empty databases for tests: one that was only filled is emptied and handed out again.

Copying a template and dropping the copy costs twice what emptying does. A test that changed anything else than rows (a
constraint, a grant, a setting, the planner's statistics) leaves a database that is dropped.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import Engine, make_url

from rewards.database import DatabaseRole, open_engine

TOWN_ID = 7
"""The authority most tests are about."""

SHAPE = """
SELECT md5(concat_ws('|',
    (SELECT string_agg(concat_ws(',', oid, relname, relkind, relacl, reloptions, relchecks, relrowsecurity), ';'
                       ORDER BY oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT string_agg(concat_ws(',', attrelid, attname, atttypid, attnotnull, attacl), ';' ORDER BY attrelid, attnum)
       FROM pg_attribute WHERE attrelid >= 16384),
    (SELECT string_agg(concat_ws(',', oid, xmin), ';' ORDER BY oid) FROM pg_constraint),
    (SELECT string_agg(concat_ws(',', oid, xmin), ';' ORDER BY oid) FROM pg_proc WHERE oid >= 16384),
    (SELECT string_agg(concat_ws(',', oid, xmin), ';' ORDER BY oid) FROM pg_trigger),
    (SELECT string_agg(concat_ws(',', oid, xmin), ';' ORDER BY oid) FROM pg_policy),
    (SELECT string_agg(concat_ws(',', oid, xmin), ';' ORDER BY oid) FROM pg_namespace),
    (SELECT string_agg(concat_ws(',', setdatabase, setrole, setconfig), ';' ORDER BY setdatabase, setrole)
       FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())),
    (SELECT string_agg(concat_ws(',', datacl, datallowconn, datconnlimit), ';')
       FROM pg_database WHERE datname = current_database()),
    (SELECT string_agg(version_num, ';') FROM alembic_version),
    (SELECT count(*) FROM pg_statistic WHERE starelid >= 16384)
))
"""

EMPTY = """
DO $$
DECLARE
    each_table text;
    is_filled boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR each_table IN
        SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || each_table || ')' INTO is_filled;
        IF is_filled THEN
            -- Deleting few rows is faster than new files for a table and each of its indexes.
            IF pg_relation_size(each_table::regclass) > 1000000 THEN
                EXECUTE 'TRUNCATE ' || each_table || ' CASCADE';
            ELSE
                EXECUTE 'DELETE FROM ' || each_table;
            END IF;
        END IF;
    END LOOP;
END
$$
"""

END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass
class Database:
    """One migrated database of a test; its connections are closed when the test ends."""

    url: str
    engines: dict[tuple[str, int | None], Engine] = field(default_factory=dict)
    _kept: dict[tuple[str, int | None], Engine] = field(default_factory=dict, repr=False, compare=False)
    _asking: psycopg.Connection | None = field(default=None, repr=False, compare=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def engine(self, role: DatabaseRole = "owner", *, of: int | None = TOWN_ID) -> Engine:
        """Return the engine of ``role``, opened once, whichever thread asks first.

        Those of the API work for the authority ``of`` alone; None: for none until it is told, as in ``bontri api``.
        What is compiled for a role is kept from one borrower of the database to the next, who listens on an engine of
        its own.
        """
        kind = (role, of if role in ("bontri_api", "bontri_agent") else None)
        with self._opening:
            if kind not in self.engines:
                if kind not in self._kept:
                    self._kept[kind] = open_engine(self.url, role=role, pool_size=8, authority_id=kind[1])
                self.engines[kind] = self._kept[kind].execution_options()
            return self.engines[kind]

    def close(self) -> None:
        """Close its connections; an engine asked for later is a new one."""
        for engine in self.engines.values():
            engine.dispose()
        self.engines.clear()

    def leave(self) -> None:
        """Close the connection of the pool as well: then nobody is connected."""
        self.close()
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    def ask(self, statements: str) -> str | None:
        """Run statements of the pool, over a connection that is kept; return the one value of the last, if it has one.

        Connecting anew, and reading the catalogue again, took longer than the statements.
        """
        try:
            return self._ask(statements)
        except psycopg.OperationalError:
            # The borrower ended the connections to the database, this one among them.
            self.leave()
            return self._ask(statements)

    def _ask(self, statements: str) -> str | None:
        if self._asking is None:
            url = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
            self._asking = psycopg.connect(url, autocommit=True)
        cursor = self._asking.execute(statements)
        while cursor.nextset():
            pass
        row = cursor.fetchone() if cursor.description else None
        return str(row[0]) if row else None


class DatabasePool:
    """Copies of a migrated template on one server."""

    def __init__(self, server_url: str, template: str) -> None:
        self._server_url = server_url
        self._template = template
        self._empty: list[Database] = []
        self._shapes: dict[str, str] = {}

    @contextmanager
    def lend(self) -> Iterator[Database]:
        """A database without a row, the borrower's alone; all its connections are ended afterwards."""
        database = self._empty.pop() if self._empty else self._create()
        try:
            yield database
        finally:
            self._take_back(database)

    def _take_back(self, database: Database) -> None:
        """Empty a database, or drop it when more than its rows was changed."""
        database.close()
        if self._empty_if_as_made(database):
            self._empty.append(database)
        else:
            self._drop(database)

    def _empty_if_as_made(self, database: Database) -> bool:
        """Remove the rows of a database of which nothing else was changed; tell whether that is so."""
        is_as_made = database.ask(f"{END_OTHERS}; {SHAPE}") == self._shapes[database.url]
        if is_as_made:
            database.ask(EMPTY)
        return is_as_made

    def close(self) -> None:
        """Drop what is left."""
        while self._empty:
            self._drop(self._empty.pop())

    def _create(self) -> Database:
        name = f"bontri_test_{uuid.uuid4().hex[:12]}"
        execute(self._server_url, f"CREATE DATABASE {name} TEMPLATE {self._template}")
        database = Database(url_of(self._server_url, name))
        self._shapes[database.url] = database.ask(SHAPE)
        return database

    def _drop(self, database: Database) -> None:
        del self._shapes[database.url]
        database.leave()
        execute(self._server_url, f"DROP DATABASE {make_url(database.url).database} WITH (FORCE)")


def execute(server_url: str, *statements: str) -> None:
    """Run statements outside any transaction, as CREATE DATABASE wants."""
    engine = open_engine(server_url, role="owner")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def url_of(server_url: str, database: str) -> str:
    """Return the address of another database on the same server."""
    return make_url(server_url).set(database=database).render_as_string(hide_password=False)
