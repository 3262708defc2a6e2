"""Sites and communes by what they took, and at most one thing to do with each, with its reasons.

``thresholds`` are the numbers, ``rules`` the arithmetic, ``sentences`` the words; ``observing`` reads what bins told of
themselves by site; ``ranking`` puts it together with the figures.
"""

from rewards.statistics.advice.ranking import Ranked, RankingLevel, list_ranking
from rewards.statistics.advice.rules import ADVICE, NO_ADVICE, REASON_NAMES, AdviceKind, Judgement, NoAdvice, Reason
from rewards.statistics.advice.sentences import WHAT_TO_DO, say
from rewards.statistics.advice.thresholds import THRESHOLDS, Threshold

__all__ = [
    "ADVICE",
    "NO_ADVICE",
    "REASON_NAMES",
    "THRESHOLDS",
    "WHAT_TO_DO",
    "AdviceKind",
    "Judgement",
    "NoAdvice",
    "Ranked",
    "RankingLevel",
    "Reason",
    "Threshold",
    "list_ranking",
    "say",
]
