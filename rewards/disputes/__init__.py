"""Disputes: a citizen says that a credit or an expiry is wrong, an agent decides, and the citizen is told.

It is accepted by asking for a correction (``rewards/corrections``), which a second person approves or rejects; so no
agent alone gives or takes points. Read ``opening.py``, ``deciding.py``, ``reading.py``.
"""

from rewards.disputes.deciding import accept_dispute, reject_dispute
from rewards.disputes.opening import open_dispute
from rewards.disputes.reading import AuthoritysDispute, Dispute, get_dispute, list_disputes, list_own_disputes
from rewards.disputes.refusals import (
    DisputeDecidedError,
    DisputeExistsError,
    DisputeUnknownError,
    MovementUnknownError,
    RemedyImpossibleError,
)

__all__ = [
    "AuthoritysDispute",
    "Dispute",
    "DisputeDecidedError",
    "DisputeExistsError",
    "DisputeUnknownError",
    "MovementUnknownError",
    "RemedyImpossibleError",
    "accept_dispute",
    "get_dispute",
    "list_disputes",
    "list_own_disputes",
    "open_dispute",
    "reject_dispute",
]
