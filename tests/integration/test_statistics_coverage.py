"""What is missing is told: a month in which one commune did not report is no fall, and missing is never zero."""

import datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from rewards.fleet.placing import move_bin
from rewards.fleet.refusals import BinMissingError, SiteMissingError
from rewards.shop_register import CommuneUnknownError
from rewards.statistics.figures import (
    FiguresTooManyError,
    Missing,
    Question,
    get_figures,
    is_like_for_like,
    period_of,
)
from rewards.statistics.figures.comparing import Unlike, compare_with_year_before, key_of, year_before
from rewards.statistics.periods import LongPeriod, PeriodReversedError, PeriodToComeError, PeriodTooLongError
from rewards.statistics.unit_masses import MaterialUnknownError
from tests.factories import build_town, deposit

SEPTEMBER, LAST = datetime.date(2026, 9, 1), datetime.date(2026, 11, 30)
DROP = text("""
    INSERT INTO daily_deposits (authority_id, day, bin_id, site_id, material, deposits, credited_deposits, items,
                                mass_g, refused, points, unweighed_items)
    SELECT 7, CAST(:day AS date), :bin_id, site_id, 'glass', 1, 0, 20, 0, 0, 0, 20 FROM sites WHERE reference = 'A'
""")
HEAR_OF = text("""
    INSERT INTO bin_days (authority_id, day, bin_id, heard_hours, told_hours, full_hours)
    SELECT 7, CAST(days.day AS date), :bin_id, 1, 0, 0
      FROM generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') AS days (day)
    ON CONFLICT DO NOTHING
""")
NAP = datetime.timedelta(days=1)


@pytest.fixture
def connection(database):
    with database.engine().connect() as connection:
        yield connection


@pytest.fixture
def town(connection, keyring, now):
    """Both bins report in September and November; that of Aubervilliers is silent in October."""
    town = build_town(connection, keyring)
    for month, bin_no, items in ((9, 0, 10), (9, 1, 30), (10, 0, 11), (11, 0, 12), (11, 1, 8)):
        deposit(connection, town, badge=None, items=items, now=now.replace(month=month), bin_no=bin_no)
    hear(connection, town.bin_ids[0], "2026-08-01", "2026-11-21")
    hear(connection, town.bin_ids[1], "2026-08-01", "2026-09-30")
    hear(connection, town.bin_ids[1], "2026-11-01", "2026-11-21")
    return town


def hear(connection, bin_id, first, last):
    """Let a bin report every day."""
    connection.execute(HEAR_OF, {"bin_id": bin_id, "first": first, "last": last})


def ask(connection, town, *, now, first=SEPTEMBER, last=LAST, by="month", **asked):
    question = Question(period_of(by, first, last), by, **asked)
    return get_figures(connection, question, authority_id=town.authority_id, timezone=town.timezone, now=now)


def told(cells, *names):
    return [tuple(cell.figures[name] for name in names) for cell in cells]


def test_month_without_one_commune_is_no_fall(connection, town, now):
    found = ask(connection, town, now=now)
    _, october, november = found.cells
    assert told(found.cells, "items", "kg_total") == [(40, 12), (11, Decimal("3.3")), (20, 6)]
    assert [cell.is_complete for cell in found.cells] == [True, False, False]
    assert (october.coverage.communes_missing, october.coverage.sites_missing) == (("93001",), 1)
    assert (october.coverage.bins, october.coverage.bins_reporting) == (2, 1)
    assert november.step.is_partial
    assert november.coverage.is_whole
    [total] = found.totals
    assert (total.figures["items"], total.is_complete, total.coverage.communes_missing) == (71, False, ("93001",))
    [missing] = found.missing_bins
    assert (missing.bin_id, missing.site, missing.insee_code, missing.steps) == (
        town.bin_ids[1],
        "B",
        "93001",
        ("2026-10",),
    )


def test_only_complete_cells_of_the_same_bins_are_compared(connection, town, now):
    august = ask(connection, town, now=now, first=SEPTEMBER - NAP).cells[0]
    september, october, _ = ask(connection, town, now=now).cells
    deposit(connection, town, badge=None, now=now.replace(month=10), bin_no=1)
    hear(connection, town.bin_ids[1], "2026-10-01", "2026-10-31")
    _, mended, _ = ask(connection, town, now=now).cells
    assert is_like_for_like(september, mended)
    assert not is_like_for_like(september, october)
    assert not is_like_for_like(august, mended), "a month cut by the period is no month"


