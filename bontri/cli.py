"""The ``bontri`` command. Read from here: each command composes one part of the house and nothing else."""

import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from bontri import __version__
from bontri.commands.agents import agents
from bontri.commands.alarms import alarms
from bontri.commands.bench import bench
from bontri.commands.bins import bins
from bontri.commands.broker import broker
from bontri.commands.budgets import budgets
from bontri.commands.campaigns import campaigns
from bontri.commands.cards import cards
from bontri.commands.causes import causes
from bontri.commands.chaos import chaos
from bontri.commands.commands import commands
from bontri.commands.corrections import corrections
from bontri.commands.display import display
from bontri.commands.docs import docs
from bontri.commands.goals import goals
from bontri.commands.jobs import jobs
from bontri.commands.ledger import ledger
from bontri.commands.letters import letters
from bontri.commands.liability import liability
from bontri.commands.offers import offers
from bontri.commands.operator_keys import operator_keys
from bontri.commands.privacy import privacy
from bontri.commands.quarantine import quarantine
from bontri.commands.races import races
from bontri.commands.restore_epoch import restore_epoch
from bontri.commands.reviews import reviews
from bontri.commands.settle import settle, settlements
from bontri.commands.shop_keys import shop_keys
from bontri.commands.simulate_faults import simulate_faults
from bontri.commands.simulate_month import simulate_month
from bontri.commands.stats import stats
from bontri.commands.tariffs import tariffs
from bontri.commands.vouchers import vouchers
from bontri.commands.wallets import wallets
from bontri.embedded.processes import Stopped
from bontri.json_output import AS_JSON, as_json

