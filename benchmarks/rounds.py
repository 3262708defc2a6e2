"""Interleaved rounds: each measures everything in turn, and the one that warms up counts for nothing."""


def number_rounds(rounds: int, *, warm_up: bool) -> range:
    """Return the numbers of the rounds in order; 0 is the one that warms up."""
    return range(0 if warm_up else 1, rounds + 1)


def name_round(number: int) -> str:
    """Return how a round is told."""
    return f"round {number}" if number else "warm-up"
