"""Reading the days that are not folded, a few of many."""


def each_day(since: str, until: str) -> str:
    """Return the FROM item of the days of a span, ``each.at``, so that they are looked up one by one.

    How many days are not folded the planner cannot know: asked for a span of them, it reads all the days there are.
    What is joined must be LATERAL, and end with OFFSET 0, or it is made a join of spans again.
    """
    return f"generate_series(CAST({since} AS timestamp), CAST({until} AS timestamp), interval '1 day') AS each (at)"
