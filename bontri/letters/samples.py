"""Facts to preview each kind of letter with; nobody's."""

from collections.abc import Mapping
from typing import Any

GOAL = {"title": "Un verger dans la cour", "group": "École du Canal", "reward": "Cinq arbres fruitiers", "points": 40}
OFFER = {"title": "Une baguette tradition"}

SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "sign_in_code": {"code": "12345678"},
    "sign_up_code": {"code": "12345678"},
    "erasure_code": {"code": "12345678"},
    "points_expiring": {"points": 12, "expires_on": "2026-12-01"},
    "goal_reached": GOAL,
    "goal_missed": GOAL,
    "wallet_merged": {"points": 25},
    "wallet_left": {"points": 25, "is_own": True},
    "card_blocked": {},
    "account_inactive": {"points": 12, "erased_on": "2026-12-01"},
    "account_erased": {},
    "statement_ready": {"number": "2026-000123", "month": "2026-10-01", "payable_cents": 12350},
    "offer_published": OFFER,
    "offer_rejected": {**OFFER, "note": "La photo manque."},
}
