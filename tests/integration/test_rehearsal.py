"""A rehearsal in SQL says what crediting the same deposits one by one with the pure functions would have said."""

import datetime
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from rewards.campaigns import Campaign, choose_extra, list_extras
from rewards.drafts import DraftEndedError, TariffDefinition, create_draft, discard_draft, get_draft
from rewards.rehearsal import rehearse_draft
from rewards.rehearsal.replay import replay
from rewards.tariffs import TariffLine, points_for_deposit
from tests.databases import DatabasePool
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import KEYRING

PARIS = ZoneInfo("Europe/Paris")
FRIDAY = datetime.datetime(2026, 10, 23, 6, tzinfo=datetime.UTC)
"""Before the clocks go back, on Sunday the 25th."""
BEFORE, AFTER = FRIDAY - datetime.timedelta(days=30), FRIDAY + datetime.timedelta(days=60)


@dataclass(frozen=True)
class Dropped:
    """One deposit of a drawn history."""

    citizen: int
    bin: int
    material: str
    items: int
    mass_g: int
    hours: int
    minutes: int


@dataclass
class Scene:
    """A town whose citizens, sites and bins are drawn from; every example is rolled back."""

    connection: Connection
    town: Town
    lots: list[Any]
    wallets: list[Any]
    sites: list[Any]
    accounts: list[Any]


DROPPED = st.builds(
    Dropped,
    citizen=st.integers(0, 1),
    bin=st.integers(0, 1),
    material=st.sampled_from(["glass", "plastic"]),
    items=st.integers(0, 9),
    mass_g=st.integers(1, 3000),
    hours=st.integers(0, 220),
    minutes=st.sampled_from([0, 30]),
)
CAPS = st.none() | st.integers(1, 25)
LINES = st.tuples(st.sampled_from(["item", "kilogram"]), st.integers(0, 6))
TARIFFS = st.builds(
    TariffDefinition,
    name=st.just("draft"),
    lines=st.fixed_dictionaries({"glass": LINES, "plastic": LINES}),
    day_cap_points=CAPS,
    week_cap_points=CAPS,
    bin_hour_cap_points=CAPS,
)


@st.composite
def campaigns(draw: st.DrawFn) -> Campaign:
    """Draw a campaign; its sites are places in the list of the scene's, put in later."""
    begins = draw(st.integers(0, 150))
    is_multiplier = draw(st.booleans())
    has_hours = draw(st.booleans())
    return Campaign(
        f"campaign {draw(st.integers(0, 10**6))}",
        "drawn",
        FRIDAY + datetime.timedelta(hours=begins),
        FRIDAY + datetime.timedelta(hours=begins + draw(st.integers(1, 200))),
        draw(st.integers(101, 400)) if is_multiplier else None,
        None if is_multiplier else draw(st.integers(1, 7)),
        draw(st.none() | st.frozensets(st.integers(1, 7), min_size=1)),
        datetime.time(draw(st.integers(0, 11))) if has_hours else None,
        datetime.time(draw(st.integers(12, 23))) if has_hours else None,
        draw(st.none() | st.frozensets(st.sampled_from(["glass", "plastic"]), min_size=1)),
        draw(st.none() | st.frozensets(st.sampled_from(["0", "1"]), min_size=1)),
        is_first_deposit_only=draw(st.booleans()),
    )


@pytest.fixture(scope="module")
def scene(databases: DatabasePool):
    with databases.lend() as database, database.engine().connect() as connection:
        town = build_town(connection, KEYRING)
        citizens = [build_citizen(connection, town) for _ in range(2)]
        lots = list(
            connection.scalars(
                text(
                    "INSERT INTO accounts (authority_id, account_id, kind, expires_on, created_at)"
                    " SELECT 7, gen_random_uuid(), 'lot', '2029-01-01', '2026-01-01' FROM generate_series(1, 2)"
                    " RETURNING account_id"
                )
            )
        )
        wallets = [citizen.wallet_id for citizen in citizens]
        connection.execute(
            text("INSERT INTO wallet_accounts VALUES (7, :lot, :wallet, '2026-10-01')"),
            [{"lot": lot, "wallet": wallet} for lot, wallet in zip(lots, wallets, strict=True)],
        )
        placed = connection.execute(
            text(
                "SELECT site_id, issuing_account_id FROM placements JOIN bins USING (authority_id, bin_id)"
                " ORDER BY bin_id"
            )
        ).all()
        connection.execute(
            text(
                "INSERT INTO bin_journals (authority_id, journal_no, bin_id, journal, created_at)"
                " VALUES (7, 1, :bin_id, :journal, '2026-01-01')"
            ),
            {"bin_id": town.bin_ids[0], "journal": "0" * 32},
        )
        connection.commit()
        yield Scene(connection, town, lots, wallets, [row[0] for row in placed], [row[1] for row in placed])
        connection.rollback()


