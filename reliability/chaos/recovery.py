"""How long it took, after a kill in calm, until something new was committed again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from reliability.chaos.watching import Sample

COUNTED_FROM_ITS_ANSWER = ("kill_postgres",)
"""Its own replay is its own: the time counts from when it answers again. Of all others it counts from the kill."""
OF_THE_GROUP = ("kill_worker",)
"""The other workers go on: timed is how long until the group is whole again, and told beside the others."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One kill, and the seconds until the first new commit; None when there was none in time."""

    kind: str
    seconds: float | None


def find_commit_after(samples: Sequence[Sample], after_s: float) -> float | None:
    """Return when, after a moment, there first was more than in a look that was itself after that moment.

    What was committed between the last look before a kill and the kill is no recovery, though it is seen only then.
    """
    found: float | None = None
    for later, earlier in pairwise(reversed(samples)):
        if earlier.at_s < after_s:
            break
        if later.events > earlier.events:
            found = later.at_s
    return found


def find_longest_silence(samples: Sequence[Sample], *, from_s: float, until_s: float) -> float:
    """Return the longest time within a storm in which nothing was committed, whatever was in the way."""
    commits_s = [later.at_s for earlier, later in pairwise(samples) if later.events > earlier.events]
    moments_s = [from_s, *(each for each in commits_s if from_s < each < until_s), until_s]
    return max(later - earlier for earlier, later in pairwise(moments_s))
