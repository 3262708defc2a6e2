"""A backup taken while everything runs, and the day it is needed: the database's disk is lost."""

import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from bontri.embedded.errors import EmbeddedServiceError
from bontri.embedded.folders import give_folder
from bontri.embedded.postgres_programs import find_postgres_programs
from bontri.embedded.processes import CLEAN_ENVIRONMENT, Child, start_child
from bontri.embedded.unprivileged import find_unprivileged_user
from reliability.chaos.services import Services

TRY_AGAIN_S = 1.0


@dataclass
class Backup:
    """``pg_basebackup`` beside the running server; begun again when a fault has broken it off."""

    services: Services
    is_wanted: bool = False
    is_done: bool = False
    attempts: int = 0
    began_s: float = 0.0
    """When the last attempt was begun (monotonic): what was done before is in it."""
    _child: Child | None = field(default=None)
    _begin_at_s: float = 0.0

    def want(self) -> None:
        """Have one made as soon as the server lets."""
        self.is_wanted = True

    def look(self) -> None:
        """Begin, or see what became of what was begun; returns at once."""
        if not self.is_wanted or self.is_done:
            return
        if self._child is None:
            if time.monotonic() >= self._begin_at_s and self.services.postgres.is_running:
                self._child = self._begin()
        elif not self._child.is_running:
            self.is_done = self._child.process.returncode == 0
            self._child, self._begin_at_s = None, time.monotonic() + TRY_AGAIN_S

    def put_in_place(self) -> None:
        """Replace the database's disk by the backup. The server must not run."""
        cluster = self.services.folder / "postgres" / "cluster"
        shutil.rmtree(cluster)
        (self._folder / "cluster").rename(cluster)
        self.is_done = self.is_wanted = False

    def stop(self) -> None:
        """Break off what is under way."""
        if self._child is not None:
            self._child.stop(first=signal.SIGKILL)

    @property
    def _folder(self) -> Path:
        return self.services.folder / "backup"

    def _begin(self) -> Child:
        server, user = self.services.server, find_unprivileged_user()
        if server is None:
            raise EmbeddedServiceError("there is no server to back up")
        self.attempts += 1
        self.began_s = time.monotonic()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        give_folder(self._folder, user)
        programs = find_postgres_programs(self.services.folder, user)
        command: list[str | Path] = [
            programs.bin_dir / "pg_basebackup",
            "-h",
            server.host,
            "-p",
            str(server.port),
            "-U",
            server.user,
        ]
        command += ["-D", self._folder / "cluster", "--checkpoint=fast", "--wal-method=stream"]
        return start_child(
            command,
            name="pg_basebackup",
            log_path=self.services.folder / "backup.log",
            run_as=user,
            environment={**CLEAN_ENVIRONMENT, "PGPASSWORD": server.password},
        )
