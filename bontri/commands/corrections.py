"""``bontri corrections``: taking back a wrong credit, giving expired points back, crediting missing ones, by two."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.tenants import Command, Text, by_somebody, clock_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.corrections import Corrected, Granted, Reinstated

REASONS = ("bin_fault", "wrong_card", "fraud", "mistake")
REINSTATEMENT_REASONS = ("outage", "hardship", "mistake")
CREDIT_REASONS = ("bin_fault", "outage", "mistake")
LONGEST_NOTE = 500


def because(reasons: Sequence[str]) -> Callable[[Command], Command]:
    """Give a command the options that say why: to the citizen, and to the authority's people."""

    def give(command: Command) -> Command:
        noted = click.option(
            "--note", type=Text(LONGEST_NOTE), required=True, help="For those who decide, and for later."
        )(command)
        return click.option("--reason", type=click.Choice(reasons), required=True, help="Told to the citizen.")(noted)

    return give


@click.group()
def corrections() -> None:
    """Take back wrong credits, give back expired points, credit missing ones: one person asks, a second one decides.

    Works on the database of DATABASE_URL; without it on the demo's. Points that were spent meanwhile are the
    authority's loss, and shown as such.
    """


@corrections.command("request")
@click.argument("transfer_id", metavar="TRANSFER", type=click.UUID)
@of_authority
@because(REASONS)
@by_somebody
@AS_JSON
def request_command(transfer_id: UUID, **asked: Any) -> None:
    """Ask that the credit of a deposit be taken back. Nothing moves before somebody else approves it.

    \b
    Example:
      bontri corrections request 01920000-0000-7000-8000-000000000000 \\
        --authority plaine-commune --reason bin_fault --note "counted twice, sensor changed"
    """
    from rewards.corrections import request_correction

    ask(request_correction, transfer_id, **asked)


@corrections.command("reinstate")
@click.argument("transfer_id", metavar="TRANSFER", type=click.UUID)
@of_authority
@because(REINSTATEMENT_REASONS)
@by_somebody
@AS_JSON
def reinstate_command(transfer_id: UUID, **asked: Any) -> None:
    """Ask that points which expired be given back, to be spent within 30 days. TRANSFER is their expiry.

    \b
    Example:
      bontri corrections reinstate 01920000-0000-7000-8000-000000000000 \\
        --authority plaine-commune --reason outage --note "no shop could redeem in the last week"
    """
    from rewards.corrections import request_reinstatement

    ask(request_reinstatement, transfer_id, **asked)


@corrections.command("credit")
@click.argument("transfer_id", metavar="TRANSFER", type=click.UUID)
@of_authority
@click.option("--points", type=click.IntRange(1, 100_000), required=True, help="How many are missing.")
@because(CREDIT_REASONS)
@by_somebody
@AS_JSON
def credit_command(transfer_id: UUID, points: int, **asked: Any) -> None:
    """Ask that points be credited which the credit of a deposit lacked. TRANSFER is that credit.

    \b
    Example:
      bontri corrections credit 01920000-0000-7000-8000-000000000000 \\
        --authority plaine-commune --points 12 --reason bin_fault --note "counted one of thirteen"
    """
    from rewards.corrections import request_credit

    ask(partial(request_credit, points=points), transfer_id, **asked)


def ask(
    request: Callable[..., UUID],
    transfer_id: UUID,
    *,
    authority: str,
    reason: str,
    note: str,
    person: str,
    is_json: bool,
) -> None:
    """Ask for a correction by one of the functions that do, and say who has to decide."""
    from ingest.worker import utc_now

    with tenant_in_use(authority) as (connection, tenant):
        correction_id = request(
            connection,
            transfer_id,
            authority_id=tenant.authority_id,
            reason=reason,
            note=note,
            requested_by=person,
            now=utc_now(),
        )
    said = f"{correction_id}  asked for; somebody else must approve it with bontri corrections approve"
    click.echo(as_json({"correction_id": correction_id}) if is_json else said)


@corrections.command("approve")
@click.argument("correction_id", metavar="CORRECTION", type=click.UUID)
@of_authority
@by_somebody
@AS_JSON
def approve_command(correction_id: UUID, authority: str, person: str, is_json: bool) -> None:
    """Approve a correction somebody else asked for: its points go back where they came from.

    \b
    Example:
      bontri corrections approve 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.corrections import approve_correction

    with tenant_in_use(authority) as (connection, tenant):
        done = approve_correction(
            connection, correction_id, authority_id=tenant.authority_id, decided_by=person, now=utc_now()
        )
    if is_json:
        click.echo(as_json(done))
        return
    click.echo(describe(done))


def describe(done: "Corrected | Reinstated | Granted") -> str:
    """Say what an approval came to."""
    from rewards.corrections import Granted, Reinstated

    if isinstance(done, Granted):
        return f"{done.granted_points:,} points credited."
    if isinstance(done, Reinstated):
        return f"{done.returned_points:,} points given back."
    expired = f"; {done.expired_points:,} had expired unspent" if done.expired_points else ""
    spent = f"; {done.lost_points:,} were spent before and are the authority's loss" if done.lost_points else ""
    return f"{done.taken_points:,} points taken back{expired}{spent}."


@corrections.command("reject")
@click.argument("correction_id", metavar="CORRECTION", type=click.UUID)
@of_authority
@by_somebody
@AS_JSON
def reject_command(correction_id: UUID, authority: str, person: str, is_json: bool) -> None:
    """Reject a correction, also one's own: the points stay where they are.

    \b
    Example:
      bontri corrections reject 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.corrections import reject_correction

    with tenant_in_use(authority) as (connection, tenant):
        reject_correction(connection, correction_id, authority_id=tenant.authority_id, decided_by=person, now=utc_now())
    click.echo(as_json({"correction_id": correction_id}) if is_json else "Rejected; no points were moved.")


@corrections.command("list")
@of_authority
@click.option("--all", "with_decided", is_flag=True, help="With those that are decided.")
@click.option("--most", type=click.IntRange(1, 10_000), default=100, show_default=True)
@AS_JSON
def list_command(authority: str, with_decided: bool, most: int, is_json: bool) -> None:
    """List corrections, newest first: those to be decided, or all.

    \b
    Examples:
      bontri corrections list --authority plaine-commune
      bontri corrections list --authority plaine-commune --all --json
    """
    from rewards.corrections import list_corrections

    with tenant_in_use(authority) as (connection, tenant):
        found = list_corrections(connection, authority_id=tenant.authority_id, with_decided=with_decided, limit=most)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        taken = (
            ""
            if each.taken_points is None
            else f", {each.taken_points:,} taken, {each.expired_points:,} expired, {each.lost_points:,} lost"
        )
        decided = f"; {each.state} by {each.decided_by}{taken}" if each.decided_by else ""
        what = f"{each.correction_id}  {each.kind} of {each.points:,} points, {each.reason}"
        asked = f"{clock(each.requested_at)}  {what}"
        click.echo(f"{asked}, asked for by {each.requested_by}: {each.note}{decided}")
    if not found:
        click.echo("Nothing is to be decided." if not with_decided else "No correction was asked for.")
