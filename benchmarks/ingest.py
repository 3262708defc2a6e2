"""``bontri bench ingest``: drain a full broker queue, against a peer and against set-wise SQL alone, in one run.

Each round, in turn: the messages are published to a waiting session, then the pipeline under test is started on the
full queue and timed between the first and the last commit it makes. PostgreSQL with durable defaults; broker,
database, publisher and pipeline share the same cores.
"""

import os
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url, text

from benchmarks import peers
from benchmarks.peers.sqlalchemy_row import Base
from benchmarks.publishing import connect, open_session, publish
from benchmarks.reference import Reference
from benchmarks.report import Measured, machine
from benchmarks.town import BenchMessage, BenchTown
from bontri.broker_accounts import BrokerAccount
from bontri.embedded.broker import Broker, running_broker
from bontri.embedded.postgres import PostgresServer, running_postgres
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.processes import Child, start_child
from bontri.settings import SECRETS
from ingest.mqtt_client import Parser
from ingest.sessions import member_ids
from ingest.topics import PLAIN_FILTER
from ingest.worker import utc_now
from rewards.database import migrate, open_engine
from rewards.keyring import Keyring
from rewards.verify import verify

PEERS = ("sqlalchemy_row", "psycopg_row")
POLL_S = 0.02
SELDOM_POLL_S = 0.5
SOON_DRAINED = 0.9
"""Counting costs the server what it counts: rarely in between, often for the first commit and near the last."""
DRAINED_WITHIN_S = 180.0

BACKLOG_EVENTS = 50
"""Events a message of a bin that was away and hands over what it held."""

DEPOSITS = "SELECT coalesce(sum(deposits), 0) FROM daily_deposits"
PLAIN_ROWS = "SELECT count(*) FROM plain_deposits"


class BenchError(Exception):
    """A pipeline did not do what it was started for."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How much to measure."""

    messages: int
    peer_messages: int
    rounds: int
    workers: int
    bins: int
    citizens: int
    seed: int
    parser: Parser


@dataclass(frozen=True)
class Bench:
    """The services of one run."""

    server: PostgresServer
    broker: Broker
    town: BenchTown
    peer_town: BenchTown
    keyring: Keyring
    folder: Path

    def mqtt_url(self, username: str) -> str:
        """Return the broker's address for one of our accounts."""
        return self.broker.url(username, self.keyring.broker_password(username=username))


