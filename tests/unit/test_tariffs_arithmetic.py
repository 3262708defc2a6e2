"""What a deposit earns: never less than nothing, and never more for being split."""

import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.tariffs import MassMissingError, Tariff, TariffLine, find_tariff_in_force, points_for_deposit

POINTS = st.integers(0, 10_000)
ITEMS = st.integers(0, 200)
MASS_G = st.integers(1, 2_000_000)
LINES = st.builds(TariffLine, st.just(UUID(int=1)), st.sampled_from(["item", "kilogram"]), POINTS)
DAY = datetime.timedelta(days=1)
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@given(line=LINES, items=ITEMS, mass_g=MASS_G)
def test_points_are_whole_and_never_negative(line: TariffLine, items: int, mass_g: int) -> None:
    points = points_for_deposit(line, items=items, mass_g=mass_g)
    assert isinstance(points, int)
    assert points >= 0


@given(line=LINES, parts=st.lists(st.tuples(ITEMS, MASS_G), min_size=1, max_size=12))
def test_splitting_a_deposit_never_earns_more(line: TariffLine, parts: list[tuple[int, int]]) -> None:
    whole = points_for_deposit(line, items=sum(items for items, _ in parts), mass_g=sum(mass for _, mass in parts))
    split = sum(points_for_deposit(line, items=items, mass_g=mass_g) for items, mass_g in parts)
    assert split <= whole
    # Rounding takes less than a point a part.
    assert whole - split < len(parts)


@given(line=LINES, items=st.integers(0, 199), mass_g=st.integers(1, 1_999_999))
def test_more_of_the_same_never_earns_less(line: TariffLine, items: int, mass_g: int) -> None:
    more = points_for_deposit(line, items=items + 1, mass_g=mass_g + 1)
    assert more >= points_for_deposit(line, items=items, mass_g=mass_g)


@pytest.mark.parametrize(
    ("mass_g", "points"), [(1, 0), (99, 0), (100, 1), (199, 1), (999, 9), (1000, 10), (2_000_000, 20_000)]
)
def test_grams_are_rounded_down_to_whole_points(mass_g: int, points: int) -> None:
    line = TariffLine(UUID(int=1), "kilogram", 10)
    assert points_for_deposit(line, items=0, mass_g=mass_g) == points


def test_a_bin_that_did_not_weigh_earns_nothing_by_the_kilogram() -> None:
    with pytest.raises(MassMissingError):
        points_for_deposit(TariffLine(UUID(int=1), "kilogram", 10), items=3, mass_g=None)
    assert points_for_deposit(TariffLine(UUID(int=1), "item", 10), items=3, mass_g=None) == 30


@given(days=st.lists(st.integers(0, 400), unique=True, max_size=8), at=st.integers(-10, 410), second=st.integers(-1, 1))
def test_the_tariff_in_force_is_the_newest_that_has_begun(days: list[int], at: int, second: int) -> None:
    tariffs = [Tariff(START + day * DAY, None, None, {}) for day in sorted(days)]
    moment = START + at * DAY + datetime.timedelta(seconds=second)
    begun = [tariff for tariff in tariffs if tariff.valid_from <= moment]
    assert find_tariff_in_force(tariffs, moment) is (begun[-1] if begun else None)
