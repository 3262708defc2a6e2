"""``bontri verify``: check the invariants of the database in use, or of the demo's."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from bontri.demo.folder import DemoFolder
from bontri.demo.run import summary_of
from bontri.demo.services import DATABASE
from bontri.embedded.errors import DataFolderBusyError
from bontri.embedded.postgres import running_postgres
from bontri.settings import Settings
from rewards.database import open_engine
from rewards.verify import Verification, verify


def verify_database(settings: Settings) -> Verification:
    """Verify the database of ``DATABASE_URL``, else the demo's, started for this if it is not running."""
    with database_in_use(settings) as url:
        engine = open_engine(url, role="bontri_reader")
        try:
            return verify(engine)
        finally:
            engine.dispose()


@contextmanager
def database_in_use(settings: Settings) -> Iterator[str]:
    """Give the address of the database to look at, for the time of the block."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    try:
        with running_postgres(settings.data_dir) as server:
            yield server.url(DATABASE)
    except DataFolderBusyError:
        running = DemoFolder(settings.data_dir).find_running_database()
        if running is None:
            raise
        yield running


def print_verification(verification: Verification, *, is_json: bool) -> None:
    """Print every invariant and how often it is broken."""
    if is_json:
        click.echo(json.dumps(summary_of(verification), indent=2))
        return
    for authority, counts in verification.counts.items():
        click.echo(
            f"{authority}: " + ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items())
        )
    for finding in verification.findings:
        verdict = f"{finding.violations} violations, such as {finding.samples}" if finding.violations else "holds"
        click.echo(f"  {finding.authority}: {finding.invariant.replace('_', ' ')}: {verdict}")
    click.echo("Every invariant holds." if verification.is_sound else "INVARIANTS ARE BROKEN.")
