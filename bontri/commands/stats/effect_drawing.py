"""A verdict on an effect for a terminal: the sentence, the interval drawn, what it rests on, both series."""

from typing import Any

import click

from bontri.commands.settle import print_table

WIDTH = 37
METHODS = {"welch": "Welch's interval over one value per site", "permutation": "permuted assignment of the sites"}
SOURCES = {"weighed": "emptyings that were weighed", "tonnages": "tonnages of sites", "counted": "counted deposits"}


def draw_interval(effect: dict[str, Any]) -> str:
    """Draw an interval on a scale around 0: ``|`` is 0, ``o`` the estimate, the line the interval."""
    low, middle, high = (float(effect[name]) for name in ("low_percent", "percent", "high_percent"))
    reach = max(abs(low), abs(high), 1.0)

    def place(percent: float) -> int:
        return round((percent + reach) / (2 * reach) * (WIDTH - 1))

    line = [" "] * WIDTH
    for column in range(place(low), place(high) + 1):
        line[column] = "-"
    line[place(low)], line[place(high)] = "[", "]"
    line[place(0.0)] = "|"
    line[place(middle)] = "o"
    drawn = "".join(line).rstrip()
    return f"{-reach:+.0f} % {drawn.ljust(WIDTH)} {reach:+.0f} %   {middle:+.1f} % [{low:+.1f}, {high:+.1f}]"


def describe_p(p_value: float) -> str:
    """Write a p-value with three digits; what is smaller is no zero."""
    return "p < 0.001" if p_value < 0.001 else f"p {p_value:.3f}"


def print_verdict(shown: dict[str, Any], language: str = "en") -> None:
    """Print a verdict as :func:`rewards.statistics.effect.showing.show_verdict` gives it."""
    click.echo(f"{shown['sentence'][language]}\n")
    if shown["effect"]:
        click.echo(draw_interval(shown["effect"]))
        sites = sum(len(wave["sites"]) for wave in shown["waves"])
        click.echo(
            f"\n{sites} equipped sites, {len(shown['control_sites'])} control sites; kilograms from "
            f"{SOURCES[shown['kilograms_from']]};\n{METHODS[shown['method']]}, {describe_p(shown['p_value'])}"
        )
        for wave in shown["waves"]:
            months = " ".join(f"{month:02}" for month in wave["calendar_months"])
            click.echo(f"  from {wave['start'][:7]}: {count_sites(wave)}, calendar months {months}")
    for each in shown["left_out"]:
        click.echo(f"  left out: {each['site']} ({each['sentence'][language]})")
    if trend := shown["trend_before"]:
        print_trend(trend)


def count_sites(wave: dict[str, Any]) -> str:
    """Say how many sites were equipped at once."""
    sites = len(wave["sites"])
    return "1 site" if sites == 1 else f"{sites:,} sites"


def print_trend(trend: dict[str, Any]) -> None:
    """Print how both sides went before the start, and since."""
    click.echo("\nBefore the start the equipped sites drew away from the control by, a year:")
    click.echo(f"{draw_interval(trend['difference_a_year'])}   {describe_p(trend['p_value'])}")
    click.echo("\nKilograms a day, 100 = each site's own months before anybody was equipped:")
    rows = [
        (str(month["month"])[:7], index_of(month["equipped_percent"]), index_of(month["control_percent"]))
        for month in trend["months"]
    ]
    print_table(("month", "equipped", "control"), rows, words=1)


def index_of(percent: float | None) -> str:
    """Write an index, or nothing where nothing is known."""
    return "" if percent is None else f"{percent:.0f}"
