"""``bontri chaos``: kill everything under load, and see whether every promise holds."""

import sys
from pathlib import Path

import click

from bontri.json_output import as_json

EXIT_BROKEN, EXIT_INCOMPLETE = 1, 3
RACES_A_MINUTE, OFFLINE_EVENTS_A_MINUTE = 100, 3400
MOST_RACES, MOST_OFFLINE_EVENTS = 10_000, 100_000


def check_folder(_context: click.Context, _option: click.Parameter, picture: Path) -> Path:
    """Refuse a file in a folder that is not there: now, and not after an hour."""
    if not picture.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {picture.parent}")
    return picture


@click.command("chaos")
@click.option(
    "--minutes", default=2.0, show_default=True, type=click.FloatRange(0.3, 600), help="How long faults last."
)
@click.option("--seed", default=1, show_default=True, help="Chooses the faults, their order and whom they hit.")
@click.option(
    "--bins", default=61, show_default=True, type=click.IntRange(4, 1000), help="Bins, each with its journal."
)
@click.option("--rate", default=60.0, show_default=True, type=click.FloatRange(5, 500), help="Deposits per second.")
@click.option(
    "--races", type=click.IntRange(1), help="Races of 64 for a voucher. [default: 100 a minute, up to 10,000]"
)
@click.option(
    "--offline-events",
    type=click.IntRange(1, 100_000),
    help="Events of the bin away for 30 days. [default: 3,400 a minute, up to 100,000]",
)
@click.option(
    "--gaps-seconds",
    default=15.0,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="How long every tenth message is lost after the storm.",
)
@click.option("--no-controls", is_flag=True, help="Do not show that the harness would notice; saves two minutes.")
@click.option(
    "--picture",
    default=Path("bontri-chaos.svg"),
    show_default=True,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=check_folder,
    help="Where the picture of faults and commits goes; written over.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON at the end; progress goes to standard error.")
def chaos(  # noqa: PLR0917 (click passes options by name)
    minutes: float,
    seed: int,
    bins: int,
    rate: float,
    races: int | None,
    offline_events: int | None,
    gaps_seconds: float,
    no_controls: bool,
    picture: Path,
    is_json: bool,
) -> None:
    """Kill workers, broker, PostgreSQL, API and bins under load, and see whether every promise holds.

    Everything runs on services of its own, on loopback, in a folder that is removed at the end unless a promise was
    broken; DATABASE_URL and MQTT_URL are not touched. After the faults the bins hand over what they hold, and their
    journals are compared with the database. At the end one guard after the other is taken out, to show that it would
    have been noticed: a control that passes fails the run. All this takes some six minutes more than the faults.

    Needs the extra bontri[demo] and an installed Mosquitto 2 (without one only races for vouchers are run).

    Exit code 0: every promise held; 1: one did not, or something broke off; 3: what was run held, but there is no
    Mosquitto; 130: stopped.

    \b
    Examples:
      bontri chaos --minutes 2 --seed 1
      bontri chaos --minutes 30 --seed 7 --json > chaos.json
    """
    from bontri.charts.pictures import write_picture
    from bontri.embedded.processes import stop_on_signals
    from bontri.progress import Teller
    from reliability.chaos.report import as_text
    from reliability.chaos.run import ChaosOptions, run_chaos

    options = ChaosOptions(
        minutes=minutes,
        seed=seed,
        bins=bins,
        rate_per_s=rate,
        races=races or min(round(minutes * RACES_A_MINUTE), MOST_RACES),
        offline_events=offline_events or min(round(minutes * OFFLINE_EVENTS_A_MINUTE), MOST_OFFLINE_EVENTS),
        gaps_seconds=gaps_seconds,
        with_controls=not no_controls,
    )
    with stop_on_signals():
        run = run_chaos(options, tell := Teller())
    report = run.report()
    written = write_picture(run.timeline, picture) if run.timeline else None
    if written is None:
        report["not_run"]["picture"] = "no storm"
    click.echo(as_json(report) if is_json else as_text(report))
    tell.line(f"Picture: {written}" if written else "No picture was drawn.")
    sys.exit(EXIT_BROKEN if not run.is_ok else 0 if run.is_complete else EXIT_INCOMPLETE)
