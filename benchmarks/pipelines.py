"""What is drained: our workers, or a peer, each as a process that takes messages of a session into a database."""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from benchmarks.peers.installing import Installed
from benchmarks.publishing import connect, open_session, publish
from benchmarks.scene import WORKER_CLIENT_ID, Scene, clean_environment
from benchmarks.town import BenchMessage, BenchTown
from bontri.embedded.processes import Child, start_child
from ingest.mqtt_client import Parser
from ingest.sessions import member_ids
from ingest.topics import PLAIN_FILTER
from ingest.worker import utc_now

PEER_CLIENT_ID = "bench-peer"
# Of today and yesterday: with a long history, counting all of it cost more than what was counted.
DEPOSITS = """
    SELECT coalesce(sum(deposits), 0) FROM daily_deposits WHERE authority_id = 1 AND day >= current_date - 1
"""


@dataclass(frozen=True)
class Pipeline:
    """A process between the broker and a database, and how its commits are counted."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    client_ids: Sequence[str]
    topic_filter: str
    town: BenchTown
    database_url: str = field(repr=False)
    tally: str
    takes_signed: bool = True

    def messages(self, count: int, *, events: int = 1) -> list[BenchMessage]:
        """Make the next messages of its bins, before anything is timed."""
        made = self.town.messages(count, now=utc_now(), events=events)
        return list(made) if self.takes_signed else [without_signature(each) for each in made]

    def start(self, scene: Scene) -> Child:
        """Start the process; the caller ends it."""
        log_path = scene.folder / f"{self.name}.log"
        return start_child(self.command, name=self.name, log_path=log_path, environment=self.environment)


def without_signature(message: BenchMessage) -> BenchMessage:
    """Return a message of its JSON line alone."""
    return BenchMessage(message.topic, message.payload.partition(b"\n")[0])


def our_pipeline(
    scene: Scene, town: BenchTown, *, database: str = "bontri", workers: int = 1, parser: Parser = "fast"
) -> Pipeline:
    """Return ``bontri ingest`` with its defaults."""
    return Pipeline(
        name="bontri",
        command=[sys.executable, "-m", "bontri", "ingest", "--workers", str(workers)],
        environment=scene.environment(database, BONTRI_MQTT_PARSER=parser),
        client_ids=member_ids(WORKER_CLIENT_ID, workers),
        topic_filter=scene.broker.worker_filter,
        town=town,
        database_url=scene.plain_url(database),
        tally=DEPOSITS,
    )


def peer_pipeline(scene: Scene, installed: Installed, town: BenchTown) -> Pipeline:
    """Return a peer with an empty table and nothing kept from before.

    It gets bins of its own, whose numbers are not missing in our journals; to a peer they are all the same.
    """
    peer = installed.peer
    url = scene.plain_url("peer")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {peer.table}")
    return Pipeline(
        name=peer.name,
        command=installed.command,
        environment={
            **clean_environment(),
            **dict(installed.environment),
            "PEER_DATABASE_URL": url,
            "PEER_MQTT_URL": scene.mqtt_url("worker"),
            "PEER_CLIENT_ID": PEER_CLIENT_ID,
            "PEER_TOPIC": PLAIN_FILTER,
            "PEER_STATE": tempfile.mkdtemp(dir=scene.folder, prefix=f"{peer.name}-"),
        },
        client_ids=[PEER_CLIENT_ID],
        topic_filter=PLAIN_FILTER,
        town=town,
        database_url=url,
        tally=f"SELECT count(*) FROM {peer.table}",
        takes_signed=peer.takes_signed,
    )


class Tally:
    """Counts what a pipeline has committed since the block began, over a connection kept open."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._query = pipeline.tally
        self._connection: psycopg.Connection[Any] = psycopg.connect(pipeline.database_url, autocommit=True)
        self._before = 0

    def __enter__(self) -> "Tally":
        self._before = self.count()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def count(self) -> int:
        """Return how many deposits are in by now."""
        row = self._connection.execute(self._query).fetchone()
        return int(row[0]) - self._before if row else 0


@contextmanager
def filled_queue(scene: Scene, pipeline: Pipeline, messages: Sequence[BenchMessage]) -> Iterator[None]:
    """Fill the queue of a pipeline's session; drop it at the end, so that it takes nothing meant for the others."""
    for client_id in pipeline.client_ids:
        open_session(scene.mqtt_url("worker"), client_id=client_id, topic_filter=pipeline.topic_filter)
    try:
        publish(scene.mqtt_url("publisher"), messages)
        yield
    finally:
        for client_id in pipeline.client_ids:
            client = connect(scene.mqtt_url("worker"), client_id=client_id)
            client.disconnect()
            client.loop_stop()
