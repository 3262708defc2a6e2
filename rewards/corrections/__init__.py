"""Corrections: a credit that was wrong is taken back by a transfer the other way, with a reason and a second person.

Nothing is ever changed or deleted. What the citizen has spent meanwhile is the authority's loss, and shown as such.
"""

from rewards.corrections.deciding import Corrected, approve_correction, reject_correction
from rewards.corrections.reading import Correction, list_corrections
from rewards.corrections.refusals import (
    CorrectionDecidedError,
    CorrectionUnknownError,
    SecondPersonRequiredError,
    TransferAlreadyCorrectedError,
    TransferNotCorrectableError,
    TransferUnknownError,
)
from rewards.corrections.requesting import request_correction

__all__ = [
    "Corrected",
    "Correction",
    "CorrectionDecidedError",
    "CorrectionUnknownError",
    "SecondPersonRequiredError",
    "TransferAlreadyCorrectedError",
    "TransferNotCorrectableError",
    "TransferUnknownError",
    "approve_correction",
    "list_corrections",
    "reject_correction",
    "request_correction",
]
