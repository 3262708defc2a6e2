"""The effect of equipping sites: what is compared, by which interval, and what is said when something is lacking."""

import datetime
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rewards.statistics.effect import sentences
from rewards.statistics.effect.estimate import Samples, compare_by_welch
from rewards.statistics.effect.measuring import measure_effect
from rewards.statistics.effect.panel import Panel, PanelSite, SiteMonth
from rewards.statistics.effect.permutation import compare_by_permutation, count_assignments, list_assignments
from rewards.statistics.effect.showing import show_verdict
from rewards.statistics.effect.verdict import Effect, Measured, NotMeasurable
from simulators.territory import TerritoryPlan, list_months, simulate_territory

FIRST = datetime.date(2025, 1, 1)
START = datetime.date(2026, 1, 1)
VALUES = st.lists(st.floats(-1, 1), min_size=2, max_size=15)


def site(name, *, equipped_on=None, effect=0.0, level=1000.0, months=18, trend=0.0, skip=(), days=30, zero=()):
    """A site with a season and a little of its own, and an effect from its start on."""
    taken = {}
    for number, month in enumerate(list_months(FIRST, months)):
        is_on = equipped_on is not None and month >= equipped_on
        own = math.exp(0.3 * math.cos(2 * math.pi * month.month / 12) + trend * number / 12)
        if number not in skip:
            grams = level * own * (1 + effect * is_on) * days
            taken[month] = SiteMonth(0 if number in zero else round(grams * 1000), days)
    return PanelSite(name, equipped_on, taken)


def panel(*sites, source="weighed"):
    return Panel("glass", source, sites)


def two_sides(number=12, *, effect=0.2, start=START, **changes):
    """Sites that differ by level and, from year to year, by a few per cent."""
    equipped = [site(f"E{n}", equipped_on=start, effect=effect, level=500 + 90 * n, trend=0.01 * (n % 3), **changes)
                for n in range(number)]  # fmt: skip
    control = [site(f"C{n}", level=700 + 70 * n, trend=0.01 * (n % 3), **changes) for n in range(number)]
    return [*equipped, *control]


def codes(verdict):
    assert isinstance(verdict, NotMeasurable), verdict
    return [reason.code for reason in verdict.reasons]


@given(VALUES, VALUES)
@settings(max_examples=50, deadline=None)
def test_interval_of_one_wave_is_welchs(equipped, control):
    values = np.array([[*equipped, *control]])
    if np.std(equipped) < 1e-6 or np.std(control) < 1e-6:
        return
    found = compare_by_welch(Samples(values, np.array([0] * len(equipped) + [-1] * len(control))))
    other = stats.ttest_ind(equipped, control, equal_var=False)
    interval = other.confidence_interval(0.95)
    assert (found.low, found.high, found.p_value) == pytest.approx((interval.low, interval.high, other.pvalue), 1e-9)


def test_effect_is_found_to_the_last_digit_where_there_is_no_noise_whatever_the_season():
    verdict = measure_effect(panel(*two_sides()))
    assert isinstance(verdict, Measured)
    assert verdict.effect.percent == pytest.approx(20, abs=1e-4)
    assert verdict.effect.low_percent < 20 < verdict.effect.high_percent
    assert (verdict.method, verdict.effect.direction) == ("welch", "rise")
    assert verdict.waves[0].calendar_months == (1, 2, 3, 4, 5, 6)


def test_month_nothing_is_known_of_is_no_month_without_glass():
    silent = [site("silent", equipped_on=START, effect=0.2, skip=(14, 15)), *two_sides()]
    assert measure_effect(panel(*silent)).effect.percent == pytest.approx(20, abs=0.2)
    # The control: taken for zeros, two silent months of one site look like an effect that is gone.
    zero = [site("silent", equipped_on=START, effect=0.2, zero=(14, 15)), *two_sides()]
    assert measure_effect(panel(*zero)).effect.percent < 18


