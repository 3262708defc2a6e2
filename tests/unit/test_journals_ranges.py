"""Sequence numbers as PostgreSQL's multiranges, written and read again."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.receipts import watermark
from rewards.journals import as_multirange, parse_ranges

LARGEST = 2**63 - 2
SEQS = st.lists(st.integers(1, LARGEST) | st.integers(1, 60), max_size=80)


def ranges_of(seqs: set[int]) -> list[tuple[int, int]]:
    runs = itertools.groupby(enumerate(sorted(seqs)), key=lambda pair: pair[1] - pair[0])
    return [(run[0], run[-1]) for _, group in runs for run in [[seq for _, seq in group]]]


@given(seqs=SEQS)
def test_numbers_are_written_and_read_as_their_ranges(seqs: list[int]) -> None:
    assert parse_ranges(as_multirange(seqs)[1:-1]) == ranges_of(set(seqs))


@pytest.mark.parametrize(
    ("seqs", "literal"),
    [
        ([], "{}"),
        ([1], "{[1,2)}"),
        ([3, 1, 2, 2], "{[1,4)}"),
        ([1, 3], "{[1,2),[3,4)}"),
        ([LARGEST], f"{{[{LARGEST},{LARGEST + 1})}}"),
    ],
)
def test_neighbours_are_merged_and_repeats_written_once(seqs: list[int], literal: str) -> None:
    assert as_multirange(seqs) == literal


@given(seqs=st.sets(st.integers(1, 60)))
def test_the_watermark_is_the_number_before_the_first_gap(seqs: set[int]) -> None:
    upto, also = watermark(ranges_of(seqs))
    missing = next(seq for seq in itertools.count(1) if seq not in seqs)
    assert upto == missing - 1
    named = {seq for low, high in also for seq in range(low, high + 1)}
    assert named == {seq for seq in seqs if seq > upto}
