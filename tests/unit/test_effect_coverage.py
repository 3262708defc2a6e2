"""On territories whose truth is known the interval holds it; what is often done instead does not."""

from bontri.effect_trials.coverage import try_often
from simulators.territory import TerritoryPlan, simulate_territory


def test_interval_holds_the_truth_and_the_usual_mistakes_do_not():
    coverage = try_often(TerritoryPlan(0.2), repetitions=100, seed=1)
    shown = coverage.as_dict()
    assert coverage.is_kept
    assert shown["measured"]["held"] >= 93
    assert shown["measured"]["power"] > 0.9
    # The controls of this guard: it fails a naive comparison, and intervals that take each month for news.
    mistakes = shown["usual_mistakes"]
    assert mistakes["before_and_after"]["held"] < 93
    assert mistakes["regression_over_site_months"]["held"] < 93
    assert mistakes["regression_over_site_months"]["mean_width_points"] < shown["measured"]["mean_width_points"]


def test_territories_are_the_same_for_the_same_seed():
    plan = TerritoryPlan(0.05, sites=6)
    assert simulate_territory(plan, seed=3) == simulate_territory(plan, seed=3)
    assert simulate_territory(plan, seed=3) != simulate_territory(plan, seed=3, repetition=1)
