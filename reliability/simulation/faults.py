"""What goes wrong by itself in a run, and how often; drawn from the seed, and over when healing begins."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random


@dataclass
class Odds:
    """How often what goes wrong by itself does: a share of messages, statements, commits or crash points.

    All are 0 once a run heals.
    """

    message_lost: float = 0.0
    message_doubled: float = 0.0
    receipt_lost: float = 0.0
    receipt_doubled: float = 0.0
    late: float = 0.0
    deadlock: float = 0.0
    statement_slow: float = 0.0
    commit_refused: float = 0.0
    commit_answer_lost: float = 0.0
    crash: float = 0.0


@dataclass
class Faults:
    """The odds in force, and what has gone wrong so far, by kind."""

    chance: Random
    odds: Odds = field(default_factory=Odds)
    counts: Counter[str] = field(default_factory=Counter)

    def strikes(self, kind: str) -> bool:
        """Tell whether a fault of this kind, a field of :class:`Odds`, happens now; counts it."""
        odds: float = getattr(self.odds, kind)
        if odds == 0.0 or self.chance.random() >= odds:
            return False
        self.counts[kind] += 1
        return True


def draw_odds(chance: Random) -> Odds:
    """Draw the odds of a run; in each, some things never go wrong, so that what they hide comes out as well."""

    def some(most: float) -> float:
        return chance.choice([0.0, most * 0.2, most])

    return Odds(
        message_lost=some(0.2),
        message_doubled=some(0.3),
        receipt_lost=some(0.4),
        receipt_doubled=some(0.2),
        late=some(0.2),
        deadlock=some(0.01),
        statement_slow=some(0.02),
        commit_refused=some(0.05),
        commit_answer_lost=some(0.1),
        crash=some(0.01),
    )
