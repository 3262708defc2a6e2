"""What a changing command works with: settings, database and secrets, opened and asked for before anything changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine

from bontri.embedded.processes import stop_on_signals
from bontri.fleet_accounts import refresh_broker
from bontri.fleet_import import HandOver
from bontri.operating import broker_in_use, engine_in_use, keyring_in_use
from bontri.settings import Settings, read_settings
from rewards.keyring import Keyring

Show = Callable[[dict[str, Any]], object]
"""Shows what is handed over, once it is committed."""

SPREADS = "Workers know it within a second."


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with."""

    settings: Settings
    engine: Engine
    keyring: Keyring | None

    def hand_over(self, path: Path | None, broker: str | None) -> HandOver:
        """Return where keys go; asks for whatever settings that needs."""
        keyring = self.keyring or keyring_in_use(self.settings)
        return HandOver(path, broker_in_use(self.settings, broker), keyring)

    def refresh_broker(self) -> None:
        """Bring the broker's accounts up to date, after the commit, and say so on standard error."""
        keyring = self.keyring or keyring_in_use(self.settings)
        click.echo(refresh_broker(self.engine, self.settings, keyring), err=True)


@contextmanager
def operator_desk(*, changes_accounts: bool) -> Iterator[Desk]:
    """Open the database; what is needed after the commit is asked for before it."""
    settings = read_settings()
    keyring = keyring_in_use(settings) if changes_accounts and settings.mosquitto_folder else None
    with stop_on_signals(), engine_in_use(settings, role="bontri_operator") as engine:
        yield Desk(settings, engine, keyring)
