"""The demo's authority: real communes and columns, a tariff, five shops with offers, a cause, a collective goal,
citizens with cards.

Everything but the places is invented, and the authority is marked as simulated.
"""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bontri.demo.history.rollout import Rollout
from bontri.demo.places import POPULATION_YEAR, bin_id_of, list_columns, list_communes, list_references, read_data
from rewards.agents import invite_agent
from rewards.api_keys import create_api_key, create_operator_key
from rewards.bins import NewBin, add_bins
from rewards.cards import register_cards
from rewards.causes import CauseTerms, add_cause
from rewards.citizens import register_citizen
from rewards.goals import GoalTerms, add_goal
from rewards.keyring import Keyring
from rewards.offers import OfferTerms, put_on_sale
from rewards.outlines import preview_outlines, read_outlines, store_outlines
from rewards.shops import create_shop
from rewards.statistics.references.storing import store_references
from rewards.tariffs import add_tariff
from rewards.territory import add_commune, add_materials, add_sites, create_authority, find_authority_id

AUTHORITY_ID = 93
SLUG = "plaine-commune-demo"
NAME = "Plaine Commune (demo)"
ADDRESS = "21 avenue Jules-Rimet\n93218 Saint-Denis"
TIMEZONE = "Europe/Paris"
AGENT_EMAIL = "agent@plaine-commune.example"
"""Whom the reader signs in as on the pages; invited as an admin."""

OUTLINES_SOURCE = "IGN GEOFLA 2.2, 2016"
REFERENCES_SOURCE = "ADEME SINOE, 2009 to 2017; see bontri/demo/data"
CITIZENS = 200
DAY_CAP_POINTS = 40
CAPACITY_L = 3000

UNIT_MASS_G = {"glass": 230, "paper": None, "plastic": 28, "can": 13}
"""Grams an item: glass packaging as thrown, a PET bottle, an aluminium can; paper has no unit (docs/figures.md)."""


@dataclass(frozen=True, slots=True)
class PlannedShop:
    """An invented shop; its offers are (title, points, cents)."""

    name: str
    address: str
    insee_code: str
    offers: tuple[tuple[str, int, int], ...]


SHOPS = (
    PlannedShop(
        "Boulangerie du Canal",
        "12 rue du Canal",
        "93066",
        (("Une baguette tradition", 10, 120), ("Un petit-déjeuner pour deux", 120, 1400)),
    ),
    PlannedShop(
        "Librairie La Page d'Encre",
        "4 place Jean-Jaurès",
        "93066",
        (("5 € sur un livre", 50, 500), ("Un carnet", 20, 200), ("20 € de livres", 200, 2000)),
    ),
    PlannedShop(
        "Ressourcerie des Quatre-Chemins",
        "57 avenue Jean-Jaurès",
        "93001",
        (("3 € d'achat", 30, 300), ("15 € d'achat", 150, 1500)),
    ),
    PlannedShop(
        "Cinéma L'Étoile",
        "1 allée du Progrès",
        "93027",
        (("Une place de cinéma", 60, 600), ("Cinq places de cinéma", 280, 2800)),
    ),
    PlannedShop(
        "Piscine La Baleine",
        "13 avenue Jean-Moulin",
        "93066",
        (("Une entrée adulte", 40, 400), ("Dix entrées adulte", 360, 3600)),
    ),
)


@dataclass(frozen=True, slots=True)
class Till:
    """A shop of the demo: the key of its till and its cheapest offer."""

    name: str
    api_key: str
    offer_id: str
    price_points: int


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """The keys of the demo, which no database holds: of the five tills, of the authority's program, of its operator."""

    tills: list[Till]
    authority_api_key: str
    operator_key: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """The citizen whose story is played, and as whom the reader can sign in."""

    email: str
    badge: str


def start_of(day: datetime.date) -> datetime.datetime:
    """Return when a day begins by the authority's calendar."""
    return datetime.datetime.combine(day, datetime.time(), ZoneInfo(TIMEZONE)).astimezone(datetime.UTC)


def badges() -> list[str]:
    """List the cards of the demo's citizens, whose deposits are left to chance."""
    return [f"DEMO-{number:04}" for number in range(1, CITIZENS + 1)]


def seed(
    connection: Connection, keyring: Keyring, *, now: datetime.datetime, rollout: Rollout | None = None
) -> DemoKeys | None:
    """Create the demo's authority and return its keys; None when it exists already. Needs the owner's transaction.

    With a ``rollout`` bins and cards are there since when it says, and those it leaves out since now.
    """
    if find_authority_id(connection, SLUG) is not None:
        return None
    build_territory(connection, now=now, rollout=rollout)
    handed_out_on = {each.badge: start_of(each.handed_out_on) for each in rollout.cards} if rollout else {}
    cards = dict.fromkeys(badges(), now) | handed_out_on
    register_cards(connection, keyring, cards, authority_id=AUTHORITY_ID)
    tills = [open_shop(connection, keyring, shop, now=now) for shop in SHOPS]
    add_receivers(connection, now=now)
    agent = create_api_key(
        connection, keyring, authority_id=AUTHORITY_ID, audience="authority", label="demo agent", now=now
    )
    invite_agent(
        connection,
        keyring,
        authority_id=AUTHORITY_ID,
        name="Dominique Martin",
        email=AGENT_EMAIL,
        role="admin",
        now=now,
    )
    operator = create_operator_key(connection, keyring, label="demo operator", now=now)
    return DemoKeys(tills, agent.secret, operator.secret)


