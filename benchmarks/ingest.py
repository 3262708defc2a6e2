"""``bontri bench ingest``: drain a full broker queue, beside peers and ceilings, in one run.

Each round, in turn: the messages are published to a waiting session, then the pipeline under test is started on the
full queue and timed between the first and the last commit it makes. PostgreSQL with durable defaults; broker,
database, publisher and pipeline share the same cores. At the end each pipeline is killed once in mid-load.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.acks_only import drain_into_nothing
from benchmarks.draining import drain
from benchmarks.errors import BenchError, NotRunError
from benchmarks.killing import Survived, kill_midway
from benchmarks.peers.catalogue import PEERS_BY_NAME, Pace
from benchmarks.peers.installing import Installed, install
from benchmarks.peers.sqlalchemy_row import Base
from benchmarks.pipelines import our_pipeline, peer_pipeline
from benchmarks.poison import drain_half_poisoned
from benchmarks.promises import judge
from benchmarks.reference import Reference
from benchmarks.report import OUR_RATES, Measured, NotRun, services_of
from benchmarks.rounds import name_round, number_rounds
from benchmarks.scene import Scene, open_scene, verify_database
from benchmarks.town import BenchTown
from benchmarks.transaction import TransactionAlone
from bontri.progress import Teller
from ingest.mqtt_client import Parser
from rewards.database import open_engine

BACKLOG_EVENTS = 50
"""Events a message of a bin that was away and hands over what it held."""

BULK_TIMES = 4
"""So many times the messages for what drains 50,000 in half a second, too short to be timed."""

Turn = Callable[[], dict[str, float]]
"""One measurement of a round: rates by name."""

DISTINCT_OURS = "SELECT count(*) FROM events"
DISTINCT_PEERS = "SELECT count(*) FROM (SELECT DISTINCT bin_id, seq FROM {table}) AS d"


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How much to measure."""

    messages: int
    peer_messages: int
    rounds: int
    workers: int
    bins: int
    citizens: int
    seed: int
    parser: Parser
    peers: Sequence[str]
    warm_up: bool
    kills: bool
    cache: Path = field(repr=False)

    def count_for(self, pace: Pace) -> int:
        """Return how many messages a pipeline of a pace is given."""
        return {"row": self.peer_messages, "batch": self.messages, "bulk": self.messages * BULK_TIMES}[pace]


def bench_ingest(options: IngestOptions, tell: Teller) -> dict[str, Any]:
    """Measure and return the report.

    Raises:
        BenchError: our own pipeline did not do what it was started for.
        EmbeddedServiceError: PostgreSQL or the broker does not start.
    """
    not_run: list[NotRun] = []
    installed = install_peers(options, tell, not_run)
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(tell, kind="auto"))
        tell.line(f"building {options.bins:,} bins")
        run = IngestRun(stack, scene, options=options, installed=installed, tell=tell, not_run=not_run)
        rates = run.measure_rounds()
        killed = run.kill_all() if options.kills and run.has_queues else {}
        verification = verify_database(scene, "bontri")
        services = services_of(scene)
    medians = {name: Measured(values) for name, values in rates.items()}
    ratios = ratios_of(medians)
    peak_mb = {"worker_peak_mb": round(max(run.peak_mb))} if run.peak_mb else {}
    return {
        "ok": verification.is_sound and is_whole(killed),
        "bench": "ingest",
        "what": "one signed event a message, from a full broker queue to committed ledger, rollups and receipt",
        **{name: getattr(options, name) for name in ("parser", "workers", "messages", "peer_messages")},
        **{name: getattr(options, name) for name in ("rounds", "warm_up", "bins", "citizens", "seed")},
        **services,
        "peers": {each.peer.name: peer_facts(each) for each in installed},
        "rates": {name: each.as_dict() for name, each in medians.items()},
        "ratios": ratios,
        "backlog_events_a_message": BACKLOG_EVENTS,
        **peak_mb,
        "killed": killed,
        "promises": judge("ingest", ratios | peak_mb),
        "not_run": not_run,
        "verified_events": verification.counts,
    }


