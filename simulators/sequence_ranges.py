"""A set of sequence numbers kept as sorted, disjoint, inclusive ranges.

100,000 events offline are one range, and a receipt covers a million numbers in one step; a set of integers would cost
megabytes per bin and seconds per fleet.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class SequenceRanges:
    """Sorted, disjoint, non-adjacent inclusive ranges of whole numbers, changed in place.

    Each change costs the ranges it touches plus one shift of a list, so thousands of open ranges stay cheap.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """Start with the union of ``ranges``, given in any order."""
        self._lows: list[int] = []
        self._highs: list[int] = []
        self._size = 0
        for low, high in ranges:
            self.add(low, high)

    def __len__(self) -> int:
        """Return how many numbers are in the set (not how many ranges)."""
        return self._size

    def __contains__(self, number: int) -> bool:
        """Tell whether the number lies in one of the ranges."""
        i = bisect_right(self._lows, number) - 1
        return i >= 0 and number <= self._highs[i]

    def __eq__(self, other: object) -> bool:
        """Compare the numbers held."""
        if not isinstance(other, SequenceRanges):
            return NotImplemented
        return self._lows == other._lows and self._highs == other._highs

    __hash__ = None  # type: ignore[assignment]  # changed in place, so it must not be a key

    def __repr__(self) -> str:
        """Show the ranges."""
        return f"SequenceRanges({list(self)})"

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges in ascending order."""
        return iter(list(zip(self._lows, self._highs, strict=True)))

    @property
    def lowest(self) -> int | None:
        """The lowest number held, or None when empty."""
        return self._lows[0] if self._lows else None

    def add(self, low: int, high: int) -> None:
        """Add every number from ``low`` to ``high``; numbers already held are no error."""
        if low > high:
            return
        if self._highs and low == self._highs[-1] + 1:  # how nearly all numbers come, and three times as fast
            self._highs[-1] = high
            self._size += high - low + 1
            return
        first = bisect_left(self._highs, low - 1)  # the first range that touches or follows
        last = bisect_right(self._lows, high + 1)  # one past the last range that touches
        self._size -= sum(self._highs[i] - self._lows[i] + 1 for i in range(first, last))
        if first < last:
            low, high = min(low, self._lows[first]), max(high, self._highs[last - 1])
        self._lows[first:last], self._highs[first:last] = [low], [high]
        self._size += high - low + 1

    def remove(self, low: int, high: int) -> list[tuple[int, int]]:
        """Take every number from ``low`` to ``high`` out and return, ascending, what was really held."""
        first = bisect_left(self._highs, low)
        last = bisect_right(self._lows, high)
        if low > high or first >= last:
            return []
        touched = list(zip(self._lows[first:last], self._highs[first:last], strict=True))
        left_over = [(a, b) for a, b in ((touched[0][0], low - 1), (high + 1, touched[-1][1])) if a <= b]
        self._lows[first:last] = [a for a, _ in left_over]
        self._highs[first:last] = [b for _, b in left_over]
        removed = [(max(a, low), min(b, high)) for a, b in touched]
        self._size -= sum(b - a + 1 for a, b in removed)
        return removed

    def lowest_from(self, start: int, *, below: int, limit: int) -> list[int]:
        """Return at most ``limit`` numbers held with ``start <= number < below``, ascending."""
        found: list[int] = []
        for i in range(bisect_left(self._highs, start), len(self._lows)):
            low, high = max(self._lows[i], start), min(self._highs[i], below - 1)
            found.extend(range(low, min(high, low + limit - len(found) - 1) + 1))
            if len(found) >= limit or self._highs[i] >= below:
                break
        return found
