"""Peer: paho-mqtt and psycopg alone, one row and one commit per message, into a plain table."""

import sys
from typing import Any

import psycopg
from sqlalchemy import make_url

from benchmarks.peers.subscriber import COLUMNS, subscribe

INSERT = f"INSERT INTO plain_deposits ({', '.join(COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in COLUMNS)})"


def run(database_url: str, mqtt_url: str, client_id: str) -> None:
    """Store every deposit of the session until ended by a signal."""
    conninfo = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo) as connection:

        def store(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                connection.execute(INSERT, row)
            connection.commit()

        subscribe(mqtt_url, client_id, store)


if __name__ == "__main__":
    run(*sys.argv[1:])
