"""What goes wrong at a time: processes die, services go away and come back; and how all of it ends."""

import datetime
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from reliability.simulation.faults import Odds
from reliability.simulation.processes import WorkerProcess

if TYPE_CHECKING:
    from reliability.simulation.world import World

MOST_MISHAPS = 8
CLOCK_JUMPS_S = (-7200.0, -30.0, -1.0, 1.0, 30.0, 7200.0, 40 * 86_400.0)
FROZEN_S = (0.5, 5.0, 30.0)


class Mishaps:
    """Plans the mishaps of one run."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._chance = world.chance
        self._backup = world.database.tables.copy()

    def plan(self, end_s: float) -> None:
        """Draw what goes wrong until ``end_s``, and when: some kinds, most of them maybe more than once."""
        kinds: dict[str, Callable[[], object]] = {
            "worker_killed": lambda: self._any_process().kill(),
            "worker_stopped": lambda: self._any_process().stop(),
            "worker_frozen": lambda: self._any_process().freeze(self._chance.choice(FROZEN_S)),
            "worker_disconnected": lambda: self._any_process().disconnect(),
            "clock_jumped": self._jump_clock,
            "broker_restarted": lambda: self._restart_broker(self._chance.choice(["kept", "saved"])),
            "broker_lost_its_disk": lambda: self._restart_broker("lost"),
            "database_away": self._stop_database,
            "database_restored": self._restore_database,
            "bin_rebooted": lambda: self._chance.choice(self._world.bins).reboot(),
        }
        chosen = self._chance.sample(sorted(kinds), self._chance.randint(2, len(kinds)))
        for _ in range(self._chance.randint(0, MOST_MISHAPS)):
            kind = self._chance.choice(chosen)
            if kind == "database_restored":
                # Once only: the epoch rises by the minute (rewards/epochs.py), and nobody restores twice in one.
                chosen.remove(kind)
            self._at_some_time(end_s, partial(self._inject, kind, kinds[kind]))
        for _ in range(3):
            self._at_some_time(end_s, self._world.broker.save)
        self._at_some_time(end_s, self._back_up)

    def heal(self) -> None:
        """End all faults: from now on nothing goes wrong any more."""
        world = self._world
        world.trace.note("operator", "heals")
        world.faults.odds = Odds()
        self._start_database()
        for process in world.processes:
            process.ahead = datetime.timedelta()
        for each in world.bins:
            each.is_producing = False
        # Everybody connects anew, and bins say hello.
        if world.broker.is_up:
            world.broker.stop()
            world.broker.start("kept")

    def _at_some_time(self, end_s: float, action: Callable[[], object]) -> None:
        self._world.scheduler.call_in(self._chance.uniform(0, end_s), action)

    def _inject(self, kind: str, inject: Callable[[], object]) -> None:
        self._world.faults.counts[kind] += 1
        self._world.trace.note("fault", kind)
        inject()

    def _any_process(self) -> WorkerProcess:
        return self._chance.choice(self._world.processes)

    def _jump_clock(self) -> None:
        self._any_process().ahead = datetime.timedelta(seconds=self._chance.choice(CLOCK_JUMPS_S))

    def _restart_broker(self, memory: str) -> None:
        broker = self._world.broker
        if broker.is_up:
            broker.stop()
            down_s = self._chance.uniform(0.01, self._chance.choice([0.3, 10.0]))
            self._world.scheduler.call_in(down_s, lambda: broker.start(memory))

    def _stop_database(self) -> None:
        self._world.database.go_away()
        self._world.scheduler.call_in(self._chance.uniform(0.1, 15.0), self._start_database)

    def _start_database(self) -> None:
        self._world.database.is_away = False

    def _back_up(self) -> None:
        self._backup = self._world.database.tables.copy()
        self._world.trace.note("operator", "backs up")

    def _restore_database(self) -> None:
        self._world.database.restore(self._backup, epoch_floor=int(self._world.now().timestamp()) // 60)
        self._world.audit.restored()
