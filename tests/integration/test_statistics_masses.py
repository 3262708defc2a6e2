"""What an item weighs is dated: kilograms follow the mass in force on the day, and nothing set before is lost."""

import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from rewards.statistics.assumptions import Assumption, get_assumptions, list_assumptions, set_assumption
from rewards.statistics.deposits import get_deposit_figures
from rewards.statistics.periods import Period
from rewards.statistics.unit_masses import (
    MaterialUnknownError,
    NewUnitMass,
    list_unit_masses,
    list_weighed_materials,
    set_unit_mass,
)
from tests.factories import START, build_town, deposit

OF_TOWN = {"authority_id": 7}
OCTOBER, NOVEMBER, DECEMBER = (datetime.date(2026, month, 1) for month in (10, 11, 12))


@pytest.fixture
def connection(database):
    with database.engine().connect() as connection:
        yield connection


@pytest.fixture
def town(connection, keyring):
    return build_town(connection, keyring)


def weigh(connection, month, mass_g, *, now, material="glass"):
    mass = NewUnitMass(material, month, mass_g, "weighed ourselves")
    return set_unit_mass(connection, mass, **OF_TOWN, set_by="Ada", now=now)


def estimate(connection, town, *, first=OCTOBER, last=datetime.date(2026, 11, 30)):
    figures = get_deposit_figures(connection, **OF_TOWN, timezone=town.timezone, period=Period(first, last))
    return figures.total.estimated_g


def test_kilograms_follow_the_mass_in_force_on_the_day(connection, town, now):
    for month in (10, 11):
        deposit(connection, town, badge=None, items=10, now=now.replace(month=month))
    assert estimate(connection, town) == 6000
    weigh(connection, NOVEMBER, 250, now=now)
    assert estimate(connection, town) == 3000 + 2500
    assert estimate(connection, town, first=NOVEMBER) == 2500
    weigh(connection, NOVEMBER, 240, now=now)
    assert estimate(connection, town, first=NOVEMBER) == 2400, "of two for the same month the newest holds"


def test_a_mass_nobody_knows_any_more_leaves_the_estimate_open(connection, town, now):
    deposit(connection, town, badge=None, items=10, now=now)
    weigh(connection, NOVEMBER, None, now=now)
    assert estimate(connection, town) is None


def test_all_that_was_ever_set_is_listed_with_who_said_so(connection, town, now):
    for mass_g in (250, 240):
        weigh(connection, NOVEMBER, mass_g, now=now)
    told = [
        (each.material, each.valid_from, each.unit_mass_g, each.set_by, each.is_replaced)
        for each in list_unit_masses(connection, **OF_TOWN)
    ]
    assert told == [
        ("glass", datetime.date(2000, 1, 1), 300, None, False),
        ("glass", NOVEMBER, 250, "Ada", True),
        ("glass", NOVEMBER, 240, "Ada", False),
    ]
    first, second, third = list_unit_masses(connection, **OF_TOWN)
    assert list_unit_masses(connection, **OF_TOWN, after=first.key, limit=1) == [second]
    assert list_unit_masses(connection, **OF_TOWN, after=second.key) == [third]
    for day, mass_g in ((datetime.date(2026, 10, 31), 300), (NOVEMBER, 240)):
        masses = {each.material: each.unit_mass_g for each in list_weighed_materials(connection, **OF_TOWN, day=day)}
        assert masses == {"glass": mass_g, "plastic": None}


def test_material_nobody_collects_has_no_mass(connection, town, now):
    with connection.begin_nested() as nested:
        with pytest.raises(MaterialUnknownError):
            weigh(connection, NOVEMBER, 250, material="wood", now=now)
        nested.rollback()
    assert len(list_unit_masses(connection, **OF_TOWN)) == 1


@pytest.mark.parametrize(("day", "mass_g", "rule"), [(2, 250, "from_first_of_month"), (1, 0, "unit_mass_g_range")])
def test_database_refuses_a_mass_from_mid_month_and_one_of_nothing(connection, town, day, mass_g, rule):
    with pytest.raises(IntegrityError, match=f"ck_unit_masses_{rule}"):
        weigh(connection, NOVEMBER.replace(day=day), mass_g, now=START)


def test_agents_can_neither_change_nor_remove_what_was_set(database, keyring):
    with database.engine().begin() as connection:
        build_town(connection, keyring)
    for table in ("unit_masses", "assumptions"):
        for statement in (f"UPDATE {table} SET source = 'x'", f"DELETE FROM {table}"):
            with database.engine("bontri_agent").connect() as connection, pytest.raises(ProgrammingError):
                connection.execute(text(statement))


def test_assumption_of_the_authority_stands_in_the_place_of_the_default_from_its_month(connection, town, now):
    name = "residual_cost_cents_per_tonne"
    for value in (14_000, 14_500):
        assumption = Assumption(name, value, "contract of 2026", NOVEMBER)
        set_assumption(connection, assumption, **OF_TOWN, set_by="Ada", now=now)
    held = get_assumptions(connection, **OF_TOWN)
    assert [held.get(name, day).value for day in (OCTOBER, NOVEMBER, DECEMBER)] == [12_000, 14_500, 14_500]
    assert [held.get(name, day).is_default for day in (OCTOBER, NOVEMBER)] == [True, False]
    assert [(each.value, each.is_replaced) for each in list_assumptions(connection, **OF_TOWN)] == [
        (14_000, True),
        (14_500, False),
    ]
    assert get_assumptions(connection, authority_id=8).own == ()
