"""Every peer: what it is made of, in which exact versions, and when it tells the broker that a message is safe."""

from dataclasses import dataclass
from typing import Literal

Pace = Literal["row", "batch", "bulk"]
"""How much a pipeline is given to drain: a row a commit, many rows a commit, or so fast that it needs more to be timed.
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """One pipeline from the broker into a table, of other people's parts.

    ``packages`` are pinned and installed into an environment of the peer's own; without any it runs in ours.
    ``takes_signed``: it is given messages as bins send them; else without the line of the signature.
    """

    name: str
    language: Literal["python", "node"]
    packages: tuple[str, ...]
    script: str
    pace: Pace
    acknowledges: str
    table: Literal["plain_deposits", "keyed_deposits"] = "plain_deposits"
    takes_signed: bool = True


PEERS = (
    Peer("sqlalchemy_row", "python", (), "sqlalchemy_row.py", pace="row", acknowledges="after the commit"),
    Peer("psycopg_row", "python", (), "psycopg_row.py", pace="row", acknowledges="after the commit"),
    Peer(
        "aiomqtt_asyncpg",
        "python",
        ("aiomqtt==2.5.1", "asyncpg==0.32.0", "paho-mqtt==2.2.0"),
        "aiomqtt_asyncpg.py",
        pace="batch",
        acknowledges="when it enters the client's queue",
    ),
    Peer(
        "mqttjs_pg",
        "node",
        ("mqtt@5.16.0", "pg@8.23.1"),
        "mqttjs_pg.js",
        pace="bulk",
        acknowledges="when the message handler has returned, before the INSERT",
    ),
    Peer(
        "node_red",
        "node",
        ("node-red@4.1.15", "pg@8.23.1"),
        "node_red.js",
        pace="row",
        acknowledges="when it enters the flow",
    ),
    Peer(
        "pathway_keyed",
        "python",
        ("pathway==0.33.0",),
        "pathway_keyed.py",
        pace="bulk",
        acknowledges="after a checkpoint, every second",
        table="keyed_deposits",
        takes_signed=False,
    ),
)

PEERS_BY_NAME = {peer.name: peer for peer in PEERS}
