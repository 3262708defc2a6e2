"""Small builders on the real services: an authority with all that stands on its ground, deposits, vouchers.

Defaults are chosen so that a test names only what it is about. Everything is committed by the caller.
"""

import datetime
import itertools
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from rewards.acceptance import AcceptedEvent, ReportedEvent, accept
from rewards.api_keys import create_api_key
from rewards.bins import NewBin, add_bins, find_bins
from rewards.causes import CauseTerms, add_cause
from rewards.citizens import Citizen, register_citizen
from rewards.deposits import Outcome, compare_events, record_compared
from rewards.goals import GoalTerms, add_goal
from rewards.journals import JournalNote, open_journals
from rewards.keyring import Keyring
from rewards.memory import Recollection
from rewards.offers import OfferTerms, put_on_sale
from rewards.rules import find_rules
from rewards.shops import Shop, create_shop
from rewards.sign_ins import begin_sign_in, open_session
from rewards.tariffs import Basis, add_tariff
from rewards.territory import NewSite, add_commune, add_materials, add_sites, create_authority

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
JOURNAL = "0123456789abcdef0123456789abcdef"
SERIAL = itertools.count(1)


@dataclass
class Town:
    """One authority: two communes with a site each, one bin per site, a shop with an offer of 10 points."""

    authority_id: int
    slug: str
    timezone: ZoneInfo
    bin_ids: list[str]
    shop: Shop
    offer_id: UUID
    keyring: Keyring
    seqs: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))


def build_town(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int = 7,
    slug: str = "plaine-commune",
    lines: dict[str, tuple[Basis, int]] | None = None,
    day_cap_points: int | None = None,
    price_points: int = 10,
) -> Town:
    """Build an authority; ``lines`` default to 1 point an item of glass, 10 points a kilogram of plastic."""
    create_authority(
        connection, authority_id=authority_id, slug=slug, name=slug.title(), timezone="Europe/Paris", now=START
    )
    for insee_code, name in (("93066", "Saint-Denis"), ("93001", "Aubervilliers")):
        add_commune(
            connection,
            authority_id=authority_id,
            insee_code=insee_code,
            name=name,
            population=100_000,
            population_year=2023,
        )
    add_materials(connection, {"glass": 300, "plastic": None}, authority_id=authority_id)
    sites = add_sites(
        connection,
        [NewSite("A", "93066", "1 rue A", 48.93, 2.35), NewSite("B", "93001", "1 rue B", 48.91, 2.38)],
        authority_id=authority_id,
    )
    bin_ids = [f"BIN-{authority_id:04}-{reference}" for reference in sites]
    add_bins(
        connection,
        [NewBin(bin_id, site_id, START) for bin_id, site_id in zip(bin_ids, sites.values(), strict=True)],
        authority_id=authority_id,
        now=START,
    )
    add_tariff(
        connection,
        authority_id=authority_id,
        name="2026",
        valid_from=START,
        lines=lines or {"glass": ("item", 1), "plastic": ("kilogram", 10)},
        day_cap_points=day_cap_points,
    )
    shop = create_shop(
        connection, authority_id=authority_id, name="Librairie", address="2 rue A", insee_code="93066", now=START
    )
    terms = OfferTerms("Un carnet", price_points, 300, shop.shop_id)
    offer_id = put_on_sale(connection, terms, authority_id=authority_id)
    return Town(authority_id, slug, ZoneInfo("Europe/Paris"), bin_ids, shop, offer_id, keyring)


def build_citizen(connection: Connection, town: Town, *, badge: str | None = None, email: str | None = None) -> Citizen:
    """Register a citizen with a badge."""
    return register_citizen(
        connection,
        town.keyring,
        authority_id=town.authority_id,
        badges=[badge or f"BADGE-{next(SERIAL)}"],
        email=email,
        now=START,
    )


