"""``bontri stats effect``: do people sort more? On an authority's data, or on a territory whose truth is known."""

import datetime
import sys
from typing import Any

import click

from bontri.commands.settle import print_table
from bontri.commands.stats.effect_drawing import draw_interval, print_verdict
from bontri.commands.stats.periods import FIRST_DAY, LAST_DAY
from bontri.commands.tenants import tenant_in_use
from bontri.json_output import AS_JSON, as_json

NOT_YET = "not-yet-equipped"


@click.command("effect")
@click.option("--authority", metavar="SLUG", help="Measure on its data.")
@click.option("--material", default="glass", show_default=True, metavar="NAME", help="Of one material.")
@click.option(
    "--from", "first_day", type=FIRST_DAY, metavar="DAY", help="Look no further back; default: as far as known."
)
@click.option("--to", "last_day", type=LAST_DAY, metavar="DAY", help="The last day, included; default: yesterday.")
@click.option(
    "--equipped-from",
    type=FIRST_DAY,
    metavar="DAY",
    help="Since when; default: of each site its first bin's placement.",
)
@click.option(
    "--equipped",
    metavar="SITES",
    help="References of sites or INSEE codes, with commas; default: all that have a bin.",
)
@click.option(
    "--control", metavar="SITES", default=NOT_YET, show_default=True, help="The same, of sites without the scheme."
)
@click.option(
    "--kilograms-from",
    "source",
    type=click.Choice(["weighed", "tonnages", "counted"]),
    help="Emptyings, tonnages of sites, or counted deposits; default: the first that can be compared.",
)
@click.option(
    "--scenario",
    type=click.Choice(["none", "plus-5", "plus-20"]),
    help="Instead: measure on simulated territories with this true effect.",
)
@click.option(
    "--repetitions", type=click.IntRange(1, 100_000), default=100, show_default=True, help="So many territories."
)
@click.option("--seed", default=1, show_default=True, help="Chooses what is left to chance.")
@click.option("--sites", type=click.IntRange(4, 2000), metavar="NUMBER", help="Of a territory; default: 60, or 24.")
@click.option(
    "--roll-out",
    type=click.Choice(["at-once", "staggered", "everywhere"]),
    default="staggered",
    show_default=True,
    help="How a territory is equipped; everywhere: without a control, but for who comes last.",
)
@click.option(
    "--full-path", is_flag=True, help="One territory through bins, broker, worker and database; about a minute."
)
@click.option("--language", type=click.Choice(["fr", "en"]), default="en", show_default=True, help="Of the verdict.")
@AS_JSON
def effect(authority: str | None, scenario: str | None, full_path: bool, is_json: bool, **asked: Any) -> None:
    """Say by how many percent equipped sites changed beyond a control, with its interval, or why nobody can say yet.

    With --scenario it is tried on territories whose truth is known: how often the interval holds it, beside what is
    often done instead. Exits with 1 if it does so too rarely, or if the full path loses anything.

    \b
    Examples:
      bontri stats effect --authority plaine-commune-demo
      bontri stats effect --authority plaine-commune-demo --equipped 93066 --control 93001 --equipped-from 2026-01-01
      bontri stats effect --scenario plus-20 --repetitions 100 --json
      bontri stats effect --scenario plus-20 --full-path --json
    """
    if (authority is None) == (scenario is None):
        raise click.UsageError("give --authority to measure, or --scenario to try the measurement")
    if full_path and scenario is None:
        raise click.UsageError("--full-path goes with --scenario")
    if scenario is None:
        measure_authority(str(authority), asked, is_json=is_json)
    elif full_path:
        go_the_full_path(scenario, asked, is_json=is_json)
    else:
        try_scenario(scenario, asked, is_json=is_json)


def measure_authority(slug: str, asked: dict[str, Any], *, is_json: bool) -> None:
    """Measure on the data of an authority and print the verdict."""
    from ingest.worker import utc_now
    from rewards.statistics.effect.asking import EffectAsked, choose_sites
    from rewards.statistics.effect.measuring import measure_effect
    from rewards.statistics.effect.reading import read_panel
    from rewards.statistics.effect.showing import show_verdict
    from rewards.territory import get_timezone

    now = utc_now()
    with tenant_in_use(slug, role="bontri_reader") as (connection, tenant):
        of_authority: dict[str, Any] = {
            "authority_id": tenant.authority_id,
            "timezone": get_timezone(connection, authority_id=tenant.authority_id),
        }
        last_day = asked["last_day"]
        question = EffectAsked(
            asked["material"],
            last_day or now.astimezone(of_authority["timezone"]).date() - datetime.timedelta(days=1),
            first_day=asked["first_day"],
            equipped_from=asked["equipped_from"],
            equipped=names_of(asked["equipped"]),
            control=None if asked["control"] == NOT_YET else names_of(asked["control"]),
            source=asked["source"],
        )
        chosen = choose_sites(connection, question, **of_authority, now=now)
        panel = read_panel(connection, question, chosen, **of_authority)
    shown = show_verdict(measure_effect(panel))
    if is_json:
        click.echo(as_json({"authority": slug, "material": question.material, "to": question.last_day, **shown}))
    else:
        print_verdict(shown, asked["language"])


