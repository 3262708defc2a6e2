"""The effect on an authority's own data: which sites, from which source, over which days; and what is refused."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from rewards.bins import NewBin, add_bins
from rewards.statistics.effect.asking import (
    EffectAsked,
    SiteOnBothSidesError,
    SiteReferenceUnknownError,
    StartOutsidePeriodError,
    choose_sites,
)
from rewards.statistics.effect.panel import SiteMonth
from rewards.statistics.effect.reading import Days, MonthsHeld, read_panel, spread_emptyings, sum_months
from rewards.statistics.periods import PeriodReversedError, PeriodToComeError
from rewards.statistics.unit_masses import MaterialUnknownError
from rewards.territory import NewSite, add_sites
from tests.factories import build_town

PARIS = ZoneInfo("Europe/Paris")
ONE_DAY = datetime.timedelta(days=1)
LAST = datetime.date(2026, 10, 31)
AUTHORITY = {"authority_id": 7, "timezone": PARIS}
DROP = text("""
    INSERT INTO daily_deposits (authority_id, day, bin_id, site_id, material, deposits, credited_deposits, items,
                                mass_g, refused, points, unweighed_items)
    SELECT 7, :day, :bin_id, site_id, :material, 1, 0, :items, coalesce(:mass_g, 0), 0, 0,
           CASE WHEN CAST(:mass_g AS bigint) IS NULL THEN :items ELSE 0 END
      FROM sites WHERE authority_id = 7 AND reference = :site
""")
EMPTY = text("""
    INSERT INTO events (authority_id, journal_no, seq, type, bin_id, site_id, material, mass_g, occurred_at,
                        is_estimated, received_at, recorded_at, content_digest)
    SELECT 7, 99, :seq, 'emptying', :bin_id, site_id, 'glass', :mass_g, :at, false, :at, :at, '\\x00'
      FROM sites WHERE authority_id = 7 AND reference = :site
