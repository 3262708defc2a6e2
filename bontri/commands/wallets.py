"""``bontri wallets``: read a wallet out to its holder, put two together, let a member leave."""

from dataclasses import asdict

import click

from bontri.commands.holders import Holder, HolderType, counter_of
from bontri.commands.tenants import by_somebody, of_authority
from bontri.json_output import AS_JSON, as_json


@click.group()
def wallets() -> None:
    """Read wallets, and put them together or part them, for households.

    Works on the database of DATABASE_URL; without it on the demo's. A HOLDER is card:VALUE, email:ADDRESS or
    citizen:ID; card:- asks for what was read from the card.
    """


@wallets.command("show")
@click.argument("holder", metavar="HOLDER", type=HolderType())
@of_authority
@AS_JSON
def show_command(holder: Holder, authority: str, is_json: bool) -> None:
    """Say what a wallet holds, which points expire when, and how many share it; no name.

    \b
    Examples:
      bontri wallets show card:- --authority plaine-commune
      bontri wallets show email:ada@example.org --authority plaine-commune --json
    """
    from ingest.worker import utc_now
    from rewards.households import describe_wallet

    with counter_of(authority) as (connection, keyring, authority_id):
        citizen = holder.find(connection, keyring, authority_id=authority_id)
        found = describe_wallet(connection, authority_id=authority_id, wallet_id=citizen.wallet_id, now=utc_now())
    if is_json:
        click.echo(as_json({"citizen_id": citizen.citizen_id, **asdict(found)}))
        return
    held = f", {found.pending_points:,} held by vouchers" if found.pending_points else ""
    shared = "one citizen" if found.members == 1 else f"shared by {found.members} citizens"
    cards = "1 card" if found.cards == 1 else f"{found.cards} cards"
    click.echo(f"{found.points:,} points{held}; {shared}, {cards} in use.")
    for lot in found.lots:
        click.echo(f"  {lot.points:>8,} until {lot.expires_on.isoformat()}")


@wallets.command("merge")
@click.option("--from", "joining", metavar="HOLDER", type=HolderType(), required=True, help="Whose wallet joins.")
@click.option("--into", "household", metavar="HOLDER", type=HolderType(), required=True, help="Whose wallet is kept.")
@of_authority
@by_somebody
@AS_JSON
def merge_command(joining: Holder, household: Holder, authority: str, person: str, is_json: bool) -> None:
    """Merge a wallet into another: points, members and vouchers. Ask all who share either of them before.

    Points keep the day on which they expire. What was earned before shows in the shared statement. Safe to repeat.

    \b
    Examples:
      bontri wallets merge --from card:- --into email:ada@example.org --authority plaine-commune
      bontri wallets merge --from card:04A2B9C1 --into card:04A2B9C2 --authority plaine-commune --by grace
    """
    from ingest.worker import utc_now
    from rewards.households import merge_wallets

    with counter_of(authority) as (connection, keyring, authority_id):
        from_ = joining.find(connection, keyring, authority_id=authority_id)
        into = household.find(connection, keyring, authority_id=authority_id)
        done = merge_wallets(
            connection,
            authority_id=authority_id,
            from_wallet_id=from_.wallet_id,
            to_wallet_id=into.wallet_id,
            made_by=person,
            now=utc_now(),
        )
    if is_json:
        click.echo(as_json(done))
    elif done.is_repeat:
        click.echo("They share a wallet already; nothing was changed.")
    else:
        click.echo(f"{done.points:,} points brought in; they share one wallet now.")


@wallets.command("split")
@click.argument("holder", metavar="HOLDER", type=HolderType())
@of_authority
@click.option("--points", type=click.IntRange(0), help="What the members agreed on; default: an equal share.")
@by_somebody
@AS_JSON
def split_command(holder: Holder, authority: str, points: int | None, person: str, is_json: bool) -> None:
    """Let a member leave a shared wallet with a share of its points; vouchers stay with the household.

    The share comes out of all months in proportion, so that nobody is left with the points that expire first.

    \b
    Examples:
      bontri wallets split email:ada@example.org --authority plaine-commune
      bontri wallets split card:- --authority plaine-commune --points 120 --by grace
    """
    from ingest.worker import utc_now
    from rewards.households import leave_household

    with counter_of(authority) as (connection, keyring, authority_id):
        citizen = holder.find(connection, keyring, authority_id=authority_id)
        share = leave_household(
            connection,
            citizen.citizen_id,
            authority_id=authority_id,
            wallet_id=citizen.wallet_id,
            points=points,
            made_by=person,
            now=utc_now(),
        )
    if is_json:
        click.echo(as_json(share))
        return
    click.echo(f"Left with {share.points:,} points, in a wallet of their own.")
