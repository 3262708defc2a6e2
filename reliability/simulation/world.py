"""One run: a seed decides who is there, what goes wrong and when; then all heals, and must come to rest."""

import datetime
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from reliability.simulation.audit import Audit
from reliability.simulation.bins import SimulatedBin
from reliability.simulation.broker import SimulatedBroker
from reliability.simulation.controls import HONEST, Control
from reliability.simulation.database import SimulatedDatabase
from reliability.simulation.faults import Faults, draw_odds
from reliability.simulation.mishaps import Mishaps
from reliability.simulation.processes import Host, WorkerProcess
from reliability.simulation.provisioning import KEYRING, provision_bin, provision_town
from reliability.simulation.scheduler import BrokenInvariantError, Scheduler
from reliability.simulation.source import Ears
from reliability.simulation.trace import Trace
from reliability.simulation.voice import Network, Town
from rewards.crash_points import CrashPoint, crash
from rewards.journals import WIDE_RANGES

START = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)

FAULTS_FOR_S = (4.0, 30.0)
HEALED_WITHIN_S = 600.0
"""In virtual time, from the last fault: a bin may be silent for two minutes before it says hello again."""

STOCK_EVERY_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """What came of a seed; ``invariant`` and ``words`` say what was broken, if anything was."""

    seed: int
    trace_digest: str
    lines: int
    virtual_s: float
    events: int
    messages: int
    faults: Mapping[str, int]
    checks: Mapping[str, int]
    invariant: str | None = None
    words: str = ""


def simulate(seed: int, *, control: Control = HONEST, tell: Callable[[str], object] | None = None) -> Outcome:
    """Run one seed to its end or to the first invariant broken; ``tell`` is given every line of the trace."""
    world = World(seed, control, tell)
    broken: BrokenInvariantError | None = None
    with crash.watched_by(world.come_to):
        try:
            world.run()
        except BrokenInvariantError as error:
            broken = error
            world.trace.note("audit", str(error))
        finally:
            world.scheduler.close()
    return world.describe(seed, broken)


