"""Programs that some tests need and a machine may lack: skipped with the reason, but a failure in CI."""

import os
import shutil
from pathlib import Path

import pytest

from bontri.embedded.errors import ProgramMissingError
from bontri.embedded.mosquitto import find_mosquitto


def require_mosquitto() -> Path:
    """Return the installed Mosquitto, or skip the test; with ``CI=true`` fail it."""
    try:
        return find_mosquitto()
    except ProgramMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def require_program(name: str) -> str:
    """Return where a program is, or skip the test; with ``CI=true`` fail it."""
    found = shutil.which(name)
    if found is not None:
        return found
    missing = f"{name} is not installed: apt-get install {name}"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
