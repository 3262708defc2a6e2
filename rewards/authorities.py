"""Authorities as operators look after them: listed, added, and what of them can be changed afterwards."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import IntegrityError

from rewards.access import OPERATOR
from rewards.errors import OperatorRefusedError, violates
from rewards.schema.territory import Authority
from rewards.tenancy import enter_tenant
from rewards.territory import create_authority

FACTS = (
    Authority.authority_id,
    Authority.slug,
    Authority.name,
    Authority.address,
    Authority.timezone,
    Authority.points_valid_months,
    Authority.review_over_items,
    Authority.review_over_mass_g,
    Authority.reviews_doubtful_clocks,
    Authority.is_simulated,
    Authority.created_at,
)
CHANGEABLE = ("name", "address", "review_over_items", "review_over_mass_g", "reviews_doubtful_clocks")
NEXT_NUMBER = text("SELECT coalesce(max(authority_id), 0) + 1 FROM authorities")


class AuthorityTakenError(OperatorRefusedError):
    """Another authority has this short name, or was added at this very moment."""

    code = "authority_taken"

    def __init__(self, slug: str) -> None:
        super().__init__(f"{slug} is the short name of another authority, or one was added just now: look, and repeat")


class TimeZoneUnknownError(OperatorRefusedError):
    """There is no time zone of this name."""

    code = "timezone_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no time zone {name!r}: give one such as Europe/Paris")


@dataclass(frozen=True, slots=True)
class AuthorityFacts:
    """An authority as operators see it; ``review_over_…`` None holds no deposit for its size."""

    authority_id: int
    slug: str
    name: str
    address: str
    timezone: str
    points_valid_months: int
    review_over_items: int | None
    review_over_mass_g: int | None
    reviews_doubtful_clocks: bool
    is_simulated: bool
    created_at: datetime.datetime


def list_authority_facts(
    connection: Connection, *, after: tuple[str] | None = None, limit: int = 50
) -> list[AuthorityFacts]:
    """List authorities by slug, behind that of ``after``."""
    wanted = select(*FACTS).order_by(Authority.slug).limit(limit)
    rows = connection.execute(wanted if after is None else wanted.where(Authority.slug > after[0]))
    return [AuthorityFacts(*row) for row in rows]


def get_authority_facts(connection: Connection, *, authority_id: int, is_to_change: bool = False) -> AuthorityFacts:
    """Return what is known of an authority; ``is_to_change`` holds it until the transaction ends."""
    wanted = select(*FACTS).where(Authority.authority_id == authority_id)
    found = connection.execute(wanted.with_for_update() if is_to_change else wanted).one()
    return AuthorityFacts(*found)


def add_authority(
    connection: Connection,
    *,
    slug: str,
    name: str,
    timezone: str,
    address: str = "",
    is_simulated: bool = False,
    now: datetime.datetime,
) -> AuthorityFacts:
    """Add an authority under the next number, with its own accounts.

    Raises:
        AuthorityTakenError: the slug is taken, or reserved, or somebody was given the number at this very moment.
        TimeZoneUnknownError: there is no such time zone.
    """
    try:
        ZoneInfo(timezone)
    except (ValueError, OSError):
        raise TimeZoneUnknownError(timezone) from None
    if slug == OPERATOR:
        raise AuthorityTakenError(slug)
    authority_id = int(connection.execute(NEXT_NUMBER).scalar_one())
    enter_tenant(connection, authority_id=authority_id)
    try:
        create_authority(
            connection,
            authority_id=authority_id,
            slug=slug,
            name=name,
            timezone=timezone,
            address=address,
            is_simulated=is_simulated,
            now=now,
        )
    except IntegrityError as error:
        if violates(error, "uq_authorities_slug") or violates(error, "pk_authorities"):
            raise AuthorityTakenError(slug) from None
        raise
    return get_authority_facts(connection, authority_id=authority_id)


def change_authority(connection: Connection, changes: Mapping[str, Any], *, authority_id: int) -> AuthorityFacts:
    """Change what ``changes`` names of ``CHANGEABLE``; workers heed new rules of review within seconds."""
    assert changes.keys() <= set(CHANGEABLE)  # noqa: S101 (what callers may name is in their schema)
    if changes:
        connection.execute(update(Authority).where(Authority.authority_id == authority_id).values(**changes))
    return get_authority_facts(connection, authority_id=authority_id)
