"""Reviews: a suspicious deposit is credited pending; it posts itself after seven days unless somebody decides before.

Which deposits are suspicious is in ``rewards/suspicion.py``. Read ``holding.py`` (how the ingest opens a review),
``deciding.py`` (a person approves or rejects), ``lapsing.py`` (nobody did), ``settings.py`` (the rules in force).
"""

from rewards.reviews.deciding import approve_review, reject_review
from rewards.reviews.lapsing import lapse_reviews
from rewards.reviews.reading import ListedReview, get_review, list_reviews
from rewards.reviews.refusals import ReviewDecidedError, ReviewUnknownError
from rewards.reviews.settings import get_review_rules, set_review_rules

__all__ = [
    "ListedReview",
    "ReviewDecidedError",
    "ReviewUnknownError",
    "approve_review",
    "get_review",
    "get_review_rules",
    "lapse_reviews",
    "list_reviews",
    "reject_review",
    "set_review_rules",
]
