"""``bontri ledger``: what accounts hold, held at any time, and every entry of one."""

import csv
import datetime
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.tenants import Clock, clock_of, instant_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json
from rewards.instants import write_instant

if TYPE_CHECKING:
    from rewards.ledger import Entry

DAY_OR_INSTANT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
KINDS = (
    "issuing",
    "shop",
    "cause",
    "goal",
    "loss",
    "bonus",
    "expired",
    "forfeited",
    "network",
    "settled",
    "adjustment",
    "lot",
)
COLUMNS = (
    "recorded_at",
    "phase",
    "points",
    "posted_points",
    "pending_points",
    "why",
    "other_account_id",
    "transfer_id",
)


@click.group()
def ledger() -> None:
    """Read the double-entry ledger: accounts, balances at any time, statements with a running balance.

    Works on the database of DATABASE_URL; without it on the demo's. Changes nothing. Days and times are the
    authority's.
    """


@ledger.command("accounts")
@of_authority
@click.option("--kind", type=click.Choice(KINDS), help="Only of this kind; default: all but citizens' lots.")
@AS_JSON
def accounts_command(authority: str, kind: str | None, is_json: bool) -> None:
    """List accounts with what they hold now, and whose they are.

    \b
    Examples:
      bontri ledger accounts --authority plaine-commune --kind shop
      bontri ledger accounts --authority plaine-commune --json
    """
    from rewards.ledger import list_accounts

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_accounts(connection, authority_id=tenant.authority_id, kind=kind)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        pending = f", {each.pending_points:+,} pending" if each.pending_points else ""
        click.echo(f"{each.account_id}  {each.kind:10} {each.posted_points:>12,}{pending}  {each.owner or ''}".rstrip())
    if not found:
        click.echo("There is no such account.")


@ledger.command("balance")
@click.argument("account_id", metavar="ACCOUNT", type=click.UUID)
@of_authority
@click.option("--at", type=DAY_OR_INSTANT, metavar="DATE", help="Then instead of now; a day means its beginning.")
@AS_JSON
def balance_command(account_id: UUID, authority: str, at: datetime.datetime | None, is_json: bool) -> None:
    """Say what an account holds, or held at a time: summed from its transfers, which are never changed.

    \b
    Examples:
      bontri ledger balance 01920000-0000-7000-8000-000000000000 --authority plaine-commune
      bontri ledger balance 01920000-0000-7000-8000-000000000000 --authority plaine-commune --at 2026-11-01
    """
    from rewards.ledger import get_balance, require_account

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        require_account(connection, account_id, authority_id=tenant.authority_id)
        instant = instant_of(connection, at, authority_id=tenant.authority_id)
        found = get_balance(connection, account_id, authority_id=tenant.authority_id, at=instant)
    if is_json:
        click.echo(as_json({"at": instant, **asdict(found)}))
        return
    pending = f", {found.pending_points:+,} pending" if found.pending_points else ""
    click.echo(f"{found.posted_points:,} points{pending}")


@ledger.command("statement")
@click.argument("account_id", metavar="ACCOUNT", type=click.UUID)
@of_authority
@click.option("--from", "since", type=DAY_OR_INSTANT, metavar="DATE", help="From then on.")
@click.option("--until", type=DAY_OR_INSTANT, metavar="DATE", help="Before then.")
@click.option("--most", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True)
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
def statement_command(account_id: UUID, authority: str, form: str | None, most: int, **period: Any) -> None:
    """List every entry of an account with its balance after it, oldest first.

    \b
    Examples:
      bontri ledger statement 01920000-0000-7000-8000-000000000000 --authority plaine-commune
      bontri ledger statement 01920000-0000-7000-8000-000000000000 --authority plaine-commune \\
        --from 2026-10-01 --until 2026-11-01 --csv > october.csv
    """
    from rewards.ledger import list_entries, require_account

    if period["since"] and period["until"] and period["until"] <= period["since"]:
        raise click.UsageError("--until is not after --from")
    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        require_account(connection, account_id, authority_id=tenant.authority_id)
        instants = {
            name: instant_of(connection, local, authority_id=tenant.authority_id) for name, local in period.items()
        }
        entries = list_entries(connection, account_id, authority_id=tenant.authority_id, limit=most, **instants)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    click.echo(FORMS[form](entries) if form else entries_as_text(entries, clock), nl=False)
    if len(entries) == most:
        click.echo(f"Only the first {most:,} entries: ask for more with --most, or for a shorter time.", err=True)


def entries_as_text(entries: "Sequence[Entry]", clock: Clock) -> str:
    """Write a line an entry, for people."""
    lines = [
        f"{clock(each.recorded_at)}  {each.phase:7} {each.points:>+8,}"
        f" {each.posted_points:>12,} {each.pending_points:>+8,}  {why(each)}"
        for each in entries
    ]
    return "\n".join([*lines, ""]) if lines else "No entry in this period.\n"


def entries_as_json(entries: "Sequence[Entry]") -> str:
    """Write entries as JSON."""
    return as_json(entries) + "\n"


def why(entry: "Entry") -> str:
    """Say in a word and a number why an entry exists."""
    if entry.voucher_id:
        return f"voucher {entry.voucher_id}"
    if entry.reason:
        return f"{entry.reason} {entry.cause_id or ''}".rstrip()
    return f"deposit {entry.journal_no}-{entry.seq}"


def entries_as_csv(entries: "Sequence[Entry]") -> str:
    """Write entries as CSV; no cell of it is anybody's own words."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in entries:
        facts = {**asdict(each), "recorded_at": write_instant(each.recorded_at), "why": why(each)}
        writer.writerow(facts[column] for column in COLUMNS)
    return written.getvalue()


FORMS = {"csv": entries_as_csv, "json": entries_as_json}
