"""What is advised of sites: never from data that are not complete, and the fuller a site, the sooner."""

import dataclasses
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.languages import LANGUAGES
from rewards.statistics.advice import ADVICE, NO_ADVICE, REASON_NAMES, THRESHOLDS, WHAT_TO_DO, say
from rewards.statistics.advice.ranking import list_beside_others
from rewards.statistics.advice.rules import Levels, Observed, judge_commune, judge_site, rank_by
from rewards.statistics.advice.sentences import SENTENCES, WHY_NONE, write
from rewards.statistics.advice.thresholds import THRESHOLD_NAMES

KNOWN = Levels(told_hours=1000, full_hours=0, told_days=100, emptyings=5)
USUAL = tuple(Fraction(each) for each in (4, 5, 6, 7, 8))
QUIET = Observed(bins=1, bin_days=100, days=100, kilograms=Decimal(500), is_over=True, levels=KNOWN, others=USUAL)
LEVELS = st.builds(
    Levels,
    told_hours=st.integers(0, 9000),
    full_hours=st.integers(0, 9000),
    told_days=st.integers(0, 400),
    emptyings=st.integers(0, 100),
).map(lambda each: dataclasses.replace(each, full_hours=min(each.full_hours, each.told_hours)))
SITES = st.builds(
    Observed,
    bins=st.integers(0, 3),
    bin_days=st.integers(0, 400),
    days=st.integers(1, 400),
    kilograms=st.none() | st.decimals(0, 10_000, places=3),
    is_over=st.booleans(),
    bins_missing=st.integers(0, 2),
    bins_in_between=st.integers(0, 2),
    silent_days=st.integers(0, 30),
    levels=LEVELS,
    is_of_all=st.booleans(),
    others=st.lists(st.fractions(0, 100), max_size=8).map(tuple),
)


def with_levels(seen: Observed, **changed: int) -> Observed:
    return dataclasses.replace(seen, levels=dataclasses.replace(seen.levels, **changed))


@given(SITES)
def test_nothing_is_advised_from_data_that_are_not_complete(seen: Observed):
    told = judge_site(seen)
    assert (told.advice is None) == (told.no_advice is not None)
    assert bool(told.reasons) == (told.advice is not None)
    match told.advice:
        case "move":
            assert seen.is_complete
            assert seen.full_pct is not None
            assert seen.full_pct < 10
            assert seen.days >= 90
        case "empty_earlier" | "add":
            assert seen.levels.told_days >= max(14, 0.8 * seen.bin_days)
        case "repair":
            assert seen.silent_days >= 7 or seen.is_complete
        case None:
            assert told.no_advice != "nothing_to_do" or seen.is_complete


@given(SITES, st.integers(0, 5000))
def test_a_fuller_site_never_loses_its_advice(seen: Observed, more: int):
    fuller = with_levels(seen, full_hours=min(seen.levels.full_hours + more, seen.levels.told_hours))
    before, after = judge_site(seen).advice, judge_site(fuller).advice
    if before in {"add", "empty_earlier"}:
        assert after == before
    if before is not None:
        assert after is not None


@given(SITES, st.decimals(0, 1000, places=3))
def test_a_site_that_takes_more_is_not_moved_sooner(seen: Observed, more: Decimal):
    if seen.kilograms is not None and judge_site(seen).advice is None:
        richer = dataclasses.replace(seen, kilograms=seen.kilograms + more)
        assert judge_site(richer).advice is None


@given(SITES)
def test_every_judgement_has_its_sentence_in_both_languages(seen: Observed):
    assert all(say(judge_site(seen), language) for language in LANGUAGES)