def test_kilograms_are_divided_by_the_days_that_reported():
    half = [site("half", equipped_on=START, effect=0.2, days=11), *two_sides()]
    assert measure_effect(panel(*half)).effect.percent == pytest.approx(20, abs=0.2)


def test_month_in_which_a_site_was_equipped_is_on_neither_side():
    sites = two_sides(start=datetime.date(2026, 1, 15))
    verdict = measure_effect(panel(*sites))
    assert verdict.waves[0].calendar_months == (2, 3, 4, 5, 6)
    assert verdict.effect.percent == pytest.approx(20, abs=1e-4)


def test_waves_are_compared_each_with_its_own_months_and_weigh_by_their_sites():
    later = datetime.date(2026, 3, 1)
    sites = [*two_sides(), *(site(f"L{n}", equipped_on=later, effect=0.2, level=300 + n) for n in range(4))]
    verdict = measure_effect(panel(*sites))
    assert [(wave.start, len(wave.sites), wave.calendar_months) for wave in verdict.waves] == [
        (START, 12, (1, 2, 3, 4, 5, 6)),
        (later, 4, (3, 4, 5, 6)),
    ]
    assert len(verdict.control_sites) == 12
    assert verdict.effect.percent == pytest.approx(20, abs=1)


def test_without_a_control_the_last_to_be_equipped_are_compared_with_until_they_are():
    last = datetime.date(2026, 5, 1)
    equipped = [each for each in two_sides() if each.equipped_on]
    sites = [*equipped, *(site(f"L{n}", equipped_on=last, effect=0.2, level=300 + n) for n in range(12))]
    verdict = measure_effect(panel(*sites))
    assert set(verdict.control_sites) == {f"L{n}" for n in range(12)}
    assert verdict.waves[0].calendar_months == (1, 2, 3, 4)
    assert {each.code for each in verdict.left_out} == {"equipped_last"}
    assert verdict.effect.percent == pytest.approx(20, abs=1.5)


def test_few_sites_are_permuted_and_too_few_are_refused():
    few = [each for each in simulated(0.2, sites=8) if each.months]
    verdict = measure_effect(panel(*few))
    assert isinstance(verdict, Measured)
    assert (verdict.method, verdict.effect.low_percent < verdict.effect.percent) == ("permutation", True)
    too_few = two_sides(3)
    refused = measure_effect(panel(*too_few))
    assert codes(refused) == ["too_few_sites"]
    assert (refused.reasons[0].found, refused.reasons[0].needed) == (20, 40)


def simulated(effect, *, sites):
    plan = TerritoryPlan(effect, sites=sites, roll_out="at-once")
    return [
        PanelSite(each.name, each.equipped_on, {month: SiteMonth(mass, days) for month, mass, days in each.months})
        for each in simulate_territory(plan, seed=4)
    ]


def test_interval_of_a_permutation_holds_what_no_assignment_contradicts():
    rng = np.random.default_rng(3)
    values, labels = rng.normal(0, 0.1, 9), np.array([0] * 4 + [-1] * 5)

    def without(effect):
        return Samples((values - effect * (labels == 0))[None, :], labels)

    found = compare_by_permutation(without)

    def p_of(effect):
        rest = values - effect * (labels == 0)
        gaps = [rest[list(chosen)].mean() - np.delete(rest, chosen).mean()
                for chosen in itertools.combinations(range(9), 4)]  # fmt: skip
        observed = abs(rest[:4].mean() - rest[4:].mean())
        return np.mean(np.abs(gaps) >= observed - 1e-12)

    for end, outwards in ((found.low, -1), (found.high, 1)):
        assert p_of(end - outwards * 0.001) > 0.05 >= p_of(end + outwards * 0.001)
    assert found.p_value == pytest.approx(p_of(0.0))


