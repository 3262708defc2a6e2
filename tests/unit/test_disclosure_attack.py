"""Somebody has everything that was published and tries to work out what was withheld: sums, differences, bounds."""

import datetime
import random
from collections import defaultdict

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from rewards.statistics.disclosure.determination import list_components, list_determined
from rewards.statistics.disclosure.intervals import find_intervals
from rewards.statistics.disclosure.lines import begin, count_remaining
from rewards.statistics.disclosure.protection import protect
from rewards.statistics.disclosure.tables import MEASURES, Leaf, Table, build_month, build_year
from rewards.statistics.disclosure.threshold import FEWEST_HOLDERS

MASSES = {"glass": 230, "paper": 200, "plastic": 28, "can": 13}
HABITS = {"glass": 0.8, "paper": 0.4, "plastic": 0.3, "can": 0.12}


class Town:
    """Holders who live near a site each and drop there, at times in another one, at times without a badge."""

    def __init__(self, chance: random.Random, *, sites: int, communes: int, holders: int) -> None:
        self.chance = chance
        self.commune_of = {f"s{no}": f"c{no % communes}" for no in range(sites)}
        self.homes = {no: chance.choice(list(self.commune_of)) for no in range(holders)}
        self.weighed = chance.choice([set(MASSES), set(MASSES) - {"can"}])
        self.holders: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)

    def month(self, first_day: datetime.date) -> Table:
        leaves: list[Leaf] = []
        holders: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
        for holder, home in self.homes.items():
            site = home if self.chance.random() < 0.8 else self.chance.choice(list(self.commune_of))
            for material, habit in HABITS.items():
                if self.chance.random() > habit:
                    continue
                items = self.chance.randint(1, 12)
                points = items if material != "paper" else 0
                commune = self.commune_of[site]
                mass_g = items * MASSES[material] if material in self.weighed else None
                leaves.append(Leaf(site, commune, material, 1, items, mass_g, points))
                if self.chance.random() < 0.7:
                    for place in (("authority", ""), ("commune", commune), ("site", site)):
                        holders[*place, ""].add(holder)
                        holders[*place, material].add(holder)
        for place, found in holders.items():
            self.holders[place] |= found
        counts = {place: len(found) for place, found in holders.items()}
        return build_month(first_day, leaves, commune_of=self.commune_of, materials=MASSES, holders=counts)


def list_recovered(table: Table, withheld: dict[int, str]) -> list[int]:
    """Attack: which withheld cells follow exactly, or lie in an interval less wide than was promised."""
    recovered: set[int] = set()
    for group in list_components(table, withheld):
        recovered |= set(list_determined(table, group, withheld))
        for measure in MEASURES:
            intervals = find_intervals(table, group, withheld, measure)
            for place, interval in intervals.items():
                value = getattr(table.cells[place], measure)
                if value is None:
                    continue
                assert interval.low - 1e-6 <= value <= interval.high + 1e-6
                if withheld[place] == "primary" and measure == "deposits":
                    wanted = max(FEWEST_HOLDERS - 1, value)
                elif measure == "deposits":
                    wanted = 1
                elif withheld[place] == "primary" and not is_told(table, withheld, place, measure):
                    wanted = max(1, value)
                else:
                    continue
                if interval.width < wanted * (1 - 1e-5):
                    recovered.add(place)
    return sorted(recovered)


def is_told(table: Table, withheld: dict[int, str], place: int, measure: str) -> bool:
    """Tell whether a published total says that nobody in it had any."""
    return any(
        getattr(table.cells[line.total], measure) == 0
        for line in table.sums
        if place in line.parts and line.total not in withheld
    )


def list_by_difference(table: Table, withheld: dict[int, str]) -> list[int]:
    """Attack by hand: subtract along each sum, again and again, what is published or was found before."""
    known = {place for place in range(len(table.cells)) if place not in withheld}
    while True:
        found = {
            hidden[0]
            for line in table.sums
            if len(hidden := [member for member in line.members if member not in known]) == 1
        }
        if not found:
            return sorted(known & set(withheld))
        known |= found


def assert_safe(table: Table, withheld: dict[int, str]) -> None:
    assert list_by_difference(table, withheld) == []
    assert list_recovered(table, withheld) == []
    for place, cell in enumerate(table.cells):
        if place not in withheld:
            assert cell.deposits == 0 or cell.holders >= FEWEST_HOLDERS
    for line in table.sums:
        # What a published total leaves for its withheld parts is a sum over eleven holders at least.
        if line.total not in withheld and any(part in withheld for part in line.parts):
            assert count_remaining(table, line, withheld) >= FEWEST_HOLDERS


