"""A rehearsal for people: what it costs, who gains and who loses, what caps hold back."""

from bontri.commands.tenants import Clock
from rewards.rehearsal import Rehearsal, Spread


def rehearsal_as_text(rehearsal: Rehearsal, clock: Clock) -> str:
    """Write a rehearsal in a page."""
    period = f"{clock(rehearsal.since):.16} to {clock(rehearsal.until):.16}"
    head = f"{rehearsal.deposits:,} credited deposits of {rehearsal.wallets:,} wallets, recorded {period}"
    if not rehearsal.deposits:
        return f"{head}: nothing to rehearse on."
    withheld = {
        "by the bin's hour": rehearsal.withheld_by_bin_hour,
        "by the day": rehearsal.withheld_by_day,
        "by the week": rehearsal.withheld_by_week,
    }
    caps = ", ".join(f"{points:,} {cap}" for cap, points in withheld.items() if points) or "nothing"
    lines = [
        head,
        "",
        f"  {'':22}{'was':>14}{'would be':>14}{'change':>12}",
        f"  {'points':22}{row(rehearsal.actual_points, rehearsal.points)}",
        *cost_lines(rehearsal),
        *spread_lines(rehearsal.actual_spread, rehearsal.spread),
        "",
        f"  {rehearsal.winners:,} wallets gain, {rehearsal.losers:,} lose, {rehearsal.capped:,} meet a cap",
        f"  caps hold back {caps}; campaigns add {rehearsal.campaign_points:,}",
        *budget_lines(rehearsal, clock),
        "",
        "  by commune",
        *(f"  {each.name[:22]:22}{row(each.actual_points, each.points)}" for each in rehearsal.communes),
        "",
        "  by material",
        *(f"  {each.material:22}{row(each.actual_points, each.points)}" for each in rehearsal.materials),
    ]
    return "\n".join(lines)


def row(actual: int, would_be: int) -> str:
    """Write two numbers and their difference, in per cent where there is something to compare with."""
    change = f"{(would_be - actual) / actual:+.1%}" if actual else f"{would_be - actual:+,}"
    return f"{actual:>14,}{would_be:>14,}{change:>12}"


def cost_lines(rehearsal: Rehearsal) -> list[str]:
    """Write what the points cost once spent, where offers say what a point is worth."""
    actual, would_be = rehearsal.cost_cents(rehearsal.actual_points), rehearsal.cost_cents(rehearsal.points)
    if actual is None or would_be is None:
        return ["  no offer is published that says what a point costs"]
    return [f"  {'euros, once spent':22}{row(round(actual / 100), round(would_be / 100))}"]


def spread_lines(actual: Spread | None, would_be: Spread | None) -> list[str]:
    """Write what wallets got."""
    if actual is None or would_be is None:
        return []
    names = {"p50": "the median wallet", "p90": "nine tenths have less", "most": "the most"}
    return [f"  {words:22}{row(getattr(actual, name), getattr(would_be, name))}" for name, words in names.items()]


def budget_lines(rehearsal: Rehearsal, clock: Clock) -> list[str]:
    """Write when the budget would have been spent."""
    at = rehearsal.budget_used_up_at
    return [f"  its budget would have been used up at {clock(at):.16}"] if at else []