""")


def day(written):
    return datetime.date.fromisoformat(written)


@pytest.fixture
def connection(database):
    with database.engine().connect() as connection:
        yield connection


@pytest.fixture
def town(connection, keyring):
    """Sites A (Saint-Denis) and B (Aubervilliers) have had bins for long; C has one since March, D has none."""
    town = build_town(connection, keyring)
    planned = [NewSite(name, "93066", name, 48.9, 2.3) for name in ("C", "D")]
    added = add_sites(connection, planned, authority_id=7)
    since_march = datetime.datetime(2026, 3, 15, 12, tzinfo=datetime.UTC)
    add_bins(connection, [NewBin("C-0001", added["C"], since_march, 3000)], authority_id=7, now=since_march)
    return town


def choose(connection, now, **asked):
    asked = EffectAsked(**{"material": "glass", "last_day": LAST, **asked})
    return {site.reference: site.equipped_on for site in choose_sites(connection, asked, **AUTHORITY, now=now)}


def read(connection, now, **asked):
    question = EffectAsked(**{"material": "glass", "last_day": LAST, **asked})
    chosen = choose_sites(connection, question, **AUTHORITY, now=now)
    return read_panel(connection, question, chosen, **AUTHORITY)


def months_of(panel, name):
    return next(site.months for site in panel.sites if site.site == name)


def test_roll_out_comes_from_the_first_bin_of_each_site(connection, town, now):
    found = choose(connection, now)
    assert found["C"] == day("2026-03-15")
    assert found["D"] is None
    assert found["A"] is not None
    # Of a time before March site C was not yet equipped.
    assert choose(connection, now, last_day=day("2026-03-01"))["C"] is None


def test_day_the_scheme_began_stands_over_placements(connection, town, now):
    start = day("2026-02-01")
    asked = {"equipped_from": start, "equipped": ["93066"], "control": ["93001"]}
    assert choose(connection, now, **asked) == {"A": start, "B": None, "C": start, "D": start}
    # Without a control named, everybody else is one, bin or not.
    assert choose(connection, now, equipped_from=start, equipped=["C"]) == {"A": None, "B": None, "C": start, "D": None}


def test_sites_with_a_bin_are_no_control_unless_a_day_is_named(connection, town, now):
    assert choose(connection, now, equipped=["C"]) == {"C": day("2026-03-15"), "D": None}
    with pytest.raises(SiteOnBothSidesError, match="site A"):
        choose(connection, now, equipped=["C"], control=["A"])


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"first_day": day("2026-11-01")}, PeriodReversedError),
        ({"last_day": day("2027-01-01")}, PeriodToComeError),
        ({"equipped_from": day("2026-11-02")}, StartOutsidePeriodError),
        ({"first_day": day("2026-05-01"), "equipped_from": day("2026-05-01")}, StartOutsidePeriodError),
        ({"material": "gold"}, MaterialUnknownError),
        ({"equipped": ["Z"]}, SiteReferenceUnknownError),
        ({"control": ["75056"]}, SiteReferenceUnknownError),
        ({"equipped": ["A"], "control": ["93066"], "equipped_from": day("2026-05-01")}, SiteOnBothSidesError),
    ],
)
def test_question_without_sense_is_refused(connection, town, now, asked, error):
    with pytest.raises(error):
        choose(connection, now, **asked)


def drop(connection, town, days, *, site="A", bin_no=0, items=4, mass_g=None, material="glass"):
    """Drop items on days; mass_g None is a bin that does not weigh."""
    values = {"bin_id": town.bin_ids[bin_no], "site": site, "items": items, "mass_g": mass_g, "material": material}
    connection.execute(DROP, [{**values, "day": day(each) if isinstance(each, str) else each} for each in days])


def test_day_without_deposits_counts_unless_it_lies_in_a_silence(connection, town, now):
    drop(connection, town, ["2026-05-01", "2026-05-04", "2026-05-20", "2026-05-27"])
    # 1 to 4 May; 20 May, behind sixteen days nobody knows of; 21 to 27 May.
    assert months_of(read(connection, now), "A") == {day("2026-05-01"): SiteMonth(16, 4 + 1 + 7)}
    # Something else dropped there says that the site reports.
    drop(connection, town, ["2026-05-10"], material="plastic", mass_g=100)
    assert months_of(read(connection, now), "A") == {day("2026-05-01"): SiteMonth(16, 4 + 6 + 1 + 7)}


def test_day_on_which_a_bin_was_heard_is_known(connection, town, now):
    drop(connection, town, ["2026-05-01", "2026-05-20"])
    heard = {"bin_id": town.bin_ids[0], "day": day("2026-05-12")}
    connection.execute(
        text("""INSERT INTO bin_days (authority_id, day, bin_id, heard_hours, told_hours, full_hours)
                VALUES (7, :day, :bin_id, 1, 0, 0)"""),
        heard,
    )
    assert months_of(read(connection, now), "A")[day("2026-05-01")].days == 3


def test_grams_of_a_site_that_weighs_else_items_and_never_both(connection, town, now):
    drop(connection, town, ["2026-05-01"], mass_g=900)
    drop(connection, town, ["2026-05-02"], site="B", bin_no=1, mass_g=900)
    drop(connection, town, ["2026-05-03"], site="B", bin_no=1)
    panel = read(connection, now)
    assert months_of(panel, "A")[day("2026-05-01")].mass_g == 900
    assert months_of(panel, "B")[day("2026-05-01")].mass_g == 8
    # What a bin weighed at nothing is weighed; a day of which part was not weighed is not, whatever the rest weighed.
    drop(connection, town, ["2026-05-02"], mass_g=0)
    assert months_of(read(connection, now), "A")[day("2026-05-01")].mass_g == 900
    connection.execute(text("UPDATE daily_deposits SET unweighed_items = 1 WHERE mass_g = 900"))
    assert months_of(read(connection, now), "A")[day("2026-05-01")].mass_g == 8


@given(st.dates(day("2024-01-01"), LAST), st.integers(0, 500))
def test_part_of_a_month_is_compared_with_the_same_part(first, length):
    days = Days(first, min(first + length * ONE_DAY, LAST))
    for year in (-1, 0, 1):
        same = days.last_day.replace(year=days.last_day.year + year, day=min(days.last_day.day, 28))
        behind = (same.replace(day=28) + 4 * ONE_DAY).replace(day=1) - ONE_DAY
        if days.cuts_last and behind.day > days.last_day.day:
            assert not days.hold(behind)


def test_statement_and_rule_agree_on_the_days_compared(connection, town, now):
    first, last = day("2025-03-20"), day("2026-10-12")
    drop(connection, town, [first - 40 * ONE_DAY + number * ONE_DAY for number in range(640)])
    panel = read(connection, now, first_day=first, last_day=last, source="counted")
    known = [first + number * ONE_DAY for number in range((last - first).days + 1)]
    days = Days(first, last)
    expected = {}
    for each in known:
        if days.hold(each):
            expected[each.replace(day=1)] = expected.get(each.replace(day=1), 0) + 1
    assert {month: taken.days for month, taken in months_of(panel, "A").items()} == expected
    assert expected[day("2025-10-01")] == expected[day("2026-10-01")] == 12
    assert expected[day("2025-03-01")] == expected[day("2026-03-01")] == 12


def test_weighing_is_spread_over_the_days_since_the_emptying_before():
    emptyings = [(day("2026-01-30"), 500), (day("2026-02-03"), 400), (day("2026-02-05"), None), (day("2026-02-06"), 70)]
    spread = spread_emptyings(emptyings)
    assert spread[day("2026-01-31")] == spread[day("2026-02-03")] == 100
    assert day("2026-01-30") not in spread
    assert day("2026-02-05") not in spread
    assert spread[day("2026-02-06")] == 70
    months = sum_months([emptyings], MonthsHeld(Days(day("2026-01-01"), day("2026-02-28"))))
    assert months == {day("2026-01-01"): SiteMonth(100, 1), day("2026-02-01"): SiteMonth(370, 4)}


def test_day_counts_when_it_is_known_of_every_bin_that_stands_there():
    one = [(day("2026-01-01"), 1), (day("2026-01-11"), 1000)]
    other = [(day("2026-01-01"), 1), (day("2026-01-06"), None), (day("2026-01-11"), 500)]
    months = sum_months([one, other], MonthsHeld(Days(day("2026-01-01"), day("2026-01-31"))))
    # What came into the other bin until the 6th was not weighed: those days are known of one bin alone.
    assert months == {day("2026-01-01"): SiteMonth(500 + 500, 5)}


def test_emptyings_that_were_weighed_stand_before_counts_where_they_can_be_compared(connection, town, now):
    drop(connection, town, ["2026-05-01"])
    for number, each in enumerate(["2026-04-30", "2026-05-20"]):
        at = datetime.datetime.fromisoformat(f"{each}T10:00:00Z")
        connection.execute(
            EMPTY, {"seq": number + 1, "bin_id": town.bin_ids[0], "site": "A", "mass_g": 60_000, "at": at}
        )
    weighed = read(connection, now)
    assert (weighed.source, months_of(weighed, "A")) == ("weighed", {day("2026-05-01"): SiteMonth(60_000, 20)})
    assert read(connection, now, source="counted").source == "counted"
    # Counts that can be compared stand before weighings that cannot.
    start = day("2026-06-01")
    for site, bin_no in (("A", 0), ("B", 1)):
        drop(connection, town, ["2026-05-12", "2026-07-12"], site=site, bin_no=bin_no)
    assert read(connection, now, equipped_from=start, equipped=["A"], control=["B"]).source == "counted"


def test_tonnages_of_sites_are_spread_over_their_days_and_missing_is_not_zero(connection, town, now):
    site_id = connection.scalar(text("SELECT site_id FROM sites WHERE authority_id = 7 AND reference = 'D'"))
    for first, last, mass_g in (
        ("2026-04-16", "2026-05-15", 3_000_000),
        ("2026-07-01", "2026-07-31", 0),
        ("2025-01-01", "2025-12-31", 99_000_000),
    ):
        connection.execute(
            text("""INSERT INTO tonnages (authority_id, level, place, stream, first_day, last_day, mass_g, source,
                                          imported_at)
                    VALUES (7, 'site', :place, 'glass', :first, :last, :mass_g, 'weighbridge', :now)"""),
            {"place": str(site_id), "first": day(first), "last": day(last), "mass_g": mass_g, "now": now},
        )
    panel = read(connection, now)
    assert panel.source == "tonnages"
    # A year at once says nothing of its months.
    assert months_of(panel, "D") == {
        day("2026-04-01"): SiteMonth(1_500_000, 15),
        day("2026-05-01"): SiteMonth(1_500_000, 15),
        day("2026-07-01"): SiteMonth(0, 31),
    }


def test_sites_of_another_authority_are_nobodys(connection, keyring, town, now):
    build_town(connection, keyring, authority_id=8, slug="other")
    drop(connection, town, ["2026-05-01"])
    asked = EffectAsked("glass", LAST)
    of_other = {"authority_id": 8, "timezone": PARIS}
    chosen = choose_sites(connection, asked, **of_other, now=now)
    assert [site.reference for site in chosen] == ["A", "B"]
    panel = read_panel(connection, asked, chosen, **of_other)
    assert panel.months == []
