"""What happens when: drawn from the seed before the run, so that the same seed makes the same faults.

Only the plan is repeatable. What a kill meets depends on the machine; the simulation (``reliability/simulation``) is
where a failure replays exactly.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

KILLS = {
    "kill_worker": 4,
    "kill_workers": 1,
    "kill_broker": 3,
    "wipe_broker": 1,
    "kill_postgres": 2,
    "kill_bins": 2,
    "kill_api": 1,
}
"""Of fourteen kills that come when they come. ``kill_workers`` is the whole group with its parent; ``wipe_broker``
takes the broker's disk too."""

TROUBLES = {
    "pause_worker": 2,
    "pause_broker": 2,
    "pause_postgres": 2,
    "pause_bins": 1,
    "cut_bins": 2,
    "cut_workers": 2,
    "delay_bins": 1,
    "delay_workers": 1,
    "slow_bins": 1,
    "swallow_pubacks_of_bins": 2,
    "swallow_pubacks_of_workers": 1,
    "silence_bins": 1,
    "silence_workers": 1,
    "lose_publishes": 2,
    "garbage": 2,
    "replay": 1,
}

TIMED = {"kill_workers": 2, "kill_broker": 2, "wipe_broker": 1, "kill_postgres": 2, "kill_worker": 1}
"""Every third kill is of these: it waits for calm, and nothing else happens until the recovery from it was timed."""
TIMED_EVERY = 3

KILL_EVERY_S, TROUBLE_EVERY_S = 5.0, 4.0
DOWN_S = (0.1, 2.0)
TROUBLE_S = (0.5, 5.0)
BACKUP_AT, RESTORE_AT = 0.35, 0.65
"""Shares of the time: when a backup is begun, and when the database's disk is lost and the backup put in its place."""
QUIET_START_S = 2.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault: what, when after the start, how long it lasts, and a number that chooses whom it hits."""

    at_s: float
    kind: str
    lasts_s: float
    choice: int
    is_timed: bool = False

    @property
    def is_kill(self) -> bool:
        """Whether it ends processes with SIGKILL."""
        return self.kind in KILLS


def plan_faults(seconds: float, *, seed: int) -> list[Planned]:
    """Return the faults of a run of as many seconds, in the order of time."""
    rng = random.Random(seed)
    planned = [
        *draw_kills(rng, seconds=seconds),
        *draw(deal(TROUBLES, rng), rng, seconds=seconds, every_s=TROUBLE_EVERY_S, lasts_s=TROUBLE_S),
        Planned(seconds * BACKUP_AT, "backup", 0.0, 0),
        Planned(seconds * RESTORE_AT, "restore", 0.0, 0),
    ]
    return sorted(planned, key=lambda each: each.at_s)


def draw_kills(rng: random.Random, *, seconds: float) -> Iterator[Planned]:
    """Draw kills, every third of them to be timed."""
    as_they_come, timed = deal(KILLS, rng), deal(TIMED, rng)
    kinds = (next(timed) if number % TIMED_EVERY == 0 else next(as_they_come) for number in itertools.count(1))
    for number, kill in enumerate(draw(kinds, rng, seconds=seconds, every_s=KILL_EVERY_S, lasts_s=DOWN_S), 1):
        yield replace(kill, is_timed=number % TIMED_EVERY == 0)


def draw(
    kinds: Iterator[str], rng: random.Random, *, seconds: float, every_s: float, lasts_s: tuple[float, float]
) -> Iterator[Planned]:
    """Spread kinds over the time."""
    at_s = QUIET_START_S
    while at_s < seconds:
        yield Planned(at_s, next(kinds), rng.uniform(*lasts_s), rng.randrange(1000))
        at_s += every_s * rng.uniform(0.6, 1.4)


def deal(deck: dict[str, int], rng: random.Random) -> Iterator[str]:
    """Deal a deck that is shuffled anew when it is used up, so that each kind gets its share."""
    return itertools.chain.from_iterable(shuffled(deck, rng) for _ in itertools.count())


def shuffled(deck: dict[str, int], rng: random.Random) -> list[str]:
    """Return all cards of a deck in a random order."""
    cards = [kind for kind, count in deck.items() for _ in range(count)]
    rng.shuffle(cards)
    return cards
