"""Which months and years do not tell their new holders: few ones, and those few ones could be had from.

A wallet is new in one month alone, so a year's new holders are its months' together; and in the first year of a service
all who are active are new, so that the year's holders say as much. Decided from all that was counted of a year,
whatever is asked. Pure arithmetic, without the solver that publishing takes.
"""

import datetime
from collections.abc import Collection, Mapping
from typing import NamedTuple

from rewards.statistics.disclosure.threshold import FEWEST_HOLDERS, withhold

NARROWEST = FEWEST_HOLDERS - 1
"""How wide a range a withheld count must be left: as wide as that of few, from none to ten."""


class Counted(NamedTuple):
    """Active and new holders of a month or year."""

    holders: int
    new_holders: int


def is_few(counted: Counted) -> bool:
    """Tell whether new holders are withheld for their own sake: few are active, new, or active and not new."""
    return any(withhold(count) is None for count in (*counted, counted.holders - counted.new_holders))


def most_new(counted: Counted) -> int:
    """Return how many new holders there can be, as far as the active ones are told."""
    return min(counted.holders, NARROWEST) if withhold(counted.holders) is None else counted.holders


def range_of(withheld: Counted, others: Collection[Counted], *, told: int, year: Counted) -> int:
    """Return how wide a range is left of a month's new holders, by what the other months and the year's holders tell.

    ``told`` is the sum of the months that are told. Where all of the year are new, whoever knows that it is the first
    one knows their sum; else the sum is at most all who were active.
    """
    most = NARROWEST if withhold(year.holders) is None else year.holders
    least = year.holders if year.holders == year.new_holders and withhold(year.holders) is not None else 0
    lowest = max(0, least - told - sum(most_new(each) for each in others))
    return min(most_new(withheld), most - told) - lowest


def are_safe(hidden: Collection[datetime.date], months: Mapping[datetime.date, Counted], *, year: Counted) -> bool:
    """Tell whether the months that are told leave those of few, and a year of few, a range wide enough."""
    told = sum(each.new_holders for month, each in months.items() if month not in hidden)
    if is_few(year) and min(year.holders - told, sum(most_new(months[each]) for each in hidden)) < NARROWEST:
        return False
    return all(
        range_of(months[few], [months[each] for each in hidden if each != few], told=told, year=year) >= NARROWEST
        for few in hidden
        if is_few(months[few])
    )


def hide_new_holders(months: Mapping[datetime.date, Counted], *, year: Counted | None) -> frozenset[datetime.date]:
    """Return the months of a place's year whose new holders are withheld; where there are any, the year's are too.

    The smallest others go with those of few, as many as leave these a range wide enough; where no number of them does,
    one goes, so that none is ever withheld alone. ``year`` None was never counted, and tells nothing.
    """
    few = frozenset(month for month, counted in months.items() if is_few(counted))
    if year is None or not (few or is_few(year)):
        return few
    others = sorted(
        (each.new_holders, month) for month, each in months.items() if month not in few and each.new_holders
    )
    smallest = [month for _, month in others]
    tried = [few.union(smallest[:number]) for number in range(len(smallest) + 1)]
    safe = (hidden for hidden in tried if are_safe(hidden, months, year=year))
    return next(safe, few if len(few) > 1 else few.union(smallest[:1]))