class World:
    """All parts of one run, wired together."""

    def __init__(self, seed: int, control: Control, tell: Callable[[str], object] | None) -> None:
        self.chance = Random(seed)
        self.scheduler = Scheduler(self.chance)
        self.trace = Trace(lambda: self.scheduler.now_s, tell=tell)
        self.faults = Faults(self.chance)
        self.database = SimulatedDatabase(self.scheduler, self.faults, self.trace)
        self.broker = SimulatedBroker(self.scheduler, self.faults, hands_over=self.chance.random() < 0.5)
        towns = [Town(number, f"town-{number}", [f"BADGE-{n}" for n in range(3)]) for number in (7, 8)]
        self.bins = self._build_bins(towns[: self.chance.randint(1, 2)], control)
        self.audit = Audit(self.scheduler, self.database, self.broker, self.bins)
        self._stock_database(towns, control)
        self.processes = self._build_processes(control)
        self._look_again_s = 0.0
        self._wire()

    def now(self) -> datetime.datetime:
        """Return the true time."""
        return START + datetime.timedelta(seconds=self.scheduler.now_s)

    def come_to(self, point: CrashPoint) -> None:
        """Have the process whose writer comes to a step die there, or let others go first."""
        process = self._process_of(self.scheduler.task().name)
        process.come_to(point)

    # --- a run ---

    def run(self) -> None:
        """Live through the faults, heal, and come to rest."""
        for process in self.processes:
            process.start()
        for each in self.bins:
            each.start()
        self.faults.odds = draw_odds(self.chance)
        end_s = self.chance.uniform(*FAULTS_FOR_S)
        mishaps = Mishaps(self)
        mishaps.plan(end_s)
        self._take_stock_later()
        self.scheduler.run_until(end_s)
        mishaps.heal()
        self.scheduler.run_until(self.scheduler.now_s + HEALED_WITHIN_S, is_over=self._is_quiet_now)
        self.audit.close()
        self.trace.note("audit", "all is well")

    def describe(self, seed: int, broken: BrokenInvariantError | None) -> Outcome:
        """Return what came of it."""
        return Outcome(
            seed,
            self.trace.digest,
            self.trace.lines,
            self.scheduler.now_s,
            events=sum(len(each.events) for each in self.bins),
            messages=sum(each.voice.messages for each in self.bins),
            faults=Counter(self.faults.counts),
            checks=self.audit.checks + Counter(worker_survives=self.scheduler.spawned),
            invariant=broken.invariant if broken else None,
            words=broken.words if broken else "",
        )

    # --- looking on ---

    def _take_stock_later(self) -> None:
        def take_stock() -> None:
            self.audit.take_stock()
            self._take_stock_later()

        self.scheduler.call_in(STOCK_EVERY_S, take_stock)

    def _is_quiet_now(self) -> bool:
        """Look now and then only: it takes a while."""
        now_s = self.scheduler.now_s
        if now_s < self._look_again_s:
            return False
        self._look_again_s = now_s + 1.0
        return self.audit.is_quiet()

    # --- building it ---

    def _build_bins(self, towns: list[Town], control: Control) -> list[SimulatedBin]:
        network = Network(self.scheduler, self.faults, self.trace, self.broker, KEYRING, self.now)
        bins = []
        for number in range(self.chance.randint(1, 3)):
            journal = f"{self.chance.getrandbits(128):032x}"
            wickedness = self.chance.choice([0.0, 0.1, 0.4])
            town = towns[number % len(towns)]
            bins.append(
                SimulatedBin(
                    f"BIN-{number:04}",
                    town,
                    network,
                    journal=journal,
                    wickedness=wickedness,
                    trusts_pubacks=control.trusts_pubacks,
                )
            )
        return bins

    def _build_processes(self, control: Control) -> list[WorkerProcess]:
        host = Host(
            self.scheduler,
            self.faults,
            self.trace,
            self.broker,
            self.database,
            KEYRING,
            Ears(self.audit.published, self.audit.acknowledged, lambda: self.database.restores),
            self.now,
            writers=self.chance.randint(1, 3),
            most_messages=self.chance.choice([1, 3, 10]),
            loaded_events=self.chance.choice([1, 4, 100]),
            source_class=control.source_class,
            worker_class=control.worker_class,
            pipeline_class=control.pipeline_class,
        )
        return [WorkerProcess(host, f"worker-{number}") for number in range(1, self.chance.randint(1, 3) + 1)]

    def _stock_database(self, towns: list[Town], control: Control) -> None:
        """Put in what operators put in before the first bin speaks."""
        tables = self.database.tables
        tables.compares_inside_insert = control.compares_inside_insert
        tables.wide_ranges = self.chance.choice([WIDE_RANGES, WIDE_RANGES, WIDE_RANGES, 2])
        cap = self.chance.choice([None, 20])
        review_over_items = self.chance.choice([None, 5])
        for town in towns:
            provision_town(tables, town, day_cap_points=cap, review_over_items=review_over_items)
        for each in self.bins:
            provision_bin(tables, each.bin_id, each.town)

    def _wire(self) -> None:
        by_bin = {each.bin_id: each for each in self.bins}

        def receive(topic: str, payload: bytes) -> None:
            if self.faults.strikes("receipt_lost"):
                return
            for _ in range(1 + self.faults.strikes("receipt_doubled")):
                delay_s = self.chance.uniform(1.0, 60.0) if self.faults.strikes("late") else self.chance.uniform(0, 0.1)
                self.scheduler.call_in(delay_s, lambda: by_bin[topic.split("/")[3]].hear_receipt(topic, payload))

        self.broker.receive_from_workers = receive
        self.broker.on_delete = self.audit.deleted
        self.broker.on_restart = [each.say_hello for each in self.bins]
        self.database.on_commit = self.audit.committed
        for each in self.bins:
            each.on_receipt = self.audit.received

    def _process_of(self, task_name: str) -> WorkerProcess:
        client_id = task_name.partition("/")[0]
        return next(process for process in self.processes if process.client_id == client_id)