def names_of(written: str | None) -> list[str] | None:
    """Return what is separated by commas.

    Raises:
        UsageError: nothing is.
    """
    if written is None:
        return None
    names = [name.strip() for name in written.split(",") if name.strip()]
    if not names:
        raise click.UsageError("--equipped and --control want references of sites or INSEE codes, with commas")
    return names


def try_scenario(scenario: str, asked: dict[str, Any], *, is_json: bool) -> None:
    """Measure on many simulated territories and print how often the interval held the truth."""
    from bontri.effect_trials.coverage import try_often
    from bontri.effect_trials.scenarios import SCENARIOS
    from bontri.progress import Teller
    from simulators.territory import TerritoryPlan

    plan = TerritoryPlan(SCENARIOS[scenario], sites=asked["sites"] or 60, roll_out=asked["roll_out"])
    repetitions = asked["repetitions"]
    with Teller().part(f"{repetitions} territories of {plan.sites} sites", repetitions) as done:
        coverage = try_often(plan, repetitions=repetitions, seed=asked["seed"], on_progress=done)
    of_plan = {"scenario": scenario, "seed": asked["seed"], "sites": plan.sites, "roll_out": plan.roll_out}
    shown = {**of_plan, **coverage.as_dict()}
    if is_json:
        click.echo(as_json(shown))
    else:
        click.echo(
            f"{repetitions} simulated territories of {plan.sites} sites and {plan.months} months, equipped "
            f"{plan.roll_out}, seed {asked['seed']}; the true effect is {shown['truth_percent']:+.0f} %.\n"
        )
        rows = [
            (words, f"{hits['coverage']:.1%}", f"{hits['power']:.1%}", width_of(hits))
            for words, hits in (
                ("this measurement", shown["measured"]),
                ("before against after", shown["usual_mistakes"]["before_and_after"]),
                ("regression over site-months", shown["usual_mistakes"]["regression_over_site_months"]),
            )
        ]
        print_table(("method", "interval holds the truth", "shows an effect", "mean width"), rows, words=1)
        for code, number in shown["not_measurable"].items():
            click.echo(f"Not measurable in {number} territories: {code}")
        kept = "kept" if coverage.is_kept else "BROKEN"
        click.echo(f"\nMust hold the truth in {shown['needed_coverage']:.0%}: {kept}")
    sys.exit(0 if coverage.is_kept else 1)


def width_of(hits: dict[str, Any]) -> str:
    """Write the mean width of intervals."""
    width = hits["mean_width_points"]
    return "" if width is None else f"{width:.1f} points"


def go_the_full_path(scenario: str, asked: dict[str, Any], *, is_json: bool) -> None:
    """Send one territory through all services and print both verdicts."""
    from bontri.effect_trials.full_path import month_before, run_full_path
    from bontri.effect_trials.scenarios import SCENARIOS
    from bontri.progress import Teller
    from ingest.worker import utc_now
    from rewards.statistics.effect.showing import show_verdict
    from simulators.territory import TerritoryPlan

    now = utc_now()
    plan = TerritoryPlan(
        SCENARIOS[scenario], sites=asked["sites"] or 24, roll_out="at-once", first_month=month_before(now, 18)
    )
    path = run_full_path(plan, seed=asked["seed"], every_days=1, now=now, tell=Teller())
    shown: dict[str, Any] = {
        "scenario": scenario,
        "seed": asked["seed"],
        "sites": plan.sites,
        "first_month": plan.first_month,
        "truth_percent": path.truth_percent,
        "is_kept": path.is_kept,
        "deposits": path.deposits,
        "recorded": path.recorded,
        "site_months": path.site_months,
        "equal_site_months": path.equal_site_months,
        "seconds": round(path.seconds, 1),
        "measured": show_verdict(path.measured),
        "simulated": show_verdict(path.simulated),
    }
    if is_json:
        click.echo(as_json(shown))
    else:
        click.echo(
            f"{path.deposits:,} deposits made, {path.recorded:,} recorded; "
            f"{path.equal_site_months} of {path.site_months} months of a site to the gram; {path.seconds:.0f} s"
        )
        click.echo(f"The true effect is {path.truth_percent:+.0f} %. From the database's figures:\n")
        print_verdict(shown["measured"], asked["language"])
        if shown["simulated"]["effect"]:
            click.echo(f"\nFrom what was simulated:  {draw_interval(shown['simulated']['effect'])}")
    sys.exit(0 if path.is_kept else 1)
