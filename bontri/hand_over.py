"""Handing keys over once: a private file that is there before the commit, and gone when there was none."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

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
    with engine.connect() as connection:
        file = None if path is None else _create(path)
        try:
            transaction = connection.begin()
            change = Change(connection)
            yield change
            if file is not None and path is not None:
                _write(file, path.parent, change.content)
        except BaseException:
            if path is not None:
                path.unlink(missing_ok=True)
            raise
        finally:
            if file is not None:
                file.close()
        try:
            transaction.commit()
        except OperationalError:
            kept = f" Their keys are in {path}: keep it if they do." if path is not None else ""
            raise HandOverError(
                f"the connection broke at the commit: bontri bins list tells whether the bins exist.{kept}"
            ) from None


def _create(path: Path) -> TextIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        raise HandOverError(f"{path} is there already and may hold the only copy of keys: name another file") from None
    except OSError as error:
        raise HandOverError(f"{path} cannot be written ({error.strerror})") from None


def _write(file: TextIO, folder: Path, content: dict[str, Any]) -> None:
    """Write the content so that it survives a power cut: the file, and its name in the folder."""
    try:
        json.dump(content, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise HandOverError(f"the file of keys cannot be written ({error.strerror}): nothing was changed") from None
