"""Which deposits are suspicious."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.suspicion import NO_REVIEWS, ReviewRules, suspicion_of

LIMITS = st.none() | st.integers(1, 200)


@pytest.mark.parametrize(
    ("rules", "items", "mass_g", "is_clock_doubtful", "expected"),
    [
        (ReviewRules(over_items=100), 100, None, False, None),
        (ReviewRules(over_items=100), 101, None, False, "large_deposit"),
        (ReviewRules(over_mass_g=5_000), 1, 5_000, False, None),
        (ReviewRules(over_mass_g=5_000), 1, 5_001, False, "large_deposit"),
        (ReviewRules(over_items=100), None, None, True, None),
        (ReviewRules(holds_doubtful_clocks=True), 1, None, True, "doubtful_clock"),
        (ReviewRules(over_items=100, holds_doubtful_clocks=True), 101, None, True, "large_deposit"),
    ],
)
def test_a_deposit_is_held_by_the_first_rule_it_breaks(rules, items, mass_g, is_clock_doubtful, expected):
    assert suspicion_of(rules, items=items, mass_g=mass_g, is_clock_doubtful=is_clock_doubtful) == expected


@given(st.integers(0, 200), st.none() | st.integers(1, 2_000_000), st.booleans())
def test_an_authority_without_rules_holds_nothing(items, mass_g, is_clock_doubtful):
    assert not NO_REVIEWS.is_any
    assert suspicion_of(NO_REVIEWS, items=items, mass_g=mass_g, is_clock_doubtful=is_clock_doubtful) is None


@given(st.builds(ReviewRules, LIMITS, LIMITS, st.booleans()), st.integers(0, 199), st.integers(0, 199), st.booleans())
def test_more_in_one_deposit_is_never_less_suspicious(rules, items, mass_g, is_doubtful):
    less = suspicion_of(rules, items=items, mass_g=mass_g, is_clock_doubtful=is_doubtful)
    more = suspicion_of(rules, items=items + 1, mass_g=mass_g + 1, is_clock_doubtful=is_doubtful)
    assert less in {None, more} or more == "large_deposit"
