"""How long it took, after each kill, until something new was committed again."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from reliability.chaos.storm import Happened
from reliability.chaos.watching import Sample

TIMED = ("kill_worker", "kill_workers", "kill_broker", "wipe_broker", "kill_postgres")
"""What is timed, from the kill. Of the broker and of the whole group of workers only a commit after they were started
again counts: what was in hand at the kill may still be committed. After a kill of PostgreSQL the time counts from when
it answers again: its own replay is its own."""

IN_THE_WAY = (*TIMED, "pause_worker", "pause_broker", "pause_postgres", "cut_workers", "silence_workers", "restore")
"""What keeps commits back: when one of these follows before the first new commit, the time counts from its end."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One kill, and the seconds until the first new commit. ``is_overtaken``: another fault came in between."""

    kind: str
    at_s: float
    seconds: float
    is_overtaken: bool


def time_recoveries(happened: Sequence[Happened], samples: Sequence[Sample]) -> list[Recovery]:
    """Return the recovery from every timed kill, in the order of time.

    Raises:
        LookupError: nothing was ever committed again.
    """
    commits_s = list_commits(samples)
    in_the_way = [each for each in happened if each.kind in IN_THE_WAY]
    return [time_recovery(each, in_the_way, commits_s) for each in happened if each.kind in TIMED]


def find_longest_silence(samples: Sequence[Sample], *, from_s: float, until_s: float) -> float:
    """Return the longest time within a storm in which nothing was committed, whatever was in the way."""
    moments_s = [from_s, *(each for each in list_commits(samples) if from_s < each < until_s), until_s]
    return max(later - earlier for earlier, later in pairwise(moments_s))


def list_commits(samples: Sequence[Sample]) -> list[float]:
    """List the moments at which there was more than before."""
    return [later.at_s for earlier, later in pairwise(samples) if later.events > earlier.events]


def time_recovery(kill: Happened, in_the_way: Sequence[Happened], commits_s: Sequence[float]) -> Recovery:
    """Return how long after ``kill``, or after what followed it too soon, there was a commit."""
    from_s = kill.until_s if kill.kind == "kill_postgres" else kill.from_s
    after_s, is_overtaken = kill.until_s, False
    while True:
        place = bisect_right(commits_s, after_s)
        if place == len(commits_s):
            raise LookupError(f"nothing was committed after the {kill.kind} {after_s - kill.from_s:.1f} s before")
        later = [
            other.until_s
            for other in in_the_way
            if other is not kill and other.from_s < commits_s[place] and other.until_s > after_s
        ]
        if not later:
            return Recovery(kill.kind, kill.from_s, commits_s[place] - from_s, is_overtaken)
        from_s = after_s = max(later)
        is_overtaken = True
