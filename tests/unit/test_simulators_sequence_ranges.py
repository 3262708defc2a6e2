"""Ranges of sequence numbers behave like sets of integers."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.sequence_ranges import SequenceRanges

NUMBERS = st.integers(1, 60)
RANGES = st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair)))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), RANGES), max_size=30)


def numbers(ranges: SequenceRanges) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@settings(deadline=None)
@given(STEPS)
def test_adding_and_removing_ranges_is_adding_and_removing_numbers(steps: list[tuple[str, tuple[int, int]]]) -> None:
    ranges, model = SequenceRanges(), set[int]()
    for name, (low, high) in steps:
        touched = set(range(low, high + 1))
        if name == "add":
            ranges.add(low, high)
            model |= touched
        else:
            removed = ranges.remove(low, high)
            assert {n for a, b in removed for n in range(a, b + 1)} == model & touched
            model -= touched
        pairs = list(ranges)
        assert numbers(ranges) == model
        assert len(ranges) == len(model)
        assert ranges.lowest == min(model, default=None)
        assert all(high + 1 < next_low for (_, high), (next_low, _) in itertools.pairwise(pairs))
        assert all((n in ranges) == (n in model) for n in range(62))


@settings(deadline=None)
@given(st.lists(RANGES, max_size=12), st.randoms(use_true_random=False))
def test_the_union_of_receipts_does_not_depend_on_their_order(
    ranges: list[tuple[int, int]], rng: random.Random
) -> None:
    shuffled = ranges + rng.choices(ranges, k=3) if ranges else []
    rng.shuffle(shuffled)
    assert SequenceRanges(ranges) == SequenceRanges(shuffled)
    outstanding, other = SequenceRanges([(1, 60)]), SequenceRanges([(1, 60)])
    for low, high in ranges:
        outstanding.remove(low, high)
    for low, high in shuffled:
        other.remove(low, high)
    assert outstanding == other


@settings(deadline=None)
@given(st.lists(RANGES, max_size=8), NUMBERS, NUMBERS, st.integers(0, 20))
def test_the_lowest_numbers_come_in_order_and_within_bounds(
    ranges: list[tuple[int, int]], start: int, below: int, limit: int
) -> None:
    held = SequenceRanges(ranges)
    expected = sorted(n for n in numbers(held) if start <= n < below)[:limit]
    assert held.lowest_from(start, below=below, limit=limit) == expected


def test_empty_and_backward_ranges_change_nothing() -> None:
    ranges = SequenceRanges([(5, 7)])
    ranges.add(9, 8)
    assert ranges.remove(6, 5) == []
    assert list(ranges) == [(5, 7)]
    assert ranges != [(5, 7)]
    assert repr(ranges) == "SequenceRanges([(5, 7)])"
