"""``bontri reviews``: credits of suspicious deposits, which wait seven days for somebody to look at them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.corrections import REASONS, because
from bontri.commands.tenants import Clock, by_somebody, clock_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.reviews import ListedReview
    from rewards.suspicion import ReviewRules


@click.group()
def reviews() -> None:
    """Look at credits of suspicious deposits before they post themselves, seven days after they were recorded.

    Works on the database of DATABASE_URL; without it on the demo's. No deposit is suspicious unless a rule is in force:
    see bontri reviews rules.
    """


@reviews.command("list")
@of_authority
@click.option("--all", "with_decided", is_flag=True, help="With those that are decided.")
@click.option("--most", type=click.IntRange(1, 10_000), default=100, show_default=True)
@AS_JSON
def list_command(authority: str, with_decided: bool, most: int, is_json: bool) -> None:
    """List credits in review, those that post themselves soonest first. Whose they are is not told.

    \b
    Examples:
      bontri reviews list --authority plaine-commune
      bontri reviews list --authority plaine-commune --all --json
    """
    from rewards.reviews import list_reviews

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_reviews(connection, authority_id=tenant.authority_id, with_decided=with_decided, limit=most)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        click.echo(review_as_line(each, clock))
    if not found:
        click.echo("No credit was ever in review." if with_decided else "No credit waits for a review.")


def review_as_line(review: "ListedReview", clock: Clock) -> str:
    """Write a review in a line."""
    mass = "" if review.mass_g is None else f", {review.mass_g:,} g"
    what = f"{review.points:,} points for {review.items} items of {review.material}{mass} at {review.bin_id}"
    match review.state:
        case "open":
            became = f"posts itself on {clock(review.due_at):.16}"
        case "lapsed":
            became = f"posted itself on {clock(review.decided_at):.16}" if review.decided_at else ""
        case _:
            why = f": {review.reason}, {review.note}" if review.reason else ""
            became = f"{review.state} by {review.decided_by}{why}"
    return f"{review.transfer_id}  {review.rule:14}  {what}; {became}"


@reviews.command("approve")
@click.argument("transfer_id", metavar="TRANSFER", type=click.UUID)
@of_authority
@by_somebody
@AS_JSON
def approve_command(transfer_id: UUID, authority: str, person: str, is_json: bool) -> None:
    """Post a credit in review now: the citizen can spend its points.

    \b
    Example:
      bontri reviews approve 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.reviews import approve_review

    with tenant_in_use(authority) as (connection, tenant):
        points = approve_review(
            connection, transfer_id, authority_id=tenant.authority_id, decided_by=person, now=utc_now()
        )
    click.echo(as_json({"posted_points": points}) if is_json else f"{points:,} points posted.")


@reviews.command("reject")
@click.argument("transfer_id", metavar="TRANSFER", type=click.UUID)
@of_authority
@because(REASONS)
@by_somebody
@AS_JSON
def reject_command(transfer_id: UUID, authority: str, *, reason: Any, note: str, person: str, is_json: bool) -> None:
    """Give no points for a deposit in review. The citizen reads the reason.

    \b
    Example:
      bontri reviews reject 01920000-0000-7000-8000-000000000000 \\
        --authority plaine-commune --reason bin_fault --note "sensor counted rain"
    """
    from ingest.worker import utc_now
    from rewards.reviews import reject_review

    with tenant_in_use(authority) as (connection, tenant):
        points = reject_review(
            connection,
            transfer_id,
            authority_id=tenant.authority_id,
            reason=reason,
            note=note,
            decided_by=person,
            now=utc_now(),
        )
    click.echo(as_json({"voided_points": points}) if is_json else f"{points:,} points are not given.")


@reviews.command("rules")
@of_authority
@click.option("--over-items", type=click.IntRange(0, 200), help="Hold deposits of more items than this; 0: none.")
@click.option(
    "--over-grams", "over_mass_g", type=click.IntRange(0, 2_000_000), help="Hold deposits of more grams; 0: none."
)
@click.option(
    "--doubtful-clocks/--any-clock",
    "holds_doubtful_clocks",
    default=None,
    help="Hold deposits of bins that cannot tell the time.",
)
@AS_JSON
def rules_command(authority: str, is_json: bool, **asked: Any) -> None:
    """Show which deposits are held for a review, or change it. What is not given stays as it is.

    \b
    Examples:
      bontri reviews rules --authority plaine-commune
      bontri reviews rules --authority plaine-commune --over-items 100 --doubtful-clocks
      bontri reviews rules --authority plaine-commune --over-items 0 --over-grams 0 --any-clock
    """
    from rewards.reviews import get_review_rules, set_review_rules

    # A limit of 0 is none; False stays False.
    changes: dict[str, Any] = {
        name: None if value == 0 and value is not False else value for name, value in asked.items() if value is not None
    }
    with tenant_in_use(authority) as (connection, tenant):
        rules = replace(get_review_rules(connection, authority_id=tenant.authority_id), **changes)
        if changes:
            set_review_rules(connection, rules, authority_id=tenant.authority_id)
    click.echo(as_json(rules) if is_json else describe_rules(rules))


def describe_rules(rules: "ReviewRules") -> str:
    """Say which deposits are held."""
    held = []
    if rules.over_items is not None:
        held.append(f"of more than {rules.over_items} items")
    if rules.over_mass_g is not None:
        held.append(f"of more than {rules.over_mass_g:,} g")
    if rules.holds_doubtful_clocks:
        held.append("of bins that cannot tell the time")
    return f"Held for a review are deposits {', '.join(held)}." if held else "No deposit is held for a review."
