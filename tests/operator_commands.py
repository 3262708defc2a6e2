"""Running the command as an operator does: real options, real settings, in this process."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bontri.cli import cli, main
from rewards.errors import RewardsError
from tests.databases import Database
from tests.ingest_scene import KEYRING


def environment_of(database: Database, **more: str) -> dict[str, str]:
    """Return the settings of an operator's shell."""
    return {
        "DATABASE_URL": database.url,
        "MQTT_URL": "mqtts://broker.example.org:8883",
        "BONTRI_MASTER_KEY": KEYRING.master_key.hex(),
        "BONTRI_BADGE_PEPPER": KEYRING.badge_pepper.hex(),
        "BONTRI_STORAGE_KEY": KEYRING.storage_key.hex(),
        **more,
    }


def run(database: Database, *arguments: str | Path, **settings: str) -> Result:
    """Run ``bontri …`` and return what it printed; a refusal is kept as the result's exception."""
    return CliRunner().invoke(cli, [str(each) for each in arguments], env=environment_of(database, **settings))


def code_of(result: Result) -> str | None:
    """Return the code of the refusal a command ended with."""
    return result.exception.code if isinstance(result.exception, RewardsError) else None


def succeed(database: Database, *arguments: str | Path, **settings: str) -> Result:
    """Run ``bontri …``, which must exit with 0."""
    result = run(database, *arguments, **settings)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def run_main(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database: Database, *arguments: str
) -> tuple[int, str]:
    """Run the whole program, which turns refusals into sentences; return the exit code and standard error."""
    for name, value in environment_of(database).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["bontri", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), capsys.readouterr().err
