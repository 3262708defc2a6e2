"""``bontri simulate``: run a fleet of simulated bins and show how it goes."""

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bontri.json_output import as_json
from bontri.signals import stop_event
from simulators.counts import FleetCounts
from simulators.fleet_file import read_fleet_file
from simulators.run import run_fleet


def simulate_fleet(
    file: Path, *, bins: int | None, rate_per_s: float, for_s: float | None, seed: int, folder: Path, is_json: bool
) -> FleetCounts:
    """Run the bins of ``file`` and print what they did; Ctrl-C ends the deposits and waits briefly for receipts.

    Raises:
        FleetFileError: the file is missing or faulty.
    """
    fleet = read_fleet_file(file)
    fleet = replace(fleet, bins=fleet.bins[:bins])
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=is_json) as progress:
        task = progress.add_task(f"{len(fleet.bins)} bins", total=for_s)

        def show(counts: FleetCounts) -> None:
            words = f"{counts.produced_deposits:,} deposits, {counts.unsettled_events:,} without a receipt"
            progress.update(task, completed=counts.elapsed_s, description=words)

        counts = run_fleet(
            fleet,
            rate_per_s=rate_per_s,
            duration_s=for_s,
            seed=seed,
            folder=folder,
            on_progress=show,
            stop=stop_event(),
        )
    print_counts(counts, seed=seed, is_json=is_json)
    return counts


def print_counts(counts: FleetCounts, *, seed: int, is_json: bool) -> None:
    """Print what a fleet did."""
    if is_json:
        click.echo(as_json({"seed": seed, **counts.as_dict()}))
        return
    for name, value in {"seed": seed, **counts.as_dict()}.items():
        click.echo(f"{name:24} {value}")
