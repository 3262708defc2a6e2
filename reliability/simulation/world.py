"""One run: a seed decides who is there, what goes wrong and when; then all heals, and must come to rest."""

import datetime
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from reliability.simulation.audit import Audit
from reliability.simulation.bins import Network, SimulatedBin, Town
from reliability.simulation.broker import SimulatedBroker
from reliability.simulation.controls import HONEST, Control
from reliability.simulation.database import SimulatedDatabase
from reliability.simulation.faults import Faults, Odds, draw_odds
from reliability.simulation.processes import Host, WorkerProcess
from reliability.simulation.scheduler import BrokenInvariantError, Scheduler
from reliability.simulation.source import Ears
from reliability.simulation.tables import Tables
from reliability.simulation.trace import Trace
from rewards.crash_points import CrashPoint, crash
from rewards.journals import WIDE_RANGES
from rewards.keyring import Keyring

START = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
PLACED_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KEYRING = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)

FAULTS_FOR_S = (5.0, 40.0)
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
        self._backup: Tables | None = None
        towns = [Town(number, f"town-{number}", [f"BADGE-{n}" for n in range(3)]) for number in (7, 8)]
        self.bins = self._build_bins(towns[: self.chance.randint(1, 2)], control)
        self.audit = Audit(self.scheduler, self.database, self.broker, self.bins)
        self._stock_database(towns, control)
        self.processes = self._build_processes(control)
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
        self._plan_faults(end_s)
        self._take_stock_later()
        self.scheduler.run_until(end_s)
        self._heal()
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
            messages=sum(each.messages for each in self.bins),
            faults=Counter(self.faults.counts),
            checks=self.audit.checks + Counter(worker_survives=self.scheduler.spawned),
            invariant=broken.invariant if broken else None,
            words=broken.words if broken else "",
        )

    # --- faults that come at a time ---

    def _plan_faults(self, end_s: float) -> None:
        kinds = {
            "worker_killed": self._kill_worker,
            "worker_stopped": lambda: self._any_process().stop(),
            "worker_frozen": lambda: self._any_process().freeze(self.chance.choice([0.5, 5.0, 30.0])),
            "worker_disconnected": lambda: self._any_process().disconnect(),
            "clock_jumped": self._jump_clock,
            "broker_restarted": lambda: self._restart_broker(self.chance.choice(["kept", "saved"])),
            "broker_lost_its_disk": lambda: self._restart_broker("lost"),
            "database_away": self._stop_database,
            "database_restored": self._restore_database,
            "bin_rebooted": lambda: self.chance.choice(self.bins).reboot(),
        }
        chosen = self.chance.sample(sorted(kinds), self.chance.randint(1, len(kinds)))
        for _ in range(self.chance.randint(0, 8)):
            kind = self.chance.choice(chosen)
            self.scheduler.call_in(self.chance.uniform(0, end_s), partial(self._inject, kind, kinds[kind]))
        for _ in range(3):
            self.scheduler.call_in(self.chance.uniform(0, end_s), self.broker.save)
        self.scheduler.call_in(self.chance.uniform(0, end_s), self._back_up)

    def _inject(self, kind: str, inject: Callable[[], object]) -> None:
        self.faults.counts[kind] += 1
        self.trace.note("fault", kind)
        inject()

    def _any_process(self) -> WorkerProcess:
        return self.chance.choice(self.processes)

    def _kill_worker(self) -> None:
        self._any_process().kill()

    def _jump_clock(self) -> None:
        jump_s = self.chance.choice([-7200.0, -30.0, -1.0, 1.0, 30.0, 7200.0, 40 * 86_400.0])
        self._any_process().ahead = datetime.timedelta(seconds=jump_s)

    def _restart_broker(self, memory: str) -> None:
        if self.broker.is_up:
            self.broker.stop()
            down_s = self.chance.uniform(0.01, self.chance.choice([0.3, 10.0]))
            self.scheduler.call_in(down_s, lambda: self.broker.start(memory))

    def _stop_database(self) -> None:
        self.database.go_away()
        self.scheduler.call_in(self.chance.uniform(0.1, 15.0), self._start_database)

    def _start_database(self) -> None:
        self.database.is_away = False

    def _back_up(self) -> None:
        self._backup = self.database.tables.copy()
        self.trace.note("operator", "backs up")

    def _restore_database(self) -> None:
        # A minute at least between two: the epoch rises by the minute (rewards/epochs.py).
        is_too_soon = self.scheduler.now_s < self.database.restored_s + 60.0
        if self._backup is not None and not is_too_soon:
            self.database.restore(self._backup, epoch_floor=int(self.now().timestamp()) // 60)
            self.audit.restored()

    def _heal(self) -> None:
        """End all faults: from now on nothing goes wrong any more."""
        self.trace.note("operator", "heals")
        self.faults.odds = Odds()
        self._start_database()
        for process in self.processes:
            process.ahead = datetime.timedelta()
        for each in self.bins:
            each.is_producing = False
        # Everybody connects anew, and bins say hello.
        if self.broker.is_up:
            self.broker.stop()
            self.broker.start("kept")

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

    _look_again_s = 0.0

    # --- building it ---

    def _build_bins(self, towns: list[Town], control: Control) -> list[SimulatedBin]:
        network = Network(self.scheduler, self.faults, self.trace, self.broker, KEYRING, self.now)
        bins = []
        for number in range(self.chance.randint(1, 3)):
            journal = f"{self.chance.getrandbits(128):032x}"
            wickedness = self.chance.choice([0.0, 0.1, 0.4])
            town = towns[number % len(towns)]
            bins.append(SimulatedBin(f"BIN-{number:04}", town, network, journal, wickedness, control.trusts_pubacks))
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
        for town in towns:
            provision_town(tables, town, day_cap_points=cap)
        for each in self.bins:
            provision_bin(tables, each.bin_id, each.town)

    def _wire(self) -> None:
        by_bin = {each.bin_id: each for each in self.bins}

        def receive(topic: str, payload: bytes) -> None:
            if self.faults.strikes("receipt_lost"):
                return
            for _ in range(1 + self.faults.strikes("receipt_doubled")):
                delay_s = self.chance.uniform(1.0, 60.0) if self.faults.strikes("late") else self.chance.uniform(0, 0.1)
                self.scheduler.call_in(delay_s, lambda: by_bin[topic.split("/")[3]].hear_receipt(payload))

        self.broker.receive_from_workers = receive
        self.broker.on_delete = self.audit.deleted
        self.broker.on_restart = [each.say_hello for each in self.bins]
        self.database.on_commit = self.audit.committed
        for each in self.bins:
            each.on_receipt = self.audit.received

    def _process_of(self, task_name: str) -> WorkerProcess:
        client_id = task_name.partition("/")[0]
        return next(process for process in self.processes if process.client_id == client_id)


def provision_town(tables: Tables, town: Town, *, day_cap_points: int | None) -> None:
    """Put in an authority with a tariff of one point an item of glass, and the holders of its badges."""
    tables.table("authorities")[(town.slug,)] = {
        "authority_id": town.authority_id,
        "slug": town.slug,
        "timezone": "Europe/Paris",
        "epoch": 1,
        "fleet_version": 1,
        "holders_version": 1,
        "points_valid_months": 24,
    }
    tables.table("materials")[town.authority_id, "glass"] = {"material": "glass"}
    caps = {"day_cap_points": day_cap_points, "week_cap_points": None}
    tables.table("tariffs")[town.authority_id, 1] = {"tariff_id": 1, "valid_from": PLACED_AT, **caps}
    line = {"material": "glass", "tariff_line_id": "line", "basis": "item", "points": 1}
    tables.table("tariff_lines")[town.authority_id, 1] = {"tariff_id": 1, **line}
    for badge in town.badges[:2]:
        digest = KEYRING.badge_digest(authority_id=town.authority_id, badge=badge)
        holder = {"citizen_id": f"citizen-{badge}", "wallet_id": f"wallet-{badge}"}
        tables.table("holders")[town.authority_id, digest] = holder


def provision_bin(tables: Tables, bin_id: str, town: Town) -> None:
    """Put in a live bin with its key, its place and its account."""
    tables.table("bins")[town.authority_id, bin_id] = {
        "bin_id": bin_id,
        "state": "live",
        "issuing_account_id": f"issuing-{bin_id}",
        "newest_key_number": 1,
        "key_number": 1,
        "key_state": "valid",
        "placed_at": PLACED_AT,
        "site_id": f"site-{bin_id}",
    }
    tables.table("accounts")[town.authority_id, f"issuing-{bin_id}"] = {"debits": 0, "credits": 0}
