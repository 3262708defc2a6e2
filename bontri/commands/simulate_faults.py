"""``bontri simulate-faults``: the ingest's own logic on seeds, with everything going wrong around it."""

import sys
from typing import TYPE_CHECKING

import click

from bontri.json_output import as_json

if TYPE_CHECKING:
    from reliability.simulation.run import Report

DEFAULT_SEEDS = 500
EXIT_FAILED = 1


@click.command("simulate-faults")
@click.option("--seeds", type=click.IntRange(1), help=f"How many seeds.  [default: {DEFAULT_SEEDS}; with --seed 1]")
@click.option("--seed", type=click.IntRange(0), help="The first seed; alone: only this one.")
@click.option("--control", metavar="NAME", help="Take one guard away, which must be caught; NAME as in a summary.")
@click.option("--trace", "is_traced", is_flag=True, help="Print what happens in the run of --seed, line by line.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON summary at the end.")
def simulate_faults(seeds: int | None, seed: int | None, control: str | None, is_traced: bool, is_json: bool) -> None:
    """Run the ingest between a stand-in broker and database that fail as each seed decides.

    Workers are killed, frozen and disconnected, brokers and databases restarted, restored and lost, messages and
    receipts lost, doubled and delayed; then all heals, and nothing may be missing. The same is done with one guard
    after the other taken away, which must be noticed. Needs no service and no network.

    Exits with 1 when an invariant is broken or a missing guard is not noticed, and prints how to replay a seed that
    failed: equal seeds run equally.

    \b
    Examples:
      bontri simulate-faults
      bontri simulate-faults --seeds 10000 --json
      bontri simulate-faults --seed 4711 --trace
    """
    from bontri.embedded.processes import stop_on_signals
    from reliability.simulation.controls import CONTROLS
    from reliability.simulation.run import catch_control, simulate_seeds

    if control is not None and control not in CONTROLS:
        raise click.BadParameter(f"there are {', '.join(CONTROLS)}", param_hint="--control")
    if is_traced and (seed is None or seeds is not None or is_json):
        raise click.UsageError("--trace goes with --seed alone")
    first, count = seed or 0, seeds or (DEFAULT_SEEDS if seed is None else 1)
    with stop_on_signals():
        if is_traced:
            report = simulate_seeds([first], control=control, tell=click.echo)
        else:
            report = run_seeds(range(first, first + count), control=control, is_json=is_json)
        if seed is None and control is None:
            report.controls = {name: catch_control(name) for name in CONTROLS}
    click.echo(as_json(report.as_dict()) if is_json else as_text(report))
    sys.exit(0 if report.is_sound else EXIT_FAILED)


def run_seeds(seeds: range, *, control: str | None, is_json: bool) -> "Report":
    """Run seeds under a progress bar on standard error; failures are printed as they come."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from reliability.simulation.run import simulate_seeds
    from reliability.simulation.world import Outcome

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=is_json or not console.is_terminal) as progress:
        task = progress.add_task("seeds", total=len(seeds))

        def show(report: "Report", outcome: Outcome) -> None:
            progress.update(task, completed=report.seeds)
            if outcome.invariant is not None:
                progress.console.print(f"seed {outcome.seed} failed: {outcome.invariant}", highlight=False)

        return simulate_seeds(seeds, control=control, on_outcome=show)


def as_text(report: "Report") -> str:
    """Return what a person reads."""
    from reliability.simulation.audit import INVARIANTS
    from reliability.simulation.run import replay_command

    injected = ", ".join(f"{kind} {count:,}" for kind, count in sorted(report.faults.items()))
    lines = [
        f"{report.seeds:,} seeds in {report.seconds:.1f} s; {report.virtual_seconds:,.0f} s of virtual time, "
        f"{report.events:,} events, {report.messages:,} messages",
        f"injected: {injected}",
        *(f"{report.checks[name]:>10,} checks  {words}" for name, words in INVARIANTS.items()),
    ]
    for name, seeds in report.controls.items():
        lines.append(f"control {name}: " + (f"caught after {seeds} seeds" if seeds else "NOT CAUGHT"))
    if report.bound is not None:
        lines.append(f"No seed failed: with 95 % confidence fewer than {report.bound:.2%} of seeds would.")
    for failed in report.failures:
        lines.append(f"seed {failed.seed} broke {failed.invariant}: {failed.words}")
        lines.append(f"  replay: {replay_command(failed.seed, control=report.control)}")
    return "\n".join(lines)