def install_peers(options: IngestOptions, tell: Teller, not_run: list[NotRun]) -> list[Installed]:
    """Install the peers asked for; note those that cannot be had."""
    installed = []
    for name in options.peers:
        try:
            installed.append(install(PEERS_BY_NAME[name], options.cache, tell))
        except NotRunError as error:
            note_not_run(name, error, tell, not_run)
    return installed


def note_not_run(name: str, error: Exception, tell: Teller, not_run: list[NotRun]) -> None:
    """Tell that something is left out, and why; the rest goes on."""
    tell.line(f"{name} is not run: {error}")
    not_run.append(NotRun(what=name, why=str(error)))


def is_whole(killed: dict[str, Survived]) -> bool:
    """Tell whether our own pipeline came through being killed with nothing lost and nothing twice."""
    ours = killed.get("bontri")
    return ours is None or ours["lost"] == ours["doubled"] == 0


def peer_facts(installed: Installed) -> dict[str, Any]:
    """Tell what a peer is made of and when it acknowledges."""
    peer = installed.peer
    return {"packages": list(peer.packages), "acknowledges": peer.acknowledges, "pace": peer.pace}


def ratios_of(medians: dict[str, Measured]) -> dict[str, float]:
    """Return what we do against each of the others, and the ratios of our own."""
    copy = medians["copy"].median
    ratios = {f"{name}_to_copy": medians[name].median / copy for name in ("transaction_sql", "transaction_alone")}
    if "bontri" in medians:
        ours = medians["bontri"].median
        others = medians.keys() - {*OUR_RATES, "copy"}
        ratios |= {f"bontri_to_{name}": ours / medians[name].median for name in medians if name in others}
        for name in ("bontri_backlog", "bontri_half_poison"):
            ratios[f"{name}_to_bontri"] = medians[name].median / ours
    return {name: round(ratio, 2) for name, ratio in ratios.items()}


