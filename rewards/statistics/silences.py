"""When a bin that stood somewhere was silent: figures and effects share the rule. Pure arithmetic of days as bits.

A sign of a bin is a report of itself (``bin_days``) or a deposit. Fewer than ``GAP_DAYS`` days without one are days on
which nobody came; so many or more are silence, and what was dropped meanwhile is unknown.
"""

GAP_DAYS = 7
"""So many days without any sign are silence."""


def bits_between(first: int, last: int) -> int:
    """Return the bits from ``first`` to ``last``, both included; none where that is no span."""
    return (1 << last + 1) - (1 << first) if first <= last else 0


def find_silent_days(signs: int, *, stood: int) -> int:
    """Return the days of silences among those a bin ``stood`` somewhere, with a bit for each day in all of them.

    A silence ends where the bin was moved. Of ``stood``, ``GAP_DAYS`` - 1 days around those asked for are needed.
    """
    runs = stood & ~signs
    ahead = 1
    while runs and ahead < GAP_DAYS:
        # Bits that begin a run of so many days: doubled as long as it goes.
        step = min(ahead, GAP_DAYS - ahead)
        runs &= runs >> step
        ahead += step
    silent = 0
    for days in range(GAP_DAYS if runs else 0):
        silent |= runs << days
    return silent
