"""Peer: Pathway, its MQTT reader and its PostgreSQL writer (both in Rust), keyed by the event's identity.

Runs in an environment of its own and imports nothing of ours. With persistence Pathway acknowledges a message after a
checkpoint covers it; the key makes what then comes twice one row. Its JSON reader takes a payload whole, hence it is
given messages without the line of the signature.
"""

import os
from urllib.parse import unquote, urlsplit

import pathway as pw

CHECKPOINT_EVERY_MS = 1000
COMMIT_EVERY_MS = 100
MOST_AT_WORK = 5000
"""Without a bound it commits a waiting queue in one or two transactions, which cannot be timed, and is no faster."""


class Deposit(pw.Schema):  # type: ignore[misc]
    """A deposit as the message has it."""

    bin_id: str = pw.column_definition(primary_key=True)
    seq: int = pw.column_definition(primary_key=True)
    material: str
    items: int
    badge: str | None = pw.column_definition(default_value=None)
    at: str


FIELDS = {
    "bin_id": "/bin",
    **{name: f"/events/0/{name}" for name in ("seq", "material", "items", "badge", "at")},
}


def database_settings() -> dict[str, str]:
    """Return where PostgreSQL is, as Pathway takes it."""
    url = urlsplit(os.environ["PEER_DATABASE_URL"])
    return {
        "host": url.hostname or "",
        "port": str(url.port),
        "dbname": url.path.lstrip("/"),
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
    }


def run() -> None:
    """Store every deposit of the session until ended by a signal."""
    uri = f"{os.environ['PEER_MQTT_URL']}?client_id={os.environ['PEER_CLIENT_ID']}"
    deposits = pw.io.mqtt.read(
        uri,
        os.environ["PEER_TOPIC"],
        qos=1,
        schema=Deposit,
        format="json",
        json_field_paths=FIELDS,
        autocommit_duration_ms=COMMIT_EVERY_MS,
        max_backlog_size=MOST_AT_WORK,
        name="deposits",
    )
    pw.io.postgres.write(
        deposits,
        database_settings(),
        "keyed_deposits",
        output_table_type="snapshot",
        primary_key=[deposits.bin_id, deposits.seq],
    )
    backend = pw.persistence.Backend.filesystem(os.environ["PEER_STATE"])
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(backend, snapshot_interval_ms=CHECKPOINT_EVERY_MS),
    )


if __name__ == "__main__":
    run()
