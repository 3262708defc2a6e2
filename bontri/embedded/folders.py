"""Where the embedded services keep their data, and who may read it.

Everything here stays inside the data folder: no mode or owner of a parent folder is ever changed.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bontri.embedded.errors import DataFolderBusyError, DataFolderError
from bontri.embedded.unprivileged import UnprivilegedUser, find_closed_folder

SYSTEM_DATA_DIR = Path("/var/lib/bontri")


def default_data_dir() -> Path:
    """Return the folder for data when none is named: for root of the system, for others below XDG_DATA_HOME."""
    if os.geteuid() == 0:
        return SYSTEM_DATA_DIR
    xdg_data_home = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification says that a relative path is invalid and to be ignored.
    base = Path(xdg_data_home) if xdg_data_home.startswith("/") else Path.home() / ".local" / "share"
    return base / "bontri"


def prepare_data_dir(data_dir: Path, user: UnprivilegedUser | None) -> Path:
    """Create the data folder if missing and return its absolute path.

    Raises:
        DataFolderError: it cannot be created or written, or `user` cannot reach it.
    """
    data_dir = data_dir.absolute().resolve()
    try:
        if not data_dir.exists():
            data_dir.mkdir(parents=True)
            data_dir.chmod(0o755 if user else 0o700)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise DataFolderError(
            f"the data folder {data_dir} cannot be created or written ({error.strerror}): choose another"
        ) from error
    if user and (closed := find_closed_folder(data_dir, user)):
        raise DataFolderError(
            f"the data folder {data_dir} cannot be used: as root, services run as {user.name}, who may not "
            f"enter {closed}; choose a folder such as {SYSTEM_DATA_DIR}"
        )
    return data_dir


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """Make a folder that the accounts of services can reach but not list, and remove it with all that is in it.

    Not one of pytest or of a user, which are closed to other accounts.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"bontri-{name}-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_service_folder(data_dir: Path, name: str, user: UnprivilegedUser | None) -> Path:
    """Create `data_dir/name`, ours alone; `user` may pass through it but neither list nor write it.

    It stays owned by us, so that we never write into a folder where `user` could plant a symbolic link.
    """
    folder = data_dir / name
    try:
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711 if user else 0o700)
    except OSError as error:
        raise DataFolderError(f"the folder {folder} cannot be used ({error.strerror})") from error
    return folder


def give_folder(folder: Path, user: UnprivilegedUser | None) -> None:
    """Make `folder` private to the account the service runs as."""
    folder.chmod(0o700)
    if user:
        os.chown(folder, user.uid, user.gid)


def write_private_file(path: Path, text: str, user: UnprivilegedUser | None = None) -> None:
    """Replace the file at once by `text`, readable by its owner only: `user`, or us when None."""
    descriptor, temporary_name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(temporary_name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            if user:
                os.fchown(file.fileno(), user.uid, user.gid)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; the kernel lets go of it however the process ends.

    Raises:
        DataFolderBusyError: another process, or another call in this one, holds it.
    """
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DataFolderError(f"the folder {folder} cannot be locked ({error.strerror})") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise DataFolderBusyError(
                f"the folder {folder} is in use by process {holder}: stop it, or choose another data folder"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