def test_missing_is_not_zero_and_zero_not_missing(connection, town, now):
    by_commune = {"level": "commune", "first": datetime.date(2026, 10, 1), "last": datetime.date(2026, 10, 31)}
    silent, _ = ask(connection, town, now=now, **by_commune).cells
    assert silent.place.insee_code == "93001"
    assert told([silent], "items", "kg_per_inhabitant_year") == [(Missing.NOTHING_REPORTED,) * 2]
    # Heard, and nothing dropped: that is a zero.
    hear(connection, town.bin_ids[1], "2026-10-01", "2026-10-31")
    heard, _ = ask(connection, town, now=now, **by_commune).cells
    assert told([heard], "items", "kg_total", "kg_per_inhabitant_year") == [(0, 0, 0)]
    assert heard.is_complete
    [paper] = ask(connection, town, now=now, **by_commune | {"level": "authority"}, material="plastic").cells
    assert told([paper], "deposits") == [(0,)], "a bin that speaks of glass has reported no plastic"
    before = {"first": datetime.date(2025, 11, 1), "last": datetime.date(2025, 11, 30)}
    [nobody] = ask(connection, town, now=now, **before).cells
    assert told([nobody], "items", "inhabitants_per_bin") == [(Missing.NO_BIN, Missing.NO_BIN)]
    assert not nobody.is_complete


def test_year_hides_no_silent_month(connection, town, now):
    found = ask(connection, town, now=now, by="year", level="commune", first=SEPTEMBER, last=LAST)
    silent, well = found.cells
    assert (silent.coverage.bins_missing, silent.coverage.silent_steps) == (1, ("2026-10",))
    assert (well.coverage.bins_missing, well.coverage.silent_steps) == (0, ())


def test_bin_that_was_moved_is_missed_nowhere_it_did_not_stand_a_whole_day(connection, town, now):
    at = datetime.datetime(2026, 11, 1, 7, tzinfo=datetime.UTC)
    move_bin(connection, town.bin_ids[1], to="A", authority_id=town.authority_id, at=at)
    deposit(connection, town, badge=None, now=now, bin_no=1)
    november = {"first": datetime.date(2026, 11, 1), "level": "site"}
    found = ask(connection, town, now=now, **november)
    assert [cell.place.site for cell in found.cells] == ["A", "B"], "what was dropped at B before stays with B"
    assert [cell.coverage.bins_missing for cell in found.cells] == [0, 0]
    [whole] = ask(connection, town, now=now, first=datetime.date(2026, 11, 1)).cells
    assert whole.coverage.bins == 2, "moved within the step, and counted once"


def test_bins_in_test_and_bins_revoked_are_not_missed(connection, town, now):
    for state, bins in (("test", 1), ("revoked", 1)):
        connection.execute(
            text("UPDATE bins SET state = :state WHERE bin_id = :bin_id"), {"state": state, "bin_id": town.bin_ids[1]}
        )
        october = ask(connection, town, now=now).cells[1]
        assert (october.coverage.bins, october.is_complete) == (bins, True)


def test_performance_is_of_the_communes_with_bins_and_as_for_a_year(connection, town, now):
    september, _, november = ask(connection, town, now=now).cells
    assert (september.population.population, september.population.years) == (200_000, (2023,))
    assert told([september], "kg_per_inhabitant_year") == [
        ((Decimal(12) * 365 / 200_000 / 30).quantize(Decimal("0.001")),)
    ]
    assert november.step.days == 21, "days that have begun"
    [site, *_] = ask(connection, town, now=now, level="site").cells
    assert site.missing["kg_per_inhabitant_year"] == Missing.POPULATION_UNKNOWN


def test_commune_without_a_population_leaves_the_sum_open(connection, town, now):
    connection.execute(text("DELETE FROM populations WHERE insee_code = '93001'"))
    [whole] = ask(connection, town, now=now, last=datetime.date(2026, 9, 30)).cells
    assert told([whole], "kg_total", "kg_per_inhabitant_year") == [(12, Missing.POPULATION_UNKNOWN)]
    assert whole.population.without == ("93001",)
    by_commune = ask(connection, town, now=now, last=datetime.date(2026, 9, 30), level="commune").cells
    assert [each.figures["kg_per_inhabitant_year"] == Missing.POPULATION_UNKNOWN for each in by_commune] == [
        True,
        False,
    ]


