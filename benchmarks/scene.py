"""The services of one run: a PostgreSQL with durable defaults and a broker, private, fresh, on loopback."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sqlalchemy import make_url

from benchmarks.town import BenchTown
from bontri.broker_accounts import BrokerAccount
from bontri.embedded.broker import Broker, running_broker
from bontri.embedded.folders import scratch_folder
from bontri.embedded.postgres import PostgresServer, running_postgres
from bontri.progress import Teller
from bontri.settings import SECRETS
from ingest.worker import utc_now
from rewards.database import migrate, open_engine
from rewards.keyring import Keyring
from rewards.verify import Verification, verify

WORKER_CLIENT_ID = "bench-worker"
UNSET = ("DATABASE_URL", "MQTT_URL", "CRASH_AT", "NOTIFY_SOCKET")
"""What a process of ours must not take from the environment of whoever measures; beside every BONTRI_ setting."""


@dataclass(frozen=True)
class Scene:
    """What runs, and where."""

    server: PostgresServer
    broker: Broker
    keyring: Keyring = field(repr=False)
    folder: Path

    def mqtt_url(self, username: str) -> str:
        """Return the broker's address for one of our accounts, password included: not for logs."""
        return self.broker.url(username, self.keyring.broker_password(username=username))

    def plain_url(self, database: str) -> str:
        """Return a database's address as every driver reads it, password included: not for logs."""
        url = make_url(self.server.url(database)).set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def make_town(self, database: str, town: BenchTown) -> None:
        """Create a migrated database with the authority in it."""
        self.server.create_database(database)
        engine = open_engine(self.server.url(database), role="owner")
        with engine.connect() as connection:
            migrate(connection)
        with engine.begin() as connection:
            town.build(connection, now=utc_now())
        engine.dispose()

    def environment(self, database: str, **more: str) -> dict[str, str]:
        """Return the environment of a ``bontri`` process on a database; ``more`` are further settings."""
        keys = (self.keyring.master_key, self.keyring.badge_pepper, self.keyring.storage_key)
        return {
            **clean_environment(),
            **dict(zip(SECRETS, (key.hex() for key in keys), strict=True)),
            "DATABASE_URL": self.server.url(database),
            "MQTT_URL": self.mqtt_url("worker"),
            "BONTRI_MQTT_CLIENT_ID": WORKER_CLIENT_ID,
            "BONTRI_MQTT_TOPIC_FILTER": self.broker.worker_filter,
            "BONTRI_LOG_LEVEL": "warning",
            "BONTRI_INGEST_HTTP_PORT": "0",
            **more,
        }


def clean_environment() -> dict[str, str]:
    """Return our environment without settings: what is measured has the defaults, and no secret goes to strangers."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in UNSET and not name.startswith(("BONTRI_", "PG"))
    }


def verify_database(scene: Scene, database: str) -> Verification:
    """Check the books of a database."""
    engine = open_engine(scene.server.url(database), role="owner")
    try:
        return verify(engine)
    finally:
        engine.dispose()


@contextmanager
def open_scene(tell: Teller, *, kind: Literal["auto", "mosquitto"] = "mosquitto") -> Iterator[Scene]:
    """Run the services for the time of the block; nothing is left of them after it.

    ``auto`` takes the small broker of the demo where no Mosquitto is installed; it holds no queue to be drained.

    Raises:
        EmbeddedServiceError: one of them does not start.
    """
    keyring = Keyring(os.urandom(32), os.urandom(32), os.urandom(32))
    accounts = [
        BrokerAccount("worker", keyring.broker_password(username="worker"), "worker"),
        BrokerAccount("publisher", keyring.broker_password(username="publisher"), "fleet"),
    ]
    with (
        scratch_folder("bench") as folder,
        running_postgres(folder) as server,
        running_broker(folder, accounts=accounts, kind=kind) as broker,
    ):
        tell.line(f"PostgreSQL {server.version} and {broker.kind} run")
        yield Scene(server, broker, keyring, folder)
