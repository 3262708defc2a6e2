"""Rehearsal: past deposits credited once more, under a draft; what it would cost, and who would gain or lose.

Set-wise SQL over what is stored, agreeing with the pure functions that credit deposits one batch after the other
(a property test holds it to that). Nothing is changed.
"""

from rewards.rehearsal.rehearsing import RehearsalTooLargeError, rehearse_draft, require_few_deposits
from rewards.rehearsal.summary import CommuneEffect, MaterialEffect, Rehearsal, Spread

__all__ = [
    "CommuneEffect",
    "MaterialEffect",
    "Rehearsal",
    "RehearsalTooLargeError",
    "Spread",
    "rehearse_draft",
    "require_few_deposits",
]
