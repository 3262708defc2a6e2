"""Counted and weighed: whether a bin holds what it said it was given.

Read ``weighing.py`` (rounds, from events), ``reading.py`` (rounds in grams, and what speaks against one),
``arithmetic.py`` (drift, factors, noise), ``balances.py`` (by bin), ``calibrating.py`` (what somebody decides),
``watching.py`` (the alarm). What it means: docs/statistics.md, "Counted and weighed".
"""

from rewards.mass_balance.arithmetic import Direction, Weighing, false_alarm_share, noise_of
from rewards.mass_balance.balances import BinBalance, ExpectedBy, NewestRound, list_balances
from rewards.mass_balance.calibrating import Proposal, decide_calibrations, propose_calibrations
from rewards.mass_balance.reading import DOUBTS, CollectionRound, list_rounds
from rewards.mass_balance.refusals import (
    CalibrationRefusedError,
    CalibrationRetroactiveError,
    CalibrationTakenError,
)
from rewards.mass_balance.watching import watch_balances
from rewards.mass_balance.weighing import weigh_rounds

__all__ = [
    "DOUBTS",
    "BinBalance",
    "CalibrationRefusedError",
    "CalibrationRetroactiveError",
    "CalibrationTakenError",
    "CollectionRound",
    "Direction",
    "ExpectedBy",
    "NewestRound",
    "Proposal",
    "Weighing",
    "decide_calibrations",
    "false_alarm_share",
    "list_balances",
    "list_rounds",
    "noise_of",
    "propose_calibrations",
    "watch_balances",
    "weigh_rounds",
]
