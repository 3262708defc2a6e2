"""``bontri verify``: check the invariants of the database in use, or of the demo's."""

import click

from bontri.demo.run import summary_of
from bontri.json_output import as_json
from bontri.operating import engine_in_use
from bontri.settings import Settings
from ingest.worker import utc_now
from rewards.verify import Verification, verify


def verify_database(settings: Settings) -> Verification:
    """Verify the database of ``DATABASE_URL``, else the demo's, started for this if it is not running."""
    with engine_in_use(settings, role="bontri_reader") as engine:
        return verify(engine, now=utc_now())


def print_verification(verification: Verification, *, is_json: bool) -> None:
    """Print every invariant and how often it is broken."""
    if is_json:
        click.echo(as_json(summary_of(verification)))
        return
    for authority, counts in verification.counts.items():
        click.echo(
            f"{authority}: " + ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items())
        )
    for finding in verification.findings:
        verdict = f"{finding.violations} violations, such as {finding.samples}" if finding.violations else "holds"
        click.echo(f"  {finding.authority}: {finding.invariant.replace('_', ' ')}: {verdict}")
    click.echo("Every invariant holds." if verification.is_sound else "INVARIANTS ARE BROKEN.")