class IngestRun:
    """The databases of one run, and what is measured on them."""

    def __init__(
        self,
        stack: ExitStack,
        scene: Scene,
        *,
        options: IngestOptions,
        installed: Sequence[Installed],
        tell: Teller,
        not_run: list[NotRun],
    ) -> None:
        self._scene, self._options, self._tell, self._not_run = scene, options, tell, not_run
        self._installed = {each.peer.name: each for each in installed}
        self._towns = [
            BenchTown(scene.keyring, bins=options.bins, citizens=options.citizens, seed=options.seed + number)
            for number in range(3)
        ]
        make_databases(scene, self._towns[0])
        self._ours = our_pipeline(scene, self._towns[0], workers=options.workers, parser=options.parser)
        self._reference = Reference(scene.plain_url("reference"), seed=options.seed)
        stack.callback(self._reference.close)
        self._alone = stack.enter_context(
            TransactionAlone(scene, self._towns[2], database="transaction", copy_database="copy")
        )
        self.peak_mb: list[float] = []
        # The small broker of the demo queues nothing for a session that is not connected.
        self.has_queues = scene.broker.kind == "mosquitto"

    def measure_rounds(self) -> dict[str, list[float]]:
        """Measure everything in turns; return the rates of all rounds but the warm-up.

        That warms caches, lots of the month and the plans of statements. Every other round goes backwards, so
        that nobody always follows the same one. What fails, unless it is ours, is left out from then on.
        """
        rates: defaultdict[str, list[float]] = defaultdict(list)
        turns = self._list_turns()
        for number in number_rounds(self._options.rounds, warm_up=self._options.warm_up):
            name = name_round(number)
            with self._tell.part(f"{name} of {self._options.rounds}", len(turns)) as advance:
                measured: dict[str, float] = {}
                for done, turn in enumerate(list(turns)[:: -1 if number % 2 else 1]):
                    measured |= self._take_turn(turns, turn)
                    advance(done + 1)
            self._tell.line(f"{name}: " + ", ".join(f"{each} {rate:,.0f}/s" for each, rate in measured.items()))
            for each, rate in measured.items():
                rates[each] += [rate] if number else []
        return {each: values for each, values in rates.items() if values}

    def _take_turn(self, turns: dict[str, Turn], turn: str) -> dict[str, float]:
        try:
            return turns[turn]()
        except BenchError as error:
            if turn not in self._installed:
                raise
            note_not_run(turn, error, self._tell, self._not_run)
            del turns[turn], self._installed[turn]
            return {}

    def _list_turns(self) -> dict[str, Turn]:
        """List what is measured in each round; each turn returns rates by name."""
        count = self._options.messages
        over_broker: dict[str, Turn] = {
            "bontri": lambda: {"bontri": self._drain_ours(count, events=1)},
            # Twice the events, as they are drained faster.
            "bontri_backlog": lambda: {
                "bontri_backlog": self._drain_ours(count * 2 // BACKLOG_EVENTS, events=BACKLOG_EVENTS)
            },
            "bontri_half_poison": lambda: {"bontri_half_poison": drain_half_poisoned(self._scene, self._ours, count)},
            "acks_only": lambda: {
                "acks_only": drain_into_nothing(self._scene, self._ours, self._options.count_for("bulk"))
            },
            **{name: partial(self._drain_peer, name) for name in self._installed},
        }
        alone: dict[str, Turn] = {
            "reference_sql": lambda: {"reference_sql": count / self._reference.write(self._reference.prepare(count))},
            "transaction": lambda: self._alone.measure(count),
        }
        if self.has_queues:
            return over_broker | alone
        for name in over_broker:
            note_not_run(name, NotRunError("needs an installed mosquitto 2"), self._tell, self._not_run)
        return alone

    def _drain_ours(self, messages: int, *, events: int) -> float:
        drained = drain(self._scene, self._ours, messages, events=events)
        self.peak_mb.append(drained.peak_mb)
        return drained.rate

    def _drain_peer(self, name: str) -> dict[str, float]:
        pipeline = peer_pipeline(self._scene, self._installed[name], self._towns[1])
        return {name: drain(self._scene, pipeline, self._messages_of(name)).rate}

    def _messages_of(self, name: str) -> int:
        return self._options.count_for(self._installed[name].peer.pace)

    def kill_all(self) -> dict[str, Survived]:
        """Kill every pipeline once in mid-load and count what it lost and doubled."""
        killed: dict[str, Survived] = {}
        with self._tell.part("each killed in mid-load", len(self._installed) + 1) as advance:
            killed["bontri"] = kill_midway(self._scene, self._ours, self._options.messages, distinct=DISTINCT_OURS)
            for done, (name, installed) in enumerate(self._installed.items(), 1):
                advance(done)
                try:
                    killed[name] = self._kill_peer(name, installed)
                except BenchError as error:
                    note_not_run(f"{name}, killed", error, self._tell, self._not_run)
        told = ", ".join(f"{name} lost {each['lost']}, doubled {each['doubled']}" for name, each in killed.items())
        self._tell.line(f"killed in mid-load: {told}")
        return killed

    def _kill_peer(self, name: str, installed: Installed) -> Survived:
        pipeline = peer_pipeline(self._scene, installed, self._towns[1])
        distinct = DISTINCT_PEERS.format(table=installed.peer.table)
        return kill_midway(self._scene, pipeline, self._messages_of(name), distinct=distinct)


def make_databases(scene: Scene, town: BenchTown) -> None:
    """Create our database, copies of it for what else writes the same rows, and the peers'."""
    scene.make_town("bontri", town)
    for copy in ("reference", "transaction", "copy"):
        scene.server.create_database(copy, template="bontri")
    scene.server.create_database("peer")
    engine = open_engine(scene.server.url("peer"), role="owner")
    Base.metadata.create_all(engine)
    engine.dispose()
