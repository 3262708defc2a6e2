"""Figures of an authority: by day, commune and material, and distinct citizens that are never summed."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from rewards.statistics import deposits
from rewards.statistics.deposits import Figures, get_deposit_figures
from rewards.statistics.periods import Period, PeriodReversedError, PeriodTooLongError
from tests.databases import Database
from tests.factories import build_citizen, build_town, deposit

FACTOR = text("""
    INSERT INTO bin_calibrations (authority_id, bin_id, material, valid_from, factor, rounds, counted_g, weighed_g,
                                  decided_by, decided_at)
    VALUES (7, :bin_id, 'glass', '2026-11-01', 1.5, 1, 1, 1, 'x', :now)
""")
PARIS = ZoneInfo("Europe/Paris")
DAY = datetime.timedelta(days=1)


@pytest.fixture
def connection(database: Database):
    with database.engine().connect() as connection:
        yield connection


@pytest.fixture(autouse=True)
def unwithheld(monkeypatch):
    """Let few be counted: what is withheld has a test of its own."""
    monkeypatch.setattr(deposits, "withhold", lambda count: count)


@pytest.fixture
def town(connection, keyring, now):
    town = build_town(connection, keyring, day_cap_points=10)
    for badge in ("A", "B", "C"):
        build_citizen(connection, town, badge=badge)
    drops = [
        {"badge": "A", "items": 2},
        {"badge": "A", "items": 3, "bin_no": 1},
        {"badge": "B", "items": 1},
        {"badge": None, "items": 4},
        {"badge": "A", "items": 5, "now": now + DAY},
        {"badge": "C", "items": 2, "material": "plastic", "mass_g": 1500, "bin_no": 1},
        # Held back whole by the cap: no points, and yet an active citizen.
        {"badge": "B", "items": 20, "now": now + 2 * DAY},
        {"badge": "B", "items": 1, "now": now + 2 * DAY, "bin_no": 1},
    ]
    for drop in drops:
        deposit(connection, town, **{"now": now, **drop})
    return town


def figures(connection, town, **changes):
    period = Period(datetime.date(2026, 11, 1), datetime.date(2026, 11, 30))
    facts = {"authority_id": town.authority_id, "timezone": PARIS, "period": period, **changes}
    return get_deposit_figures(connection, **facts)


def test_rows_are_by_day_commune_and_material_and_citizens_are_distinct(connection, town):
    found = figures(connection, town)
    first, second, third = (datetime.date(2026, 11, day) for day in (21, 22, 23))
    assert [(row.day, row.commune, row.material, row.figures) for row in found.rows] == [
        (first, "Aubervilliers", "glass", Figures(1, 3, 0, 900, 1)),
        (first, "Aubervilliers", "plastic", Figures(1, 2, 1500, 0, 1)),
        (first, "Saint-Denis", "glass", Figures(3, 7, 0, 2100, 2)),
        (second, "Saint-Denis", "glass", Figures(1, 5, 0, 1500, 1)),
        (third, "Aubervilliers", "glass", Figures(1, 1, 0, 300, 1)),
        (third, "Saint-Denis", "glass", Figures(1, 20, 0, 6000, 1)),
    ]
    assert found.total == Figures(8, 38, 1500, 10800, 3)


def test_filters_hold_for_rows_and_total_alike(connection, town):
    assert figures(connection, town, material="plastic").total == Figures(1, 2, 1500, 0, 1)
    assert figures(connection, town, insee_code="93001").total == Figures(3, 6, 1500, 1200, 3)
    assert figures(connection, town, insee_code="75056").rows == []


def test_unweighed_items_of_a_material_without_unit_mass_leave_the_estimate_open(connection, keyring, now):
    town = build_town(connection, keyring, lines={"plastic": ("item", 1)})
    deposit(connection, town, badge=None, material="plastic", now=now)
    assert figures(connection, town).total == Figures(1, 1, 0, None, 0)


def test_days_are_those_of_the_authority(connection, keyring, now):
    town = build_town(connection, keyring)
    build_citizen(connection, town, badge="A")
    deposit(connection, town, badge="A", now=datetime.datetime(2026, 10, 31, 23, 30, tzinfo=datetime.UTC))
    november = figures(connection, town)
    assert [row.day for row in november.rows] == [datetime.date(2026, 11, 1)]
    assert november.total.active_citizens == 1
    october = Period(datetime.date(2026, 10, 1), datetime.date(2026, 10, 31))
    assert figures(connection, town, period=october).total == Figures(0, 0, 0, 0, 0)


def test_another_authority_is_never_counted(connection, keyring, town):
    other = build_town(connection, keyring, authority_id=8, slug="other")
    assert figures(connection, other).rows == []
    assert figures(connection, other).total.active_citizens == 0


def test_reversed_and_endless_periods_are_refused():
    first = datetime.date(2026, 1, 1)
    assert Period(first, first)
    assert Period(first, first + 365 * DAY)
    with pytest.raises(PeriodReversedError):
        Period(first, first - DAY)
    with pytest.raises(PeriodTooLongError):
        Period(first, first + 366 * DAY)


def test_bin_that_weighs_only_some_deposits_has_the_others_estimated(connection, keyring, now):
    town = build_town(connection, keyring)
    for mass_g in (None, 1000):
        deposit(connection, town, badge=None, items=2, mass_g=mass_g, now=now)
    connection.execute(FACTOR, {"bin_id": town.bin_ids[0], "now": now})
    assert figures(connection, town).total == Figures(2, 4, 1000, 900, 0)


def test_fewer_than_eleven_citizens_are_withheld_of_rows_and_total(connection, town, monkeypatch, now):
    monkeypatch.undo()
    found = figures(connection, town)
    assert {row.figures.active_citizens for row in found.rows} == {None}
    assert found.total.active_citizens is None
    for no in range(8):
        build_citizen(connection, town, badge=f"MORE-{no}")
        deposit(connection, town, badge=f"MORE-{no}", now=now + DAY)
    assert figures(connection, town).total.active_citizens == 11
    assert figures(connection, town, insee_code="75056").total.active_citizens == 0
