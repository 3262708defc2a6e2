"""Corrections: a wrong credit is taken back, expired points are given back, missing ones are credited, by a transfer.

All need a reason and a second person. Nothing is ever changed or deleted. What the citizen has spent meanwhile is the
authority's loss, and shown as such.
"""

from rewards.corrections.crediting import Granted
from rewards.corrections.deciding import approve_correction, reject_correction
from rewards.corrections.reading import Correction, get_correction, list_corrections
from rewards.corrections.refusals import (
    CorrectionDecidedError,
    CorrectionUnknownError,
    ExpiredPointsCorrectedError,
    LotWithoutWalletError,
    SecondPersonRequiredError,
    TransferAlreadyCorrectedError,
    TransferInReviewError,
    TransferNotCorrectableError,
    TransferNotReinstatableError,
    TransferUnknownError,
)
from rewards.corrections.reinstating import Reinstated
from rewards.corrections.requesting import request_correction, request_credit, request_reinstatement
from rewards.corrections.reversing import Corrected

__all__ = [
    "Corrected",
    "Correction",
    "CorrectionDecidedError",
    "CorrectionUnknownError",
    "ExpiredPointsCorrectedError",
    "Granted",
    "LotWithoutWalletError",
    "Reinstated",
    "SecondPersonRequiredError",
    "TransferAlreadyCorrectedError",
    "TransferInReviewError",
    "TransferNotCorrectableError",
    "TransferNotReinstatableError",
    "TransferUnknownError",
    "approve_correction",
    "get_correction",
    "list_corrections",
    "reject_correction",
    "request_correction",
    "request_credit",
    "request_reinstatement",
]