@seed(11)
@settings(max_examples=6, deadline=None, derandomize=False, database=None)
@given(
    number=st.integers(0, 10**6),
    sites=st.integers(1, 6),
    communes=st.integers(1, 3),
    holders=st.integers(0, 160),
)
def test_no_withheld_cell_of_a_random_town_can_be_had(number, sites, communes, holders):
    town = Town(random.Random(number), sites=sites, communes=communes, holders=holders)
    table = town.month(datetime.date(2026, 3, 1))
    assert_safe(table, protect(table))


def test_the_control_with_small_cells_alone_withheld_the_attack_succeeds():
    table = Town(random.Random(1), sites=6, communes=2, holders=200).month(datetime.date(2026, 3, 1))
    small = begin(table)
    had = set(list_by_difference(table, small))
    assert had
    assert any(small[place] == "primary" for place in had)
    assert had <= set(list_recovered(table, small))


def test_a_year_beside_its_months_gives_nothing_away():
    town = Town(random.Random(5), sites=3, communes=2, holders=80)
    days = [datetime.date(2026, month, 1) for month in range(1, 4)]
    months = []
    for day in days:
        table = town.month(day)
        withheld = protect(table)
        months += [(cell, withheld.get(place)) for place, cell in enumerate(table.cells)]
    counts = {place: len(found) for place, found in town.holders.items()}
    year = build_year(2026, months, commune_of=dict.fromkeys(days, town.commune_of), holders=counts)
    withheld = protect(year)
    assert_safe_year(year, withheld)
    # What was published of the months stays as it was.
    assert all(withheld.get(place) == reason for place, reason in year.decided.items())
    of_year = [place for place, cell in enumerate(year.cells) if cell.key.granularity == "year"]
    shown = [place for place in of_year if place not in withheld]
    assert any(
        any(month in withheld for line in year.sums if line.total == place for month in line.parts) for place in shown
    ), "no year tells more than its months do"
    # The control: a year whose own cells are large, beside months that were not protected with it in mind.
    unprotected = begin(year)
    assert set(list_by_difference(year, unprotected)) or list_recovered(year, unprotected)


def assert_safe_year(table: Table, withheld: dict[int, str]) -> None:
    assert list_by_difference(table, withheld) == []
    assert list_recovered(table, withheld) == []


def test_counts_of_holders_tell_no_withheld_count():
    """Of distinct counts everybody knows: a whole has at most the sum of its parts, and at least the largest."""
    table = Town(random.Random(7), sites=8, communes=2, holders=260).month(datetime.date(2026, 3, 1))
    withheld = protect(table)
    assert "primary" in withheld.values()
    most = {place: float("inf") if place in withheld else cell.holders for place, cell in enumerate(table.cells)}
    least = {place: 1 if place in withheld else cell.holders for place, cell in enumerate(table.cells)}
    for _ in range(5):
        for line in table.sums:
            total, parts = line.total, line.parts
            least[total] = max(least[total], *(least[part] for part in parts))
            most[total] = min(most[total], sum(most[part] for part in parts))
            for part in parts:
                most[part] = min(most[part], most[total])
                least[part] = max(least[part], least[total] - sum(most[other] for other in parts if other != part))
    for place in withheld:
        assert most[place] - least[place] >= FEWEST_HOLDERS - 1
        assert most[place] >= FEWEST_HOLDERS


def test_two_sites_of_one_commune_protect_each_other_only_with_eleven_holders_behind_both():
    leaves = [Leaf("a", "c", "glass", 5, 9, 900, 9), Leaf("b", "c", "glass", 6, 9, 900, 9)]
    leaves += [Leaf("d", "c", "glass", 90, 90, 9000, 90), Leaf("e", "c", "glass", 400, 400, 40_000, 400)]
    counted = {"a": 3, "b": 4, "d": 40, "e": 100}
    holders = {("site", site, material): n for site, n in counted.items() for material in ("", "glass")}
    for place in (("commune", "c"), ("authority", "")):
        holders |= {(*place, material): 147 for material in ("", "glass")}
    commune_of = dict.fromkeys(counted, "c")
    month = build_month(datetime.date(2026, 3, 1), leaves, commune_of=commune_of, materials=[], holders=holders)
    withheld = {month.cells[place].key.code for place in protect(month)}
    assert withheld == {"a", "b", "d"}


@pytest.mark.parametrize(("holders", "is_withheld"), [(0, True), (10, True), (11, False)])
def test_a_cell_is_withheld_below_eleven_holders_and_with_anonymous_deposits_alone(holders, is_withheld):
    counts = {
        (level, code, material): holders
        for level, code in (("authority", ""), ("commune", "c"), ("site", "a"))
        for material in ("", "glass")
    }
    leaf = Leaf("a", "c", "glass", 50, 50, 500, 50)
    sites = {"a": "c", "empty": "c"}
    table = build_month(datetime.date(2026, 3, 1), [leaf], commune_of=sites, materials=[], holders=counts)
    withheld = protect(table)
    assert bool(withheld) == is_withheld
    # A zero is a zero, and never withheld.
    assert all(table.cells[place].key.code != "empty" for place in withheld)