def draw_outlines(connection: Connection) -> None:
    """Store where the communes are."""
    shapes, _ = read_outlines(read_data("plaine_commune_outlines.geojson"))
    found, _, _ = preview_outlines(connection, shapes, authority_id=AUTHORITY_ID)
    store_outlines(connection, found.rows, authority_id=AUTHORITY_ID, source=OUTLINES_SOURCE)


def build_territory(connection: Connection, *, now: datetime.datetime, rollout: Rollout | None) -> None:
    """Create the authority with its communes, materials, tariff, and a bin at each of its real columns."""
    create_authority(
        connection,
        authority_id=AUTHORITY_ID,
        slug=SLUG,
        name=NAME,
        address=ADDRESS,
        timezone=TIMEZONE,
        now=now,
        is_simulated=True,
    )
    for place in list_communes():
        add_commune(
            connection,
            authority_id=AUTHORITY_ID,
            insee_code=place.insee_code,
            name=place.name,
            population=place.population,
            population_year=POPULATION_YEAR,
            source="INSEE, population municipale; see bontri/demo/data",
        )
    store_references(connection, list_references(), source=REFERENCES_SOURCE)
    draw_outlines(connection)
    add_materials(connection, UNIT_MASS_G, authority_id=AUTHORITY_ID, source="docs/figures.md", now=now)
    sites = add_sites(connection, list_columns(), authority_id=AUTHORITY_ID)
    long_ago = now - datetime.timedelta(days=400)
    placed_at = {each.bin_id: start_of(each.from_day) for each in reversed(rollout.stays)} if rollout else {}
    add_bins(
        connection,
        [
            NewBin(
                bin_id_of(number), site_id, placed_at.get(bin_id_of(number), now if rollout else long_ago), CAPACITY_L
            )
            for number, site_id in enumerate(sites.values(), 1)
        ],
        authority_id=AUTHORITY_ID,
        now=now,
    )
    add_tariff(
        connection,
        authority_id=AUTHORITY_ID,
        name="Tarif de démonstration",
        valid_from=start_of(rollout.tariff_changes_on) if rollout else long_ago,
        lines={"glass": ("item", 1), "plastic": ("item", 1), "can": ("item", 1), "paper": ("kilogram", 2)},
        day_cap_points=DAY_CAP_POINTS,
    )


def open_shop(connection: Connection, keyring: Keyring, planned: PlannedShop, *, now: datetime.datetime) -> Till:
    """Create one shop with its offers and the key of its till."""
    shop = create_shop(
        connection,
        authority_id=AUTHORITY_ID,
        name=planned.name,
        address=planned.address,
        insee_code=planned.insee_code,
        now=now,
    )
    key = create_api_key(
        connection,
        keyring,
        authority_id=AUTHORITY_ID,
        audience="shop",
        shop_id=shop.shop_id,
        label="demo till",
        now=now,
    )
    published = [
        (
            price_points,
            put_on_sale(
                connection, OfferTerms(title, price_points, value_cents, shop.shop_id), authority_id=AUTHORITY_ID
            ),
        )
        for title, price_points, value_cents in planned.offers
    ]
    price_points, offer_id = min(published)
    return Till(planned.name, key.secret, str(offer_id), price_points)


def add_receivers(connection: Connection, *, now: datetime.datetime) -> None:
    """Add whom points can be given to: an association, and a school with a goal for it."""
    cause = CauseTerms("Les Jardins du Canal", "Des potagers partagés au bord du canal", hundred_points_cents=50)
    cause_id = add_cause(connection, cause, authority_id=AUTHORITY_ID, now=now)
    year = datetime.timedelta(days=365)
    goal = GoalTerms(
        "Un verger dans la cour", "school", "École du Canal", 500, "Cinq arbres fruitiers", now, now + year, cause_id
    )
    add_goal(connection, goal, authority_id=AUTHORITY_ID, now=now)


def register_visitor(connection: Connection, keyring: Keyring, *, now: datetime.datetime) -> Visitor:
    """Register a new citizen for one start of the demo: nobody's cap of the day is used up by an earlier start."""
    number = f"{int(now.timestamp()) % 10**8:08}"
    visitor = Visitor(f"camille.{number}@example.org", f"VISITOR-{number}")
    register_citizen(
        connection, keyring, authority_id=AUTHORITY_ID, badges=[visitor.badge], email=visitor.email, now=now
    )
    return visitor
