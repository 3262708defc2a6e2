"""What an authority sets for itself beside its tariff: its address, which credits are held for a review, and how far
a bin's weighings may be off before somebody is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from rewards.schema.territory import Authority

CHANGEABLE = ("address", "review_over_items", "review_over_mass_g", "reviews_doubtful_clocks", "balance_over_percent")


@dataclass(frozen=True, slots=True)
class AuthoritySettings:
    """The settings in force; a review limit of None holds nothing. The first four an authority cannot change itself."""

    authority: str
    name: str
    timezone: str
    points_valid_months: int
    address: str
    review_over_items: int | None
    review_over_mass_g: int | None
    reviews_doubtful_clocks: bool
    balance_over_percent: int


def get_settings(connection: Connection, *, authority_id: int, is_to_change: bool = False) -> AuthoritySettings:
    """Return the settings, which stay as they are until the transaction ends when they are to be changed."""
    columns = [getattr(Authority, name) for name in AuthoritySettings.__slots__ if name != "authority"]
    wanted = select(Authority.slug, *columns).where(Authority.authority_id == authority_id)
    row = connection.execute(wanted.with_for_update(key_share=True) if is_to_change else wanted).one()
    return AuthoritySettings(*row)


def change_settings(connection: Connection, changes: Mapping[str, Any], *, authority_id: int) -> None:
    """Put some of ``CHANGEABLE`` into force; workers heed it within seconds, statements from the next one locked on."""
    unknown = changes.keys() - set(CHANGEABLE)
    if unknown:
        raise ValueError(f"not an authority's to change: {unknown}")
    if changes:
        connection.execute(update(Authority).where(Authority.authority_id == authority_id).values(**changes))
