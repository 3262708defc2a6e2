"""Writing Mosquitto's passwords and ACL where an operator's broker reads them, and telling it to.

A file is replaced at once or not at all, and keeps the owner, group and mode it had. What the operator wants beside
our accounts stands in ``passwords.own`` and ``acl.own`` in the same folder and is appended as it is.
"""

import fcntl
import grp
import os
import signal
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bontri.broker_accounts import BrokerAccount, require_distinct_usernames
from bontri.mosquitto_accounts import acl_of, passwords_of

PRIVATE = 0o600
GROUP_READABLE = 0o640
PROGRAM = "mosquitto"


class BrokerFilesError(Exception):
    """Mosquitto's files could not be written, or it could not be told; the text says what to do."""


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Wait for other commands that write there, and have them wait, for the time of the block.

    List the accounts inside: what one command has listed must not be written over what a later one has written.

    Raises:
        BrokerFilesError: there is no such folder.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise BrokerFilesError(f"{folder} cannot be used ({error.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_broker_files(folder: Path, accounts: Sequence[BrokerAccount], *, group: str | None = None) -> None:
    """Replace ``passwords`` and ``acl`` in ``folder``; new files are private, or readable by ``group``.

    Raises:
        BrokerFilesError: nothing can be written there, or a username of ours is in ``passwords.own``.
    """
    own_passwords, own_acl = _read_own(folder / "passwords.own"), _read_own(folder / "acl.own")
    own_usernames = {line.partition(":")[0] for line in own_passwords.splitlines() if ":" in line}
    if doubles := sorted(own_usernames & {account.username for account in accounts}):
        raise BrokerFilesError(
            f"{folder / 'passwords.own'} has the account {doubles[0]}, which is ours: remove it there"
        )
    require_distinct_usernames(accounts)
    gid = _gid_of(group) if group else None
    # The ACL first: an account without rights is harmless, rights without an account are none.
    _replace_file(folder / "acl", acl_of(accounts) + own_acl, gid)
    _replace_file(folder / "passwords", passwords_of(accounts) + own_passwords, gid)


def reload_mosquitto(pid_file: Path) -> int:
    """Have the Mosquitto of ``pid_file`` read its files again (SIGHUP), and return its process id.

    Clients whose account is gone are disconnected by it.

    Raises:
        BrokerFilesError: the file names no running Mosquitto of ours to signal.
    """
    try:
        written = pid_file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise BrokerFilesError(f"{pid_file} cannot be read ({error}): see pid_file in mosquitto.conf") from None
    if not written.isdecimal() or int(written) < 2:
        raise BrokerFilesError(f"{pid_file} holds no process id: see pid_file in mosquitto.conf")
    pid = int(written)
    try:
        # A file left behind may name a process that has nothing to do with it, and would die of the signal.
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        raise BrokerFilesError(f"process {pid} of {pid_file} does not run: start Mosquitto") from None
    if name != PROGRAM:
        raise BrokerFilesError(f"process {pid} of {pid_file} is {name}, not Mosquitto: it was left alone")
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError:
        raise BrokerFilesError(
            f"Mosquitto (process {pid}) is another user's: run this as root or as its user"
        ) from None
    except ProcessLookupError:
        raise BrokerFilesError(f"Mosquitto (process {pid}) has just ended: start it") from None
    return pid


def _read_own(path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise BrokerFilesError(f"{path} cannot be read ({error})") from None
    return content if not content or content.endswith("\n") else content + "\n"


def _gid_of(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise BrokerFilesError(f"there is no group {group} on this machine") from None


def _replace_file(path: Path, content: str, gid: int | None) -> None:
    """Write beside the file and rename: a reader sees the old one or the new one, never half of it."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise BrokerFilesError(f"{path.parent} cannot be written ({error.strerror})") from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            _take_over(file.fileno(), path, gid)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BrokerFilesError(f"{path} cannot be written ({error.strerror})") from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _take_over(descriptor: int, path: Path, gid: int | None) -> None:
    """Give the new file the owner, group and mode of the one it replaces, or ``gid`` with the right to read."""
    try:
        present = path.lstat()
    except FileNotFoundError:
        present = None
    if present is not None and stat.S_ISREG(present.st_mode):
        os.fchown(descriptor, present.st_uid, present.st_gid if gid is None else gid)
        os.fchmod(descriptor, GROUP_READABLE if gid is not None else present.st_mode & GROUP_READABLE | PRIVATE)
    elif gid is not None:
        os.fchown(descriptor, -1, gid)
        os.fchmod(descriptor, GROUP_READABLE)
