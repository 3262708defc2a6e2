"""Who the services run as: PostgreSQL refuses root, and a broker should not be root either."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from bontri.embedded.errors import EmbeddedServiceError

UNPRIVILEGED_NAME = "nobody"


@dataclass(frozen=True)
class UnprivilegedUser:
    """The system account that services started by root run as."""

    name: str
    uid: int
    gid: int


def find_unprivileged_user() -> UnprivilegedUser | None:
    """Return the account to run services as, or None when we are not root and run them as ourselves.

    No account is ever created: making one would change the machine for the sake of a demo.

    Raises:
        EmbeddedServiceError: we are root and the machine has no account `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_NAME)
    except KeyError:
        raise EmbeddedServiceError(
            f"PostgreSQL refuses to run as root and there is no account {UNPRIVILEGED_NAME!r} to run it as: "
            "run bontri as an ordinary user"
        ) from None
    return UnprivilegedUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def find_closed_folder(path: Path, user: UnprivilegedUser) -> Path | None:
    """Return the outermost of `path` and its parents that `user` may not enter; None when all are open.

    Reads mode bits only: an access control list that lets the account in is not seen.
    """
    for folder in [*reversed(path.parents), path]:
        status = folder.stat()
        if status.st_uid == user.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == user.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return folder
    return None