def test_assignments_are_all_there_are_and_the_one_that_happened_comes_first():
    labels = np.array([0, 0, 1, -1, -1])
    rows = list_assignments(labels)
    assert len(rows) == len(np.unique(rows, axis=0)) == count_assignments(labels) == 30
    assert rows[0].tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("sites", "code"),
    [
        ([], "nothing_recorded"),
        ([site("A", equipped_on=START, months=0)], "nothing_recorded"),
        ([site(f"C{n}") for n in range(9)], "no_equipped_site"),
        ([site(f"E{n}", equipped_on=START) for n in range(20)], "no_control"),
        (two_sides(start=FIRST), "no_months_before"),
        (two_sides(start=datetime.date(2027, 6, 1)), "no_months_after"),
        (two_sides(start=datetime.date(2025, 6, 1), months=8), "no_common_months"),
        (two_sides(months=14), "no_common_months"),
        (two_sides(days=5), "too_few_reporting_days"),
        (two_sides(skip=range(3, 12)), "trend_not_testable"),
        ([*(site(f"E{n}", equipped_on=START, zero=range(18)) for n in range(12)), *two_sides()[12:]],
         "no_equipped_site"),
        ([*two_sides()[:12], *(site(f"C{n}", skip=range(12, 18)) for n in range(12))], "no_control"),
    ],
)  # fmt: skip
def test_what_is_lacking_is_said(sites, code):
    verdict = measure_effect(panel(*sites))
    assert codes(verdict) == [code]
    shown = show_verdict(verdict)
    assert shown["effect"] is None
    assert all("%" not in said for said in shown["sentence"].values())


def test_sites_that_went_their_own_way_before_are_not_compared():
    away = [site(f"E{n}", equipped_on=START, level=500 + n, trend=0.5 + 0.01 * (n % 3)) for n in range(12)]
    verdict = measure_effect(panel(*away, *two_sides()[12:]))
    assert codes(verdict) == ["trends_not_parallel"]
    assert verdict.trend.difference.low_percent > 40
    # The control: their drift alone would have been an effect of more than half as much again.
    found = compare_by_welch(_samples(away, two_sides()[12:]))
    assert math.expm1(found.low) > 0.5


def _samples(equipped, control):
    from rewards.statistics.effect.measuring import Comparison

    return Comparison(panel(*equipped, *control)).samples_without(0.0)


def test_doubtful_trends_are_said_beside_the_effect():
    rng = np.random.default_rng(7)
    doubtful = [site(f"E{n}", equipped_on=START, trend=0.03 + rng.normal(0, 0.05)) for n in range(12)]
    control = [site(f"C{n}", trend=rng.normal(0, 0.05)) for n in range(12)]
    verdict = measure_effect(panel(*doubtful, *control))
    assert isinstance(verdict, Measured)
    assert (verdict.trend.p_value < 0.05) == (verdict.cautions == ("trends_doubtful",))
    said = sentences.say_verdict(verdict, language="en")
    assert ("with care" in said) == bool(verdict.cautions)


def test_sites_left_out_are_named_with_why():
    sites = [*two_sides(), site("gone", equipped_on=START, skip=range(13, 18)), site("none", months=0)]
    left_out = measure_effect(panel(*sites)).left_out
    assert [(each.site, each.code) for each in left_out] == [
        ("gone", "too_few_common_months"),
        ("none", "no_figures"),
    ]


def test_percentage_without_its_interval_cannot_be_said():
    with pytest.raises(TypeError):
        Effect(20.0)
    with pytest.raises(ValueError, match="within its interval"):
        Effect(20.0, 21.0, 30.0)
    shown = show_verdict(measure_effect(panel(*two_sides())))
    assert {"percent", "low_percent", "high_percent"} <= set(shown["effect"])
    for language, said in shown["sentence"].items():
        assert said.count("%") == 4, language


def test_every_code_is_said_in_both_languages():
    for texts in (sentences.REASONS, sentences.LEFT_OUT, sentences.CAUTIONS, sentences.DIRECTIONS):
        for code, said in texts.items():
            assert set(said) == {"fr", "en"}, code
