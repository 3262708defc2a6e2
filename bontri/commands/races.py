"""``bontri races``: 64 at once for one voucher, one last piece, five tries."""

import sys

import click

from bontri.json_output import as_json

EXIT_BROKEN = 1


@click.command("races")
@click.option(
    "--races", default=10_000, show_default=True, type=click.IntRange(1), help="For vouchers; a tenth for the others."
)
@click.option("--seed", default=1, show_default=True, help="Chooses who is in the town.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON at the end; progress goes to standard error.")
def races(races: int, seed: int, is_json: bool) -> None:
    """Let 64 race for one voucher, for the last of a stock, for a shop's five tries, thousands of times.

    Runs on a PostgreSQL of its own, whatever DATABASE_URL says; needs bontri[demo] and no broker. At the end one
    redemption without its guard must be paid more than once, else the run fails: it would not have noticed.

    Exit code 0: every race went as it must; 1: one did not, or the control was not noticed; 130: stopped.

    \b
    Examples:
      bontri races
      bontri races --races 200 --json
    """
    from bontri.embedded.processes import stop_on_signals
    from bontri.progress import Teller
    from reliability.chaos.racing import races_as_text, run_races

    with stop_on_signals():
        held = run_races(races=races, seed=seed, tell=Teller())
    report = held.report()
    click.echo(as_json(report) if is_json else races_as_text(report))
    sys.exit(0 if held.is_ok else EXIT_BROKEN)
