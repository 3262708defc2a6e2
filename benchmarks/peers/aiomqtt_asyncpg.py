"""Peer: aiomqtt and asyncpg, up to 1,000 rows a commit, into a plain table.

Runs in an environment of its own and imports nothing of ours. aiomqtt acknowledges a message when it enters the
client's queue, and offers no other way: what is in that queue dies with the process.
"""

import asyncio
import json
import os
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
import asyncpg
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MOST_ROWS = 1000
INSERT = """
    INSERT INTO plain_deposits (bin_id, seq, material, items, badge, at)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::integer[], $5::text[], $6::text[])
"""

Row = tuple[str, int, str, int, str | None, str]


def read_rows(payload: Any) -> list[Row]:
    """Read the deposits of a message; its signature is passed over."""
    envelope = json.loads(payload.partition(b"\n")[0])
    return [
        (envelope["bin"], event["seq"], event["material"], event["items"], event.get("badge"), event["at"])
        for event in envelope["events"]
    ]


def open_client() -> aiomqtt.Client:
    """Return a client that takes up the waiting session."""
    url = urlsplit(os.environ["PEER_MQTT_URL"])
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    return aiomqtt.Client(
        url.hostname or "",
        url.port or 1883,
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        identifier=os.environ["PEER_CLIENT_ID"],
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        properties=properties,
    )


async def run() -> None:
    """Store what comes in batches: as many as wait, 1,000 at most.

    The session holds its subscription. To subscribe again would wait for an answer that comes behind the whole queue,
    which is read into memory meanwhile: that part would not be timed, or the call times out after 10 s.
    """
    connection = await asyncpg.connect(os.environ["PEER_DATABASE_URL"])
    async with open_client() as client:
        rows: list[Row] = []
        async for message in client.messages:
            rows += read_rows(message.payload)
            if len(rows) >= MOST_ROWS or not len(client.messages):
                await connection.execute(INSERT, *map(list, zip(*rows, strict=True)))
                rows.clear()


if __name__ == "__main__":
    asyncio.run(run())