def store(scene: Scene, history: list[Dropped]) -> list[datetime.datetime]:
    """Store deposits as they were credited then, each with a point; return when each occurred."""
    occurred = [FRIDAY + datetime.timedelta(hours=each.hours, minutes=each.minutes) for each in history]
    rows = [
        {
            "seq": seq,
            "bin": scene.town.bin_ids[each.bin],
            "site": scene.sites[each.bin],
            "material": each.material,
            "items": each.items,
            "mass_g": each.mass_g,
            "at": at,
            "recorded_at": FRIDAY + datetime.timedelta(seconds=seq // 3),
            "debit": scene.accounts[each.bin],
            "credit": scene.lots[each.citizen],
        }
        for seq, (each, at) in enumerate(zip(history, occurred, strict=True), 1)
    ]
    scene.connection.execute(
        text(
            "INSERT INTO events (authority_id, journal_no, seq, type, bin_id, site_id, material, items, mass_g,"
            " occurred_at, is_estimated, received_at, recorded_at, content_digest) VALUES (7, 1, :seq, 'deposit', :bin,"
            " :site, :material, :items, :mass_g, :at, false, :at, :recorded_at, '')"
        ),
        rows,
    )
    scene.connection.execute(
        text(
            "INSERT INTO transfers (authority_id, transfer_id, phase, debit_account_id, credit_account_id, points,"
            " recorded_at, journal_no, seq) VALUES (7, gen_random_uuid(), 'single', :debit, :credit, 1, :recorded_at,"
            " 1, :seq)"
        ),
        rows,
    )
    return occurred


def credit_one_by_one(
    scene: Scene,
    history: list[Dropped],
    occurred: list[datetime.datetime],
    tariff: TariffDefinition,
    running: list[Campaign],
) -> list[tuple[int, int, tuple[int, int, int]]]:
    """Credit with the pure functions: (points, campaign's points, withheld by bin's hour, day, week) of each."""
    used: defaultdict[Any, int] = defaultdict(int)
    seen: set[int] = set()
    credited = []
    for each, at in zip(history, occurred, strict=True):
        basis, points = tariff.lines[each.material]
        local = at.astimezone(PARIS)
        base = points_for_deposit(TariffLine("", basis, points), items=each.items, mass_g=each.mass_g)
        extras = list_extras(
            running, base, occurred_at=at, local=local, material=each.material, site_id=str(scene.sites[each.bin])
        )
        extra = choose_extra(extras, is_first_deposit=each.citizen not in seen)
        seen.add(each.citizen)
        added = extra.points if extra else 0
        left, withheld = base + added, []
        monday = local.date() - datetime.timedelta(days=local.weekday())
        hour = at.replace(minute=0)
        for cap, period in (
            (tariff.bin_hour_cap_points, (each.bin, hour)),
            (tariff.day_cap_points, (each.citizen, local.date())),
            (tariff.week_cap_points, (each.citizen, "week", monday)),
        ):
            allowed = left if cap is None else min(left, max(0, cap - used[period]))
            withheld.append(left - allowed)
            left = allowed
            if cap == tariff.bin_hour_cap_points and period == (each.bin, hour):
                used[period] += left
        used[each.citizen, local.date()] += left
        used[each.citizen, "week", monday] += left
        credited.append((left, added, tuple(withheld)))
    return credited


@given(history=st.lists(DROPPED, min_size=1, max_size=25), tariff=TARIFFS, drawn=st.lists(campaigns(), max_size=3))
@settings(max_examples=60, deadline=None)
def test_sql_and_pure_functions_agree(
    scene: Scene, history: list[Dropped], tariff: TariffDefinition, drawn: list[Campaign]
) -> None:
    running = [
        each
        if each.site_ids is None
        else replace(each, site_ids=frozenset(str(scene.sites[int(place)]) for place in each.site_ids))
        for each in drawn
    ]
    with scene.connection.begin():
        occurred = store(scene, history)
        replay(scene.connection, tariff, running, authority_id=7, timezone="Europe/Paris", since=BEFORE, until=AFTER)
        rows = scene.connection.execute(
            text(
                "SELECT points, campaign_points, withheld_by_bin_hour, withheld_by_day, withheld_by_week FROM replayed"
                " ORDER BY seq"
            )
        ).all()
        scene.connection.rollback()
    told = [(row[0], row[1], tuple(row[2:])) for row in rows]
    assert told == credit_one_by_one(scene, history, occurred, tariff, running)


GLASS_ONLY: dict[str, Any] = {
    "name": "Tarif 2027",
    "lines": {"glass": {"points": 2}, "plastic": {"points": 0, "per": "kilogram"}},
    "day_cap_points": 12,
}


def keep(scene: Scene, kind: Any, definition: dict[str, Any]) -> Any:
    return create_draft(scene.connection, kind, definition, authority_id=7, made_by="ada", now=FRIDAY)


def rehearse(scene: Scene, draft_id: Any) -> Any:
    return rehearse_draft(scene.connection, draft_id, authority_id=7, since=BEFORE, until=AFTER, now=AFTER)


def dropped(citizen: int, items: int, *, hours: int = 0, material: str = "glass", bin: int = 0) -> Dropped:
    return Dropped(citizen, bin, material, items, 1000, hours, 0)


def test_a_tariff_is_rehearsed_with_its_cost_and_whom_it_hits(scene: Scene) -> None:
    with scene.connection.begin():
        store(scene, [dropped(0, 4), dropped(0, 5, hours=1), dropped(1, 1, bin=1), dropped(1, 9, material="plastic")])
        told = rehearse(scene, draft_id := keep(scene, "tariff", GLASS_ONLY))
        assert get_draft(scene.connection, draft_id, authority_id=7).state == "rehearsed"
        assert (told.deposits, told.wallets, told.actual_points, told.points) == (4, 2, 4, 8 + 4 + 2)
        # 8 + 10 points meet the cap of 12 on one day.
        assert (told.withheld_by_day, told.withheld_by_week, told.capped) == (6, 0, 1)
        assert (told.winners, told.losers) == (1, 0)
        assert [(each.name, each.actual_points, each.points) for each in told.communes] == [
            ("Aubervilliers", 1, 2),
            ("Saint-Denis", 3, 12),
        ]
        assert [(each.material, each.actual_points, each.points) for each in told.materials] == [
            ("glass", 3, 14),
            ("plastic", 1, 0),
        ]
        # The offer of the town: 10 points for a notebook of so many cents.
        assert told.cents_a_point is not None
        assert told.cost_cents(10) == round(10 * told.cents_a_point)
        assert (told.actual_spread.most, told.spread.most, told.spread.p10) == (2, 12, 2)
        scene.connection.rollback()


def test_a_campaign_is_rehearsed_on_top_of_the_tariff_in_force_with_its_budget(scene: Scene) -> None:
    double = {
        "name": "Semaine du tri",
        "from": "2027-01-01T00:00:00",
        "until": "2027-01-08T00:00:00",
        "multiplier_percent": 200,
        "communes": ["93001"],
        "budget_points": 5,
    }
    with scene.connection.begin():
        # The site of Saint-Denis is not in it.
        store(scene, [dropped(0, 4), *(dropped(1, 2, bin=1, hours=hour) for hour in range(4))])
        told = rehearse(scene, keep(scene, "campaign", double))
        assert (told.points, told.campaign_points) == (4 + 4 * 4, 4 * 2)
        assert told.budget_used_up_at == FRIDAY + datetime.timedelta(seconds=4 // 3)
        scene.connection.rollback()


def test_nothing_to_rehearse_on_is_told_as_nothing(scene: Scene) -> None:
    with scene.connection.begin():
        told = rehearse(scene, keep(scene, "tariff", GLASS_ONLY))
        assert (told.deposits, told.points, told.spread, told.communes) == (0, 0, None, [])
        scene.connection.rollback()


def test_what_was_given_up_is_not_rehearsed(scene: Scene) -> None:
    with scene.connection.begin():
        draft_id = keep(scene, "tariff", GLASS_ONLY)
        discard_draft(scene.connection, draft_id, authority_id=7)
        with pytest.raises(DraftEndedError):
            rehearse(scene, draft_id)
        scene.connection.rollback()
