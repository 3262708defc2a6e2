"""New holders of few, withheld so that the rest of their year does not tell them: months and years asked apart."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.participation.withholding import Counted, hide_new_holders, is_few

COUNTED = st.integers(0, 40).flatmap(lambda holders: st.builds(Counted, st.just(holders), st.integers(0, holders)))


def months_of(*counts: tuple[int, int]) -> dict[datetime.date, Counted]:
    return {datetime.date(2026, number, 1): Counted(*each) for number, each in enumerate(counts, 1)}


def work_out(months, hidden, *, year: Counted) -> set[int]:
    """Return each number a reader gets exactly: a month alone that is withheld, or a year whose months all are told."""
    told = sum(each.new_holders for month, each in months.items() if month not in hidden)
    if len(hidden) == 1 and year.new_holders == year.holders > 10:
        return {year.holders - told}
    return set() if hidden or not is_few(year) else {told}


@pytest.mark.parametrize(
    ("months", "year", "hidden"),
    [
        # Nobody is few: all is told.
        ([(12, 12), (30, 15)], (27, 27), []),
        # The year goes, and that is enough where it is not the first one.
        ([(30, 12), (40, 15), (33, 3)], (60, 30), [3]),
        # The first year: its holders are its new ones, so the smallest other month goes as well.
        ([(12, 12), (15, 15), (20, 3)], (30, 30), [1, 3]),
        # Three are not new in the year, which its months, each of them told, would say.
        ([(12, 12), (35, 20)], (35, 32), [1]),
        # Both at the most that few can be: their sum alone would tell, so a third goes.
        ([(10, 10), (10, 10), (30, 15)], (35, 35), [1, 2, 3]),
        # No other month has anybody new.
        ([(30, 3), (25, 0)], (40, 3), [1]),
    ],
)
def test_as_many_other_months_are_withheld_as_it_takes(months, year, hidden):
    found = hide_new_holders(months_of(*months), year=Counted(*year))
    assert sorted(month.month for month in found) == hidden


def test_a_year_that_was_never_counted_tells_nothing():
    assert hide_new_holders(months_of((12, 12), (20, 3)), year=None) == {datetime.date(2026, 2, 1)}


@given(st.lists(COUNTED, min_size=2, max_size=12), st.integers(0, 40))
def test_no_number_of_few_is_had_by_difference_or_sum(counts, old):
    months = months_of(*counts)
    new = sum(each.new_holders for each in counts)
    year = Counted(new + old, new)
    few = {month for month, each in months.items() if is_few(each)}
    hidden = hide_new_holders(months, year=year)
    assert few <= hidden
    has_another = any(each.new_holders for month, each in months.items() if month not in few)
    assert not work_out(months, hidden, year=year) or not has_another


def test_what_is_withheld_for_its_own_sake_alone_is_worked_out():
    """The control of the test above."""
    first_year = months_of((12, 12), (15, 15), (20, 3))
    few = {month for month, each in first_year.items() if is_few(each)}
    assert work_out(first_year, few, year=Counted(30, 30)) == {3}
    assert work_out(months_of((12, 12), (35, 20)), set(), year=Counted(35, 32)) == {32}
