"""The job that posts credits nobody has looked at in time."""

from sqlalchemy import Engine

from ingest.worker import utc_now
from rewards.reviews import lapse_reviews


def post_reviewed_credits_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Post every credit whose seven days of review are over, a small batch at a time."""
    reviews = points = 0
    while True:
        with engine.begin() as connection:
            lapsed = lapse_reviews(connection, authority_id=authority_id, now=utc_now())
        if not lapsed.reviews:
            return {"reviews": reviews, "points": points}
        reviews, points = reviews + lapsed.reviews, points + lapsed.points
