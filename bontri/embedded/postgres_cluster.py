"""The cluster on disk: made once, completely or not at all, and never touched while somebody runs it."""

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bontri.embedded.errors import DataFolderBusyError, DataFolderError, EmbeddedServiceError
from bontri.embedded.folders import give_folder, write_private_file
from bontri.embedded.postgres_programs import PostgresPrograms
from bontri.embedded.processes import start_child
from bontri.embedded.unprivileged import UnprivilegedUser

SUPERUSER = "bontri"
_UNFINISHED = "cluster.unfinished-"
_INITDB_INPUT = "password-for-initdb"
_INITDB_TIMEOUT_S = 120.0
# A server whose parent was killed needs up to 5 s for its own immediate shutdown.
_LEAVING_S = 6.0


def prepare_cluster(folder: Path, programs: PostgresPrograms, user: UnprivilegedUser | None) -> tuple[Path, str]:
    """Return the cluster's folder and the superuser's password, making both at the first call.

    The caller holds the lock of `folder`.

    Raises:
        DataFolderBusyError: a server still runs in the cluster.
        DataFolderError: another major version made it, or the password is lost.
        EmbeddedServiceError: `initdb` failed.
    """
    cluster, password_file = folder / "cluster", folder / "password"
    try:
        _remove_leftovers(folder)
        if not cluster.exists():
            write_private_file(password_file, secrets.token_urlsafe(24))
            _initialise(cluster, password_file.read_text(), programs, user)
        _refuse_other_owner(cluster, user)
        _refuse_other_version(cluster, programs)
        _clear_stale_pid(cluster)
        return cluster, password_file.read_text().strip()
    except OSError as error:
        raise DataFolderError(
            f"the PostgreSQL data in {folder} cannot be used ({error.filename}: {error.strerror})"
        ) from error


def _remove_leftovers(folder: Path) -> None:
    """Remove what a start that was killed midway has left."""
    (folder / _INITDB_INPUT).unlink(missing_ok=True)
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _initialise(cluster: Path, password: str, programs: PostgresPrograms, user: UnprivilegedUser | None) -> None:
    """Run `initdb` beside the final folder and rename when complete, so a crash leaves no half cluster."""
    unfinished = Path(tempfile.mkdtemp(dir=cluster.parent, prefix=_UNFINISHED))
    give_folder(unfinished, user)
    password_copy = cluster.parent / _INITDB_INPUT
    try:
        write_private_file(password_copy, password, user)
        command = initdb_command(programs, unfinished, password_copy)
        _run_initdb(command, cluster.parent / "initdb.log", user)
        unfinished.rename(cluster)
    finally:
        password_copy.unlink(missing_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)


def initdb_command(programs: PostgresPrograms, cluster: Path, password_file: Path) -> list[str | Path]:
    """Return the command that makes a cluster which sorts and compares the same on every machine."""
    command: list[str | Path] = [programs.bin_dir / "initdb", "--pgdata", cluster, "--pwfile", password_file]
    command += [f"--username={SUPERUSER}", "--auth-local=scram-sha-256", "--auth-host=scram-sha-256"]
    command += ["--encoding=UTF8", "--locale=C", "--data-checksums"]
    if int(programs.major) >= 17:
        # Sorts like C, yet knows upper and lower case of accented letters.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return command


def _run_initdb(command: Sequence[str | Path], log_path: Path, user: UnprivilegedUser | None) -> None:
    child = start_child(command, name="initdb", log_path=log_path, run_as=user, death_signal=signal.SIGTERM)
    try:
        exit_code = child.process.wait(_INITDB_TIMEOUT_S)
    finally:
        child.stop()
    if exit_code != 0:
        raise EmbeddedServiceError(f"initdb failed (log {log_path}): {child.read_last_lines()}")


def _refuse_other_owner(cluster: Path, user: UnprivilegedUser | None) -> None:
    owner, wanted = cluster.stat().st_uid, user.uid if user else os.geteuid()
    if owner != wanted:
        raise DataFolderError(
            f"{cluster} belongs to user {owner}, but the server would run as user {wanted}: "
            "run bontri as before, or choose another data folder"
        )


def _refuse_other_version(cluster: Path, programs: PostgresPrograms) -> None:
    version_file = cluster / "PG_VERSION"
    if not version_file.exists():
        raise DataFolderError(f"{cluster} is no PostgreSQL cluster: move it away, or choose another data folder")
    made_by = version_file.read_text().strip()
    if made_by != programs.major:
        raise DataFolderError(
            f"{cluster} was made by PostgreSQL {made_by}, but the installed programs are {programs.version}: "
            f"move it away to start anew, upgrade it with pg_upgrade, or run it with PostgreSQL {made_by} "
            "and name that server in DATABASE_URL"
        )


def _clear_stale_pid(cluster: Path) -> None:
    """Wait for servers that are just leaving, then remove the lock file of one that did not leave in order.

    PostgreSQL itself overwrites the file when no such process exists, but takes a foreign process of the same
    account that got the number after a reboot for a running server, and refuses to start.
    """
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return
    deadline = time.monotonic() + _LEAVING_S
    while servers := _list_servers(cluster, pid_file):
        if time.monotonic() > deadline:
            raise DataFolderBusyError(
                f"a PostgreSQL server (process {servers[0]}) is running in {cluster}: "
                "stop it, or choose another data folder"
            )
        time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def _list_servers(cluster: Path, pid_file: Path) -> list[int]:
    """Return the PostgreSQL processes working in `cluster`: servers and their backends work inside their data."""
    try:
        recorded = pid_file.read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        recorded = ""
    servers = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() != "postgres":
                continue
            is_here = (process / "cwd").readlink() == cluster
        except PermissionError:
            # In a container root may not look into another account's process: the recorded number must do.
            is_here = process.name == recorded
        except (FileNotFoundError, ProcessLookupError):
            continue
        if is_here:
            servers.append(int(process.name))
    return sorted(servers)
