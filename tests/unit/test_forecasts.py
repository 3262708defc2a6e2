"""When a bin will be full: from levels alone."""

import datetime
from statistics import linear_regression

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.forecasts import Forecast, forecast_full

START = datetime.datetime(2026, 11, 1, 6, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def told(*levels_pct: int):
    """Return one level a day."""
    return [(START + place * DAY, level_pct) for place, level_pct in enumerate(levels_pct)]


def test_a_bin_that_rises_ten_percent_a_day_is_full_when_they_come_to_a_hundred():
    full_at = START + 10 * DAY
    assert forecast_full(told(0, 10, 20, 30)) == Forecast(full_at, full_at, full_at)


def test_only_levels_since_the_last_emptying_count():
    """A fall of a few percent is no emptying: it stays in the same filling."""
    steep = told(10, 50, 90, 5, 15, 25, 23, 35, 45)
    found = forecast_full(steep)
    assert isinstance(found, Forecast)
    assert 14 * DAY < found.likely_at - START < 16 * DAY
    assert found.earliest_at <= found.likely_at <= found.latest_at


def test_one_wrong_reading_moves_a_forecast_less_than_it_moves_a_straight_line():
    right, wrong = told(0, 10, 20, 30, 40, 50, 60), told(0, 10, 20, 30, 40, 54, 60)
    wrong[0] = (START, 12)
    straight, found = forecast_full(right), forecast_full(wrong)
    assert isinstance(straight, Forecast)
    assert isinstance(found, Forecast)
    assert abs(found.likely_at - straight.likely_at) < DAY / 2
    days, levels_pct = zip(*((at.timestamp() / 86400, pct) for at, pct in wrong), strict=True)
    fitted = linear_regression(days, levels_pct)
    assert 40 / fitted.slope - 4 > 2 * abs(found.likely_at - straight.likely_at) / DAY


@pytest.mark.parametrize(
    ("levels_pct", "reason"),
    [
        ((), "nothing_told"),
        ((10,), "too_few_levels"),
        ((80, 90, 5, 15), "too_few_levels"),
        ((40, 40, 40), "not_rising"),
        ((50, 48, 46), "not_rising"),
    ],
)
def test_where_nothing_can_be_said_the_reason_is(levels_pct: tuple[int, ...], reason: str):
    assert forecast_full(told(*levels_pct)) == reason


def test_a_bin_that_hardly_fills_is_beyond_a_year():
    levels = [(START + place * 50 * DAY, place) for place in range(4)]
    assert forecast_full(levels) == "beyond_a_year"


def test_a_full_bin_is_full_since_it_said_so():
    found = forecast_full(told(90, 100))
    assert found == Forecast(START + DAY, START + DAY, START + DAY)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 100)), max_size=12))
def test_whatever_bins_tell_there_is_a_forecast_in_order_or_a_reason(pairs: list[tuple[int, int]]):
    levels = [(START + datetime.timedelta(seconds=at_s), level_pct) for at_s, level_pct in sorted(pairs)]
    found = forecast_full(levels)
    if isinstance(found, Forecast):
        assert found.earliest_at <= found.likely_at <= (found.latest_at or found.likely_at)
        assert found.earliest_at >= levels[-1][0]