@pytest.mark.parametrize(
    ("seen", "english"),
    [
        (QUIET, "Nothing to do: no threshold is passed."),
        (
            with_levels(QUIET, full_hours=312, emptyings=0),
            "Full 31.2 % of the hours it told its level (threshold 10 %): empty earlier.",
        ),
        (
            with_levels(QUIET, full_hours=100),
            "Full 10 % of the hours it told its level (threshold 10 %), emptied every 20 days: empty earlier.",
        ),
        (
            with_levels(QUIET, full_hours=100, emptyings=16),
            "Full 10 % of the hours it told its level (threshold 10 %), although emptied every 6.25 days: add a bin.",
        ),
        (with_levels(QUIET, full_hours=99), "Nothing to do: no threshold is passed."),
        (
            dataclasses.replace(QUIET, kilograms=Decimal(149)),
            "1.49 kg a bin and day, where the median of the commune is 6 (threshold 1.5): move.",
        ),
        (dataclasses.replace(QUIET, kilograms=Decimal(150)), "Nothing to do: no threshold is passed."),
        (
            dataclasses.replace(QUIET, silent_days=7),
            "A bin gave no sign in the last 7 days (threshold 7): repair.",
        ),
        (
            dataclasses.replace(QUIET, kilograms=Decimal(0)),
            "Heard, but not one deposit in 100 days (threshold 28): go and see, repair.",
        ),
        (dataclasses.replace(QUIET, bins_missing=1), "No advice: a bin was silent in the period."),
        (
            with_levels(QUIET, told_days=79),
            "No advice: nobody knows how full the site was, since levels were told on too few days.",
        ),
    ],
)
def test_advice_says_its_numbers_and_its_threshold(seen: Observed, english: str):
    assert say(judge_site(seen), "en") == english


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"bins": 0}, "no_bin"),
        ({"is_over": False}, "not_over"),
        ({"bins_in_between": 1}, "placed_or_removed"),
        ({"days": 89}, "too_short"),
        ({"kilograms": None}, "kilograms_unknown"),
        ({"others": USUAL[:4]}, "few_to_compare"),
    ],
)
def test_what_lacks_is_told_also_of_a_site_that_would_be_moved(changed: dict, why: str):
    little = dataclasses.replace(QUIET, kilograms=Decimal(1))
    assert judge_site(little).advice == "move"
    assert judge_site(dataclasses.replace(little, **changed)).no_advice == why


def test_sites_are_compared_with_complete_ones_of_their_commune_and_materials():
    glass, plastic = ("93001", frozenset({"glass"})), ("93001", frozenset({"plastic"}))
    elsewhere, nothing = ("93066", frozenset({"glass"})), ("93001", frozenset())
    silent = dataclasses.replace(QUIET, bins_missing=1)
    found = list_beside_others(
        [QUIET, QUIET, silent, QUIET, QUIET, QUIET], [glass, glass, glass, plastic, elsewhere, nothing]
    )
    assert [len(each.others) for each in found] == [2, 2, 2, 1, 1, 0]


def test_commune_lacks_bins_by_the_reference_of_density():
    told = judge_commune(bins=12, inhabitants_per_bin=Decimal("8333.3"), bins_lacking=188, reference=500)
    assert say(told, "en") == "8,333.3 inhabitants for each bin known here (reference 500): 188 lacking."
    assert judge_commune(bins=0, inhabitants_per_bin=None, bins_lacking=200, reference=500).no_advice == "no_bin"
    unknown = judge_commune(bins=2, inhabitants_per_bin=None, bins_lacking=None, reference=500)
    assert unknown.no_advice == "population_unknown"
    enough = judge_commune(bins=2, inhabitants_per_bin=Decimal(400), bins_lacking=0, reference=500)
    assert enough.no_advice == "nothing_to_do"


@given(st.lists(st.none() | st.fractions(0, 10), max_size=20))
def test_equals_share_a_rank_and_the_unknown_have_none(values: list[Fraction | None]):
    known = [each for each in values if each is not None]
    assert rank_by(values) == [None if each is None else 1 + sum(other > each for other in known) for each in values]


def test_every_advice_reason_and_threshold_is_said_in_both_languages():
    said = [
        *WHY_NONE.values(),
        *WHAT_TO_DO.values(),
        *SENTENCES.values(),
        *(each.meaning for each in THRESHOLDS.values()),
    ]
    assert all(set(each) == set(LANGUAGES) and all(each.values()) for each in said)
    assert set(WHY_NONE) == set(NO_ADVICE)
    assert set(WHAT_TO_DO) == set(ADVICE)
    assert {name for _, names in SENTENCES for name in names.split()} == set(REASON_NAMES)
    assert set(THRESHOLDS) == set(THRESHOLD_NAMES)


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [("1234.56", "1,234.6", "1\u202f234,6"), ("0.25", "0.25", "0,25"), ("10.00", "10", "10"), ("100", "100", "100")],
)
def test_numbers_are_written_as_in_each_language(value: str, english: str, french: str):
    assert (write(Decimal(value), "en"), write(Decimal(value), "fr")) == (english, french)
