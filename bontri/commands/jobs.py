"""``bontri jobs``: the process that does what has to be done again and again, its state, and single jobs for cron."""

import sys
from typing import Any

import click

from bontri.commands.tenants import Clock, clock_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

CRON_JOBS = (
    "expire-vouchers",
    "expire-points",
    "close-goals",
    "warn-of-expiry",
    "post-reviewed-credits",
    "lock-statements",
    "count-holders",
    "fold-days",
    "prune-commands",
    "prune-letters",
    "prune-quarantine",
    "retain",
    "erase-requested",
    "erase-inactive",
    "prune-sign-ins",
    "send-letters",
    "weigh-rounds",
)


NO_REGISTER = "BONTRI_ERASURE_REGISTER is not set: a restore would bring back who was erased"
MISSING = {
    "send-letters": "BONTRI_MAIL_URL is not set: send-letters has no mail server",
    "erase-requested": NO_REGISTER,
    "erase-inactive": NO_REGISTER,
}
"""What a job lacks that the settings do not allow."""


@click.group()
def jobs() -> None:
    """Do what has to be done again and again: expiry, goals, reviews, warnings, letters, statements of shops, rounds,
    pruning.

    One process does it all (several may share it); or have cron do one job at a time.
    """


@jobs.command("run")
def run_command() -> None:
    """Run jobs as they fall due, until SIGTERM or Ctrl-C. Several such processes share the work.

    Works on the database of DATABASE_URL; without it on that of a running demo.

    \b
    Example:
      bontri jobs run
    """
    from bontri.jobs.running import run_jobs
    from bontri.settings import read_settings
    from bontri.signals import stop_event

    run_jobs(read_settings(), stop_event())


@jobs.command("once")
@click.argument("job", type=click.Choice(CRON_JOBS))
@AS_JSON
def once_command(job: str, is_json: bool) -> None:
    """Do one job for every authority now; for cron, safe to run twice and at once.

    \b
    Examples:
      bontri jobs once expire-points
      bontri jobs once warn-of-expiry --json
    """
    from bontri.embedded.processes import stop_on_signals
    from bontri.jobs.catalogue import list_jobs_of
    from bontri.jobs.expiring import for_all
    from bontri.operating import engine_in_use
    from bontri.settings import SettingsError, read_settings

    settings = read_settings()
    found = next((each for each in list_jobs_of(settings) if each.name == job), None)
    if found is None:
        raise SettingsError([MISSING[job]])
    with stop_on_signals(), engine_in_use(settings, role=found.role) as engine:
        outcome = for_all(engine, found.work, role=found.role)
    if is_json:
        click.echo(as_json(dict(outcome)))
        return
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in outcome.items())
    click.echo(f"{job}: {told or 'there is no authority'}.")


@jobs.command("list")
@of_authority
@AS_JSON
def list_command(authority: str, is_json: bool) -> None:
    """List the jobs of an authority: when each is due, and how its last run went. Exits with 1 when one fails.

    \b
    Example:
      bontri jobs list --authority plaine-commune
    """

    from rewards.jobs import list_jobs

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_jobs(connection, authority_id=tenant.authority_id)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
    else:
        for each in found:
            click.echo(f"{each.job:21} due {clock(each.due_at)}  {describe(each, clock)}")
        if not found:
            click.echo("No job has run yet: start bontri jobs run.")
    if any(each.failures for each in found):
        sys.exit(1)


def describe(state: Any, clock: Clock) -> str:
    """Say how the last run of a job went."""
    if state.failures:
        return f"FAILED {state.failures} times in a row: {(state.outcome or {}).get('fault')}"
    if state.leased_until is not None:
        return f"running since {clock(state.started_at)}"
    if state.outcome is None:
        return "has not run yet"
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in state.outcome.items())
    return f"last {clock(state.ended_at)}: {told}"
