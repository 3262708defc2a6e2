"""``bontri simulate-month``: a month of simulated deposits to rehearse tariffs on."""

import datetime
from dataclasses import asdict

import click

from bontri.json_output import AS_JSON, as_json


@click.command("simulate-month")
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="Which, as 2026-10; default: the last that is over.")
@click.option("--deposits", default=400, show_default=True, type=click.IntRange(1, 5000), help="A day, on average.")
@click.option("--seed", default=1, show_default=True, help="Chooses what is left to chance.")
@AS_JSON
def simulate_month(month: datetime.datetime | None, deposits: int, seed: int, is_json: bool) -> None:
    """Record a month of simulated deposits in the demo's database, to rehearse a tariff on and to pay shops for.

    They go to the demo's authority, which is marked as simulated, and which is made if "bontri demo" has not run yet;
    the broker is left out. Running it again with the same month and seed changes nothing.

    \b
    Examples:
      bontri simulate-month
      bontri simulate-month --month 2026-09 --deposits 1000
    """
    from bontri.demo.month import simulate_month as simulate
    from bontri.demo.recording import RecordingError
    from bontri.demo.seed import SLUG
    from bontri.settings import read_settings
    from ingest.worker import utc_now

    now = utc_now()
    first_day = (month.date() if month else now.date().replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
    try:
        simulated = simulate(read_settings(), first_day, deposits_a_day=deposits, seed=seed, now=now)
    except RecordingError as error:
        raise click.ClickException(str(error)) from error
    if is_json:
        click.echo(as_json(asdict(simulated) | {"authority": SLUG, "seed": seed}))
        return
    after = (first_day + datetime.timedelta(days=31)).replace(day=1)
    repeats = f", {simulated.repeats:,} of them recorded before" if simulated.repeats else ""
    click.echo(
        f"{first_day:%Y-%m}, simulated with seed {seed}: {simulated.deposits:,} deposits{repeats}; "
        f"{simulated.credited:,} earned {simulated.points:,} points; {simulated.redeemed:,} vouchers redeemed."
    )
    click.echo(f"Rehearse on it: bontri tariffs rehearse DRAFT --authority {SLUG} --from {first_day} --until {after}")
    click.echo(f"Pay its shops:  bontri settle --authority {SLUG} --month {first_day:%Y-%m} --lock --pdf statements")
