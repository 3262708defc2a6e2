"""Handing keys over once: a private file that is there before the commit, and gone when there was none."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError


class HandOverError(Exception):
    """The file cannot be made, or nobody knows whether its bins were; the text says what to do."""


@dataclass
class Change:
    """A transaction that provisions something, and what is to be handed over of it."""

    connection: Connection
    content: dict[str, Any] = field(default_factory=dict, repr=False)


@contextmanager
def provisioning_change(engine: Engine, path: Path | None) -> Iterator[Change]:
    """Run the block in one transaction, keep its ``content`` in ``path`` and commit; no path: the caller shows it.

    The file is created private, is never an existing one, and is on disk before the commit: no provisioned bin is
    without its keys. It is removed when the transaction fails.

    Raises:
        HandOverError: the file is there already, or cannot be written; or the connection broke at the very commit.
    """
    descriptor = None if path is None else _create(path)
    with engine.connect() as connection:
        try:
            transaction = connection.begin()
            change = Change(connection)
            yield change
            if path is not None and descriptor is not None:
                _write(descriptor, path, change.content)
        except BaseException:
            if path is not None:
                path.unlink(missing_ok=True)
            raise
        try:
            transaction.commit()
        except OperationalError:
            kept = f" Their keys are in {path}: keep it if they do." if path is not None else ""
            raise HandOverError(
                f"the connection broke at the commit: bontri bins list tells whether the bins exist.{kept}"
            ) from None


def _create(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise HandOverError(f"{path} is there already and may hold the only copy of keys: name another file") from None
    except OSError as error:
        raise HandOverError(f"{path} cannot be written ({error.strerror})") from None


def _write(descriptor: int, path: Path, content: dict[str, Any]) -> None:
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise HandOverError(f"{path} cannot be written ({error.strerror})") from None