def bench_ingest(options: BenchOptions, *, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure and return rates and ratios; ``tell`` gets a line per step."""
    rates: defaultdict[str, list[float]] = defaultdict(list)
    peak_mb: list[float] = []
    with ExitStack() as stack:
        bench = stack.enter_context(open_bench(options, tell))
        engine = open_engine(bench.server.url("bontri"), role="owner")
        stack.callback(engine.dispose)
        peer_engine = open_engine(bench.server.url("peer"), role="owner")
        stack.callback(peer_engine.dispose)
        url = make_url(bench.server.url("reference")).set(drivername="postgresql")
        reference = Reference(url.render_as_string(hide_password=False), seed=options.seed)
        stack.callback(reference.close)
        # One round more, not counted: caches, lots of the month, the plans of the statements.
        for number in range(options.rounds + 1):
            drained = {
                "bontri": drain_workers(bench, engine, options),
                "bontri_backlog": drain_workers(bench, engine, options, events=BACKLOG_EVENTS),
            }
            peak_mb += [each.peak_mb for each in drained.values()]
            results = {
                **{pipeline: each.rate for pipeline, each in drained.items()},
                **{peer: drain_peer(bench, peer_engine, peer, options.peer_messages) for peer in PEERS},
                "reference_sql": options.messages / reference.write(reference.prepare(options.messages)),
            }
            name = f"round {number}" if number else "warm-up"
            tell(f"{name}: " + ", ".join(f"{pipeline} {rate:,.0f}/s" for pipeline, rate in results.items()))
            if number:
                for pipeline, rate in results.items():
                    rates[pipeline].append(rate)
        verification = verify(engine)
    measured = {name: Measured(values) for name, values in rates.items()}
    return {
        "ok": verification.is_sound,
        "what": "one signed event a message, from a full broker queue to committed ledger, rollups and receipt",
        "parser": options.parser,
        "workers": options.workers,
        "messages": options.messages,
        "peer_messages": options.peer_messages,
        "bins": options.bins,
        "citizens": options.citizens,
        "seed": options.seed,
        "broker": bench.broker.kind,
        "postgresql": bench.server.version,
        "machine": machine(),
        "rates": {name: each.as_dict() for name, each in measured.items()},
        "ratios": {
            **{f"bontri_to_{peer}": round(measured["bontri"].median / measured[peer].median, 2) for peer in PEERS},
            "bontri_to_reference_sql": round(measured["bontri"].median / measured["reference_sql"].median, 2),
            "bontri_backlog_to_bontri": round(measured["bontri_backlog"].median / measured["bontri"].median, 2),
        },
        "backlog_events_a_message": BACKLOG_EVENTS,
        "worker_peak_mb": round(max(peak_mb)),
        "verified_events": verification.counts,
    }


@contextmanager
def open_bench(options: BenchOptions, tell: Callable[[str], None]) -> Iterator[Bench]:
    """Start services with three databases: ours, the reference's copy of it, and the peers'."""
    keyring = Keyring(os.urandom(32), os.urandom(32), os.urandom(32))
    towns = [
        BenchTown(keyring, bins=options.bins, citizens=options.citizens, seed=options.seed + number)
        for number in range(2)
    ]
    folder = Path(tempfile.mkdtemp(prefix="bontri-bench-"))
    folder.chmod(0o711)
    accounts = [
        BrokerAccount("worker", keyring.broker_password(username="worker"), "worker"),
        BrokerAccount("publisher", keyring.broker_password(username="publisher"), "fleet"),
    ]
    try:
        with running_postgres(folder) as server, running_broker(folder, accounts=accounts) as broker:
            if options.workers > 1 and broker.worker_filter == PLAIN_FILTER:
                raise BenchError(f"{broker.kind} cannot share messages out: install mosquitto, or take --workers 1")
            tell(f"PostgreSQL {server.version} and {broker.kind} run; building {options.bins:,} bins")
            server.create_database("bontri")
            build(server.url("bontri"), towns[0])
            server.create_database("reference", template="bontri")
            server.create_database("peer")
            peer = open_engine(server.url("peer"), role="owner")
            Base.metadata.create_all(peer)
            peer.dispose()
            yield Bench(server, broker, towns[0], towns[1], keyring, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build(url: str, town: BenchTown) -> None:
    """Migrate a database and write the authority into it."""
    engine = open_engine(url, role="owner")
    with engine.connect() as connection:
        migrate(connection)
    with engine.begin() as connection:
        town.build(connection, now=utc_now())
    engine.dispose()


@dataclass(frozen=True, slots=True)
class Drained:
    """Events a second the workers committed, and the most memory one of their processes held."""

    rate: float
    peak_mb: float


def drain_workers(bench: Bench, engine: Engine, options: BenchOptions, *, events: int = 1) -> Drained:
    """Fill the queues of real workers with messages of ``events`` each, start them, and return how they did.

    A backlog gets twice the events, as it is drained faster.
    """
    count = options.messages if events == 1 else options.messages * 2 // events
    environment = {
        **os.environ,
        **dict(zip(SECRETS, (key.hex() for key in secrets_of(bench.keyring)), strict=True)),
        "DATABASE_URL": bench.server.url("bontri"),
        "MQTT_URL": bench.mqtt_url("worker"),
        "BONTRI_MQTT_CLIENT_ID": "bench-worker",
        "BONTRI_MQTT_TOPIC_FILTER": bench.broker.worker_filter,
        "BONTRI_MQTT_PARSER": options.parser,
        "BONTRI_LOG_LEVEL": "warning",
        "BONTRI_INGEST_HTTP_PORT": "0",
    }
    command = [sys.executable, "-m", "bontri", "ingest", "--workers", str(options.workers)]
    messages = bench.town.messages(count, now=utc_now(), events=events)
    before = count_rows(engine, DEPOSITS)
    with (
        queues(bench, member_ids("bench-worker", options.workers), bench.broker.worker_filter, messages),
        running(bench, command, environment) as child,
    ):
        rate = time_drain(engine, DEPOSITS, child, before=before, count=count * events)
        return Drained(rate, max(read_peak_mb(pid) for pid in (child.pid, *list_descendants(child.pid))))


def read_peak_mb(pid: int) -> float:
    """Return the most memory a process has held, in MB of 10^6 bytes."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


def drain_peer(bench: Bench, engine: Engine, peer: str, count: int) -> float:
    """The same for a peer that commits a row at a time.

    It gets bins of its own, whose numbers are not missing in our journals; to a peer they are all the same.
    """
    module = f"{peers.__name__}.{peer}"
    command = [sys.executable, "-m", module, bench.server.url("peer"), bench.mqtt_url("worker"), "bench-peer"]
    messages = bench.peer_town.messages(count, now=utc_now())
    before = count_rows(engine, PLAIN_ROWS)
    with queues(bench, ["bench-peer"], PLAIN_FILTER, messages), running(bench, command, os.environ) as child:
        return time_drain(engine, PLAIN_ROWS, child, before=before, count=count)


@contextmanager
def queues(
    bench: Bench, client_ids: Sequence[str], topic_filter: str, messages: Iterable[BenchMessage]
) -> Iterator[None]:
    """Fill the queues of sessions; drop them at the end, so that they queue nothing meant for the others."""
    for client_id in client_ids:
        open_session(bench.mqtt_url("worker"), client_id=client_id, topic_filter=topic_filter)
    publish(bench.mqtt_url("publisher"), messages)
    yield
    for client_id in client_ids:
        client = connect(bench.mqtt_url("worker"), client_id=client_id)
        client.disconnect()
        client.loop_stop()


@contextmanager
def running(bench: Bench, command: list[str], environment: Mapping[str, str]) -> Iterator[Child]:
    """Run a pipeline as a process for the time of the block."""
    child = start_child(command, name=command[2], log_path=bench.folder / "pipeline.log", environment=environment)
    try:
        yield child
    finally:
        child.stop()


def time_drain(engine: Engine, query: str, child: Child, *, before: int, count: int) -> float:
    """Return rows per second between the first and the last commit of a pipeline on its full queue.

    Raises:
        BenchError: it ended, or has not drained the queue in time.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + DRAINED_WITHIN_S
        first: tuple[float, int] | None = None
        while time.monotonic() < deadline and child.is_running:
            done, at_s = int(connection.scalar(text(query)) or 0) - before, time.perf_counter()
            if done and first is None:
                first = (at_s, done)
            if first is not None and first[1] < done >= count:
                return (done - first[1]) / (at_s - first[0])
            is_between = first is not None and done < count * SOON_DRAINED
            time.sleep(SELDOM_POLL_S if is_between else POLL_S)
    raise BenchError(f"{child.name} has not drained its queue: {child.read_last_lines()}")


def count_rows(engine: Engine, query: str) -> int:
    """Count what a pipeline has committed so far."""
    with engine.connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def secrets_of(keyring: Keyring) -> tuple[bytes, bytes, bytes]:
    """Return the secrets in the order of their settings."""
    return keyring.master_key, keyring.badge_pepper, keyring.storage_key
