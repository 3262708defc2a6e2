"""Peer: paho-mqtt and psycopg alone, one row and one commit per message, into a plain table."""

import os
from typing import Any

import psycopg

from benchmarks.peers.subscriber import COLUMNS, subscribe

INSERT = f"INSERT INTO plain_deposits ({', '.join(COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in COLUMNS)})"


def run() -> None:
    """Store every deposit of the session until ended by a signal."""
    with psycopg.connect(os.environ["PEER_DATABASE_URL"]) as connection:

        def store(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                connection.execute(INSERT, row)
            connection.commit()

        subscribe(store)


if __name__ == "__main__":
    run()
