"""The rules an authority has in force; workers heed a change within seconds, for what they record from then on."""

from sqlalchemy import Connection, select, update

from rewards.schema.territory import Authority
from rewards.suspicion import ReviewRules

RULES = (Authority.review_over_items, Authority.review_over_mass_g, Authority.reviews_doubtful_clocks)


def get_review_rules(connection: Connection, *, authority_id: int) -> ReviewRules:
    """Return the rules in force."""
    return ReviewRules(*connection.execute(select(*RULES).where(Authority.authority_id == authority_id)).one())


def set_review_rules(connection: Connection, rules: ReviewRules, *, authority_id: int) -> None:
    """Put rules in force; credits already in review stay there."""
    connection.execute(
        update(Authority)
        .where(Authority.authority_id == authority_id)
        .values(
            review_over_items=rules.over_items,
            review_over_mass_g=rules.over_mass_g,
            reviews_doubtful_clocks=rules.holds_doubtful_clocks,
        )
    )