def test_points_that_left_wallets_are_of_the_whole_authority(connection, town, now):
    whole = ask(connection, town, now=now).cells[0]
    assert told([whole], "points_issued", "points_redeemed", "points_expired") == [(0, 0, 0)]
    commune = ask(connection, town, now=now, level="commune").cells[0]
    assert commune.missing["points_redeemed"] == Missing.NOT_OF_A_PLACE
    glass = ask(connection, town, now=now, material="glass").cells[0]
    assert glass.missing["points_redeemed"] == Missing.NOT_OF_A_MATERIAL


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        (PeriodToComeError, {"first": datetime.date(2027, 1, 1), "last": datetime.date(2027, 2, 1)}),
        (PeriodReversedError, {"first": LAST, "last": SEPTEMBER}),
        (PeriodTooLongError, {"first": datetime.date(2010, 1, 1)}),
        (PeriodTooLongError, {"first": datetime.date(2025, 9, 1), "by": "day"}),
        (CommuneUnknownError, {"insee_code": "75056"}),
        (SiteMissingError, {"site": "Z"}),
        (BinMissingError, {"bin_id": "BIN-0000-Z"}),
        (MaterialUnknownError, {"material": "wood"}),
    ],
)
def test_question_that_makes_no_sense_is_refused(connection, town, now, refusal, asked):
    with pytest.raises(refusal):
        ask(connection, town, now=now, **asked)


def test_too_many_cells_are_refused_before_anything_is_summed(connection, town, now, monkeypatch):
    monkeypatch.setattr("rewards.statistics.figures.questions.CELLS_MAX", 6)
    assert len(ask(connection, town, now=now, level="commune").cells) == 6
    with pytest.raises(FiguresTooManyError, match="8 cells"):
        ask(connection, town, now=now, level="commune", first=SEPTEMBER - NAP)


def test_five_years_by_month_are_shown(connection, town, now):
    assert isinstance(period_of("month", datetime.date(2021, 1, 1), LAST), LongPeriod)
    found = ask(connection, town, now=now, first=datetime.date(2021, 1, 1))
    assert len(found.cells) == 71


def test_month_is_compared_with_that_of_a_year_before_only_where_like_is_like(connection, town, now):
    connection.execute(text("UPDATE placements SET placed_at = '2025-01-01'"))
    for day in ("2025-09-05", "2025-10-05"):
        connection.execute(DROP, {"day": day, "bin_id": town.bin_ids[0]})
    for bin_id in town.bin_ids:
        hear(connection, bin_id, "2025-09-01", "2025-11-30")
    found = ask(connection, town, now=now)
    compared = compare_with_year_before(
        connection, found, authority_id=town.authority_id, timezone=town.timezone, now=now
    )
    september, october, november = (compared[key_of(cell)] for cell in found.cells)
    assert (september.before.step.name, september.change_pct, september.reason) == ("2025-09", Decimal("100.0"), None)
    assert (october.change_pct, october.reason) == (None, Unlike.NOT_COMPLETE)
    assert november.reason == Unlike.NOT_COMPLETE
    assert compared[-1, "", None].reason == Unlike.NOT_COMPLETE
    connection.execute(text("UPDATE placements SET placed_at = '2026-01-01' WHERE bin_id = :b"), {"b": town.bin_ids[1]})
    connection.execute(text("DELETE FROM bin_days WHERE bin_id = :b AND day < '2026-01-01'"), {"b": town.bin_ids[1]})
    again = compare_with_year_before(connection, found, authority_id=7, timezone=town.timezone, now=now)
    assert again[key_of(found.cells[0])].reason == Unlike.OTHER_BINS


@pytest.mark.parametrize(
    ("day", "is_last", "before"),
    [
        ("2025-02-28", True, "2024-02-29"),
        ("2024-02-29", True, "2023-02-28"),
        ("2024-02-29", False, "2023-02-28"),
        ("2026-10-31", True, "2025-10-31"),
    ],
)
def test_end_of_february_stays_the_end_of_february(day, is_last, before):
    assert year_before(datetime.date.fromisoformat(day), is_last=is_last) == datetime.date.fromisoformat(before)