EXIT_FAILED = 1
EXIT_STOPPED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Connected recycling bins, points in a double-entry ledger, vouchers at local shops.

    Start with "bontri demo": it needs nothing but Python and shows the whole path.
    """


@cli.command()
@click.option("--bins", default=60, show_default=True, type=click.IntRange(1, 600), help="Bins that report deposits.")
@click.option(
    "--rate", default=20.0, show_default=True, type=click.FloatRange(0.1, 2000), help="Deposits per second of all bins."
)
@click.option("--for", "for_s", type=click.FloatRange(min=1), help="Stop after this many seconds; else on Ctrl-C.")
@click.option("--seed", default=1, show_default=True, help="Chooses what is left to chance.")
@click.option(
    "--history-days",
    default=365,
    show_default=True,
    type=click.IntRange(0, 730),
    help="Days of simulated deposits a new demo begins with; 0: none.",
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON summary at the end, and nothing before.")
def demo(*, bins: int, rate: float, for_s: float | None, seed: int, history_days: int, is_json: bool) -> None:
    """Show the whole path on real services: deposits, points, a voucher, its redemption.

    Starts a private PostgreSQL and MQTT broker unless DATABASE_URL and MQTT_URL name real ones. A new demo simulates a
    year of deposits first, so that every figure has something to show; later starts go on with it. Exits with 1 if the
    story breaks off or an invariant is broken.

    \b
    Examples:
      bontri demo
      bontri demo --for 20 --json --history-days 0
      bontri demo --bins 200 --rate 100
    """
    from bontri.demo.history.rollout import SHORTEST_DAYS
    from bontri.demo.run import DemoOptions, run_demo
    from bontri.settings import read_settings

    if 0 < history_days < SHORTEST_DAYS:
        raise click.UsageError(f"--history-days is 0, or {SHORTEST_DAYS} and more")
    settings = read_settings()
    sys.exit(run_demo(settings, DemoOptions(bins, rate, for_s, seed, is_json, history_days)))


@cli.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Worker processes on one shared subscription; default: BONTRI_INGEST_WORKERS, 1.",
)
@click.option("--report-to", type=click.Path(path_type=Path), hidden=True, help="Socket of the group's parent.")
def ingest(workers: int | None, report_to: Path | None) -> None:
    """Take messages from MQTT_URL and commit them to DATABASE_URL, until SIGTERM or Ctrl-C.

    With more than one worker a parent process starts the others, and starts again whichever ends. Exits with 1 when
    database or broker cannot be used at the start, and when it is stuck; then start it again.

    \b
    Examples:
      bontri ingest
      bontri ingest --workers 4
      BONTRI_INGEST_HTTP_PORT=9464 bontri ingest     # /metrics, /healthz, /readyz on loopback
    """
    from bontri.logs import configure_logs
    from bontri.settings import SECRETS, read_settings
    from bontri.worker import run_worker
    from bontri.worker_group import run_worker_group

    settings = read_settings("DATABASE_URL", "MQTT_URL", *SECRETS)
    settings = replace(settings, ingest_workers=1 if report_to else workers or settings.ingest_workers)
    configure_logs(settings, worker=settings.mqtt_client_id)
    if settings.ingest_workers > 1:
        run_worker_group(settings)
    else:
        run_worker(settings, report_to=report_to)


@cli.command()
def api() -> None:
    """Serve the API for citizens, shops and authorities."""
    from bontri.api import REQUIRED, run_api
    from bontri.settings import read_settings

    run_api(read_settings(*REQUIRED))


@cli.command()
def migrate() -> None:
    """Bring the database to the newest schema; safe to run twice and at once."""
    from bontri.settings import read_settings
    from rewards.database import migrate as run_migrations
    from rewards.database import open_engine

    engine = open_engine(read_settings("DATABASE_URL").database_url or "", role="owner")
    with engine.connect() as connection:
        run_migrations(connection)
    click.echo("The schema is up to date.")


@cli.command()
@AS_JSON
def verify(is_json: bool) -> None:
    """Check that the books balance and nothing is missing; exits with 1 when an invariant is broken.

    Without DATABASE_URL it looks at the database of the demo in BONTRI_DATA_DIR.
    """
    from bontri.settings import read_settings
    from bontri.verification import print_verification, verify_database

    verification = verify_database(read_settings())
    print_verification(verification, is_json=is_json)
    sys.exit(0 if verification.is_sound else EXIT_FAILED)


@cli.command()
@click.option("--bins", type=click.IntRange(min=1), help="Use only the first N bins of the file.")
@click.option(
    "--rate", default=10.0, show_default=True, type=click.FloatRange(0.01), help="Deposits per second of all."
)
@click.option("--for", "for_s", type=click.FloatRange(min=0.1), help="Seconds of deposits; else until Ctrl-C.")
@click.option("--fleet", type=click.Path(path_type=Path), help="File of provisioned bins; default: a running demo's.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the bins keep their journals.")
@click.option("--seed", default=2, show_default=True, help="Chooses what is left to chance.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON summary at the end.")
def simulate(  # noqa: PLR0917 (click passes options by name)
    bins: int | None,
    rate: float,
    for_s: float | None,
    fleet: Path | None,
    folder: Path | None,
    seed: int,
    is_json: bool,
) -> None:
    """Let simulated bins report deposits to a broker; exits with 1 when one is left without a receipt.

    \b
    Examples, beside a running demo:
      bontri simulate --bins 100 --rate 50 --for 20
      bontri simulate --fleet my-fleet.json --rate 5
    """
    from bontri.settings import read_settings
    from bontri.simulation import simulate_fleet

    data_dir = read_settings().data_dir
    counts = simulate_fleet(
        fleet or data_dir / "fleet.json",
        bins=bins,
        rate_per_s=rate,
        for_s=for_s,
        seed=seed,
        folder=folder or data_dir / "bins",
        is_json=is_json,
    )
    sys.exit(0 if counts.is_drained else EXIT_FAILED)


@cli.command("expire-vouchers")
def expire_vouchers_command() -> None:
    """Give the points of expired vouchers back; the same as: bontri jobs once expire-vouchers."""
    from bontri.jobs.expiring import expire_vouchers_of, for_all
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings

    with engine_in_use(read_settings(), role="bontri_api") as engine:
        expired = for_all(engine, expire_vouchers_of, role="bontri_api")["vouchers"]
    click.echo(f"{expired} vouchers expired; their points are back in their wallets.")


@cli.command()
@AS_JSON
def settings(is_json: bool) -> None:
    """List every setting, its default and what it is for, and check those of this environment."""
    from bontri.settings import TABLE, read_settings

    if is_json:
        table = [{"name": each.variable, "default": each.default, "purpose": each.purpose} for each in TABLE]
        click.echo(as_json(table))
    else:
        for setting in TABLE:
            default = "" if setting.default is None else f" (default {setting.default})"
            click.echo(f"{setting.variable}{default}\n    {setting.purpose}")
        click.echo("\nNAME_FILE may name a file that holds the value of NAME.")
    read_settings()


@cli.command("new-secret")
def new_secret() -> None:
    """Print a fresh secret for one of the *_KEY and *_PEPPER settings."""
    from bontri.settings import SECRET_BYTES

    click.echo(secrets.token_hex(SECRET_BYTES))


cli.add_command(agents)
cli.add_command(alarms)
cli.add_command(bench)
cli.add_command(bins)
cli.add_command(broker)
cli.add_command(budgets)
cli.add_command(campaigns)
cli.add_command(cards)
cli.add_command(causes)
cli.add_command(chaos)
cli.add_command(commands)
cli.add_command(corrections)
cli.add_command(display)
cli.add_command(docs)
cli.add_command(goals)
cli.add_command(jobs)
cli.add_command(ledger)
cli.add_command(letters)
cli.add_command(liability)
cli.add_command(offers)
cli.add_command(operator_keys)
cli.add_command(privacy)
cli.add_command(quarantine)
cli.add_command(races)
cli.add_command(restore_epoch)
cli.add_command(reviews)
cli.add_command(settle)
cli.add_command(settlements)
cli.add_command(shop_keys)
cli.add_command(simulate_faults)
cli.add_command(simulate_month)
cli.add_command(stats)
cli.add_command(tariffs)
cli.add_command(vouchers)
cli.add_command(wallets)


def fail(words: str, code: int) -> NoReturn:
    """Print one sentence and exit."""
    click.echo(f"bontri: {words}", err=True)
    sys.exit(code)


def main() -> None:
    """Run the command; known failures are told in a sentence, without a traceback."""
    try:
        cli()
    except (Stopped, KeyboardInterrupt):
        fail("stopped", EXIT_STOPPED)
    except Exception as error:
        from bontri.failures import find_words

        found = find_words(error)
        if found is None:
            raise
        fail(*found)
