"""``bontri quarantine``: list, show, replay and prune what could not be accepted."""

import datetime
import sys
from typing import get_args

import click

from bontri.commands.durations import Duration
from bontri.json_output import as_json


def check_code(_context: click.Context, _option: click.Parameter, code: str | None) -> str | None:
    """Accept only codes there are, so that a slip does not look like an empty quarantine."""
    from ingest.verification import MessageCode
    from rewards.acceptance import RefusalCode

    known = sorted({*get_args(MessageCode), *get_args(RefusalCode), "schema", "event_conflict"})
    if code is not None and code not in known:
        raise click.BadParameter(f"there is no code {code!r}; there are {', '.join(known)}")
    return code


AUTHORITY = click.option("--authority", metavar="SLUG", help="Only this authority; 0: what names none of ours.")
BIN = click.option("--bin", "bin_id", metavar="BIN", help="Only of this bin.")
CODE = click.option("--code", metavar="CODE", callback=check_code, help="Only what is refused by this code.")
JSON = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


@click.group("quarantine")
def quarantine() -> None:
    """Look at messages that could not be accepted, have them tried again, remove old ones.

    Works on DATABASE_URL, without it on the demo of BONTRI_DATA_DIR.

    \b
    Examples:
      bontri quarantine list --code unknown_bin
      bontri quarantine replay --code unknown_bin
    """


@quarantine.command("list")
@AUTHORITY
@BIN
@CODE
@click.option("--since", type=Duration(), help="Only what was received within this time, such as 2h.")
@click.option("--all", "with_done", is_flag=True, help="Also what has been replayed and waits no more.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="Messages shown.")
@JSON
def list_command(  # noqa: PLR0917 (click passes options by name)
    authority: str | None,
    bin_id: str | None,
    code: str | None,
    since: datetime.timedelta | None,
    with_done: bool,
    limit: int,
    is_json: bool,
) -> None:
    """List what waits in quarantine: counts by code, then messages, the last received first.

    The bytes are not shown; see "bontri quarantine show".

    \b
    Examples:
      bontri quarantine list --since 2h
      bontri quarantine list --authority plaine-commune --bin BIN-0007-A
      bontri quarantine list --code bad_signature --json
    """
    from bontri.quarantine.desk import open_desk
    from bontri.quarantine.listing import print_list
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.quarantine import Selection

    selection = Selection(bin_id, code, utc_now() - since if since else None, with_done)
    with open_desk(read_settings()) as desk:
        print_list(desk, selection, authority=authority, limit=limit, is_json=is_json)


@quarantine.command("show")
@click.argument("message_id", metavar="ID")
@AUTHORITY
@click.option("--bytes", "with_bytes", is_flag=True, help="Decrypt and print the bytes; they may hold a badge.")
@JSON
def show_command(message_id: str, authority: str | None, with_bytes: bool, is_json: bool) -> None:
    """Show everything about one message; ID is what the list shows, or any clear beginning of it.

    The bytes are printed only with --bytes, with control characters escaped. They may hold a badge: treat them as
    personal. To read them BONTRI_STORAGE_KEY is needed.

    \b
    Examples:
      bontri quarantine show 9f0c2a64d1e8
      bontri quarantine show 9f0c2a64d1e8 --bytes
    """
    from bontri.quarantine.desk import find_storage_keyring, open_desk
    from bontri.quarantine.listing import print_message
    from bontri.settings import read_settings

    settings = read_settings()
    with open_desk(settings) as desk:
        keyring = find_storage_keyring(settings) if with_bytes else None
        print_message(desk, message_id, authority=authority, keyring=keyring, is_json=is_json)


@quarantine.command("replay")
@click.argument("message_ids", metavar="[ID]...", nargs=-1)
@AUTHORITY
@BIN
@CODE
@click.option("--no-wait", is_flag=True, help="Only ask the workers; do not wait for what comes of it.")
@JSON
def replay_command(  # noqa: PLR0917 (click passes options by name)
    message_ids: tuple[str, ...],
    authority: str | None,
    bin_id: str | None,
    code: str | None,
    no_wait: bool,
    is_json: bool,
) -> None:
    """Have messages tried again once their cause is mended; each event has its effect once, however often.

    A running worker does it, with the time each message was received at. What is refused again stays, with its new
    code. Exits with 1 when no worker takes the messages up within 15 s; they stay requested.

    \b
    Examples:
      bontri quarantine replay 9f0c2a64d1e8
      bontri quarantine replay --code unknown_material --authority plaine-commune
      bontri quarantine replay --bin BIN-0007-A --no-wait
    """
    from bontri.embedded.processes import Stopped, stop_on_signals
    from bontri.quarantine import replaying
    from bontri.quarantine.desk import open_desk
    from bontri.quarantine.refusals import ReplayNotTakenUpError
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.quarantine import Selection

    if message_ids and (bin_id or code):
        raise click.UsageError("Name messages by id, or choose them with --bin and --code; not both.")
    if not (message_ids or authority or bin_id or code):
        raise click.UsageError("Say what to replay: ids, or --code, --bin, --authority.")
    with stop_on_signals(), open_desk(read_settings()) as desk:
        now = utc_now()
        try:
            if message_ids:
                request = replaying.request_messages(desk, message_ids, authority=authority, now=now)
            else:
                request = replaying.request_selected(desk, Selection(bin_id, code), authority=authority, now=now)
            is_done = no_wait or replaying.wait_with_a_bar(desk, request, is_quiet=is_json)
        except Stopped:
            click.echo("What was requested and not replayed yet stays requested.", err=True)
            raise
        outcomes = replaying.read_outcomes(desk, request)
        replaying.print_outcomes(outcomes, is_json=is_json)
        if not is_done:
            raise ReplayNotTakenUpError(outcomes.waiting, patience_s=replaying.PATIENCE_S)


@quarantine.command("prune")
@JSON
def prune_command(is_json: bool) -> None:
    """Remove what was last received more than 35 days ago; for cron, safe to run twice and at once.

    Numbers and codes of refused events stay, so that every number of a bin stays accounted for; messages, details
    and the counters of what was above the bound go.

    \b
    Example:
      bontri quarantine prune
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from bontri.embedded.processes import stop_on_signals
    from bontri.quarantine.desk import open_desk
    from bontri.quarantine.pruning import prune_quarantine
    from bontri.settings import read_settings
    from ingest.worker import utc_now

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} messages removed"))
    progress = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with stop_on_signals(), open_desk(read_settings()) as desk, progress:
        task = progress.add_task("", total=None)
        messages, counters = prune_quarantine(
            desk, now=utc_now(), on_progress=lambda done: progress.update(task, completed=done)
        )
    if is_json:
        click.echo(as_json({"messages": messages, "counters": counters}))
    else:
        click.echo(f"{messages:,} messages removed, and {counters:,} counters; every number stays accounted for.")