def deposit(
    connection: Connection,
    town: Town,
    *,
    badge: str | None,
    now: datetime.datetime,
    items: int = 1,
    material: str = "glass",
    mass_g: int | None = None,
    occurred_at: datetime.datetime | None = None,
    bin_no: int = 0,
) -> Outcome:
    """Record one deposit as the ingest does; returns what became of it."""
    rules = find_rules(connection, town.slug)
    assert rules is not None
    bin_id = town.bin_ids[bin_no]
    tenant = {"authority_id": town.authority_id}
    journals = open_journals(connection, {(bin_id, JOURNAL): now}, **tenant)
    reported = ReportedEvent(
        bin=find_bins(connection, [bin_id], **tenant)[bin_id],
        identity=(journals[bin_id, JOURNAL], next(town.seqs)),
        type="deposit",
        material=material,
        items=items,
        mass_g=mass_g,
        refused=0,
        confidence=None,
        emptied_by=None,
        badge_digest=town.keyring.badge_digest(**tenant, badge=badge) if badge else None,
        at=occurred_at or now,
        clock="synced",
        ahead_ms=None,
        received_at=now,
        content_digest=b"d" * 16,
        former_badge=town.keyring.former_badge(**tenant, badge=badge) if badge else None,
    )
    accepted = accept(reported, rules)
    assert isinstance(accepted, AcceptedEvent), accepted
    compared = compare_events(connection, [accepted], **tenant, now=now)
    notes = {journals[bin_id, JOURNAL]: JournalNote((bin_id, JOURNAL), now)}
    recorded = record_compared(connection, compared, notes, Recollection(), rules=rules, now=now)
    [outcome] = recorded.list_outcomes()
    assert outcome is not None
    return outcome


def build_holder(connection: Connection, town: Town, *, points: int, now: datetime.datetime) -> Citizen:
    """Register a citizen and let them earn ``points`` with items of glass, 200 a deposit."""
    badge = f"BADGE-{next(SERIAL)}"
    citizen = build_citizen(connection, town, badge=badge)
    while points > 0:
        deposit(connection, town, badge=badge, items=min(points, 200), now=now)
        points -= 200
    return citizen


def build_cause(connection: Connection, town: Town, *, name: str = "Potagers", **terms: Any) -> UUID:
    """Add a cause that is paid nothing unless its terms say so."""
    return add_cause(
        connection, CauseTerms(name, "Gardens in town", **terms), authority_id=town.authority_id, now=START
    )


def build_goal(
    connection: Connection,
    town: Town,
    *,
    target_points: int,
    ends_at: datetime.datetime,
    to_cause_id: UUID | None = None,
) -> UUID:
    """Open a goal of a school that began long ago."""
    terms = GoalTerms("An orchard", "school", "Jean Jaurès", target_points, "Trees", LONG_AGO, ends_at, to_cause_id)
    return add_goal(connection, terms, authority_id=town.authority_id, now=START)


def open_session_for(connection: Connection, town: Town, citizen_email: str, *, now: datetime.datetime) -> str:
    """Sign a citizen in by the code that would have been sent; return the session's token."""
    sign_in = begin_sign_in(connection, town.keyring, authority_id=town.authority_id, email=citizen_email, now=now)
    session = open_session(
        connection,
        town.keyring,
        authority_id=town.authority_id,
        sign_in_id=sign_in.sign_in_id,
        code=sign_in.code,
        now=now,
    )
    assert session is not None
    return session.token


def build_key(
    connection: Connection,
    town: Town,
    audience: str = "shop",
    *,
    shop_id: UUID | None = None,
    role: Any = None,
    scopes: Any = None,
) -> str:
    """Make an API key of the town's shop (or another), or of the authority, good for all or as told."""
    is_shop = audience == "shop"
    return create_api_key(
        connection,
        town.keyring,
        authority_id=town.authority_id,
        audience="shop" if is_shop else "authority",
        shop_id=(shop_id or town.shop.shop_id) if is_shop else None,
        role=role,
        scopes=scopes,
        label="test",
        now=START,
    ).secret
