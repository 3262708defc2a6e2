"""Ratios, drift, factors and noise: what weighed and counted grams say of a bin."""

import decimal
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.mass_balance.arithmetic import (
    FACTOR_HIGHEST,
    FACTOR_LOWEST,
    Weighing,
    direction_of,
    drift_of,
    factor_of,
    false_alarm_share,
    noise_of,
)

RATIOS = st.lists(st.floats(0.01, 100), min_size=5, max_size=9)


def test_drift_is_the_median_of_the_newest_rounds_and_needs_three() -> None:
    assert drift_of([9.0, 1.0]) is None
    assert drift_of([9.0, 1.0, 1.1]) == 1.1
    assert drift_of([9.0, 1.0, 1.1, 50.0]) == 1.1
    assert drift_of([9.0, 1.0, 1.1, 0.1, 0.9, 50.0, 50.0]) == 1.0


@given(RATIOS, st.sampled_from([0.0001, 10_000.0, math.inf]))
def test_one_odd_round_never_takes_drift_beyond_what_the_others_say(ratios: list[float], odd: float) -> None:
    others = ratios[1:5]
    drift = drift_of([odd, *ratios[1:]])
    assert drift is not None
    assert min(others) <= drift <= max(others)


@given(st.floats(0.01, 100), st.integers(10, 400))
def test_both_directions_are_the_same_distance_away(drift: float, over_percent: int) -> None:
    opposite = {"weighed_more": "counted_more", "counted_more": "weighed_more", None: None}
    limit = 1 + over_percent / 100
    if abs(math.log(drift)) != pytest.approx(math.log(limit)):
        found = direction_of(drift, over_percent=over_percent)
        assert direction_of(1 / drift, over_percent=over_percent) == opposite[found]


def test_a_bin_that_counts_nothing_weighs_infinitely_more() -> None:
    assert Weighing(0, 50_000).ratio == math.inf
    assert direction_of(Weighing(0, 50_000).ratio, over_percent=400) == "weighed_more"


def test_a_factor_is_of_all_rounds_together_and_refused_when_they_do_not_carry_it() -> None:
    assert factor_of([Weighing(50_000, 40_000), Weighing(50_000, 50_000)]) == "rounds_too_few"
    assert factor_of([Weighing(30_000, 33_000)] * 3) == "kilograms_too_few"
    assert factor_of([Weighing(100_000, 120_000), Weighing(200_000, 150_000), Weighing(10_000, 9_000)]) == (
        decimal.Decimal("0.9000")
    )
    assert factor_of([Weighing(0, 100_000)] * 3) == "factor_absurd"
    assert factor_of([Weighing(1_000_000, 199_000)] * 3) == "factor_absurd"
    assert factor_of([Weighing(100_000, 500_100)] * 3) == "factor_absurd"


@given(st.lists(st.builds(Weighing, st.integers(0, 2_000_000), st.integers(1, 2_000_000)), max_size=30))
def test_a_factor_multiplies_what_was_counted_to_what_was_weighed(weighings: list[Weighing]) -> None:
    factor = factor_of(weighings)
    if isinstance(factor, decimal.Decimal):
        assert FACTOR_LOWEST <= factor <= FACTOR_HIGHEST
        counted_g = sum(each.counted_g for each in weighings)
        weighed_g = sum(each.weighed_g for each in weighings)
        assert abs(counted_g * factor - weighed_g) <= counted_g * decimal.Decimal("0.00005")


def test_noise_is_found_beside_drift_and_odd_rounds() -> None:
    chance = random.Random(7)
    honest = [[chance.lognormvariate(math.log(level), 0.15) for _ in range(5)] for level in (0.5, 1, 1, 2) * 100]
    assert noise_of(honest) == pytest.approx(0.15, rel=0.1)
    assert noise_of([[*ratios, math.inf, 9.0] for ratios in honest]) == pytest.approx(0.15, rel=0.35)
    assert noise_of([[1.0]]) is None


@pytest.mark.parametrize(("over_percent", "noise"), [(40, 0.25), (20, 0.15), (100, 0.5)])
def test_false_alarms_come_as_often_as_reckoned(over_percent: int, noise: float) -> None:
    chance = random.Random(11)
    looks = 20_000
    alarms = sum(
        direction_of(drift_of([chance.lognormvariate(0, noise) for _ in range(5)]) or 1, over_percent=over_percent)
        is not None
        for _ in range(looks)
    )
    assert alarms / looks == pytest.approx(false_alarm_share(over_percent=over_percent, noise=noise), rel=0.15)


def test_what_the_page_says_of_false_alarms() -> None:
    """docs/statistics.md, "Counted and weighed": the threshold and what it costs."""
    shares = {
        (percent, noise): false_alarm_share(over_percent=percent, noise=noise)
        for percent in (20, 40)
        for noise in (0.10, 0.15, 0.20)
    }
    assert shares[40, 0.15] < 5e-5
    assert false_alarm_share(over_percent=40, noise=0.0) == 0
