"""``bontri cards``: block, replace and claim cards over the counter."""

import click

from bontri.commands.holders import CardValue, Holder, HolderType, counter_of
from bontri.commands.tenants import by_somebody, of_authority
from bontri.json_output import AS_JSON, as_json


@click.group()
def cards() -> None:
    """Block, replace and claim cards.

    Works on the database of DATABASE_URL; without it on the demo's. A CARD is what a bin reads from it; - asks for it,
    so that it stands in no list of processes and no history. Workers know within a second.
    """


@cards.command("block")
@click.argument("card", metavar="CARD", type=CardValue())
@of_authority
@AS_JSON
def block_command(card: str, authority: str, is_json: bool) -> None:
    """Block a lost card for ever: it earns nothing, and no shop sees its vouchers. The points stay its citizen's.

    \b
    Example:
      bontri cards block - --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.cards import block_card

    with counter_of(authority) as (connection, keyring, authority_id):
        is_changed = block_card(connection, keyring, authority_id=authority_id, badge=card, now=utc_now())
    if is_json:
        click.echo(as_json({"is_changed": is_changed}))
        return
    click.echo("Blocked; its points wait for a new card." if is_changed else "It was blocked before.")


@cards.command("replace")
@click.argument("lost", metavar="LOST", type=CardValue())
@click.argument("new", metavar="NEW", type=CardValue())
@of_authority
@by_somebody
@AS_JSON
def replace_command(lost: str, new: str, authority: str, person: str, is_json: bool) -> None:
    """Block a lost card, and let a new one earn and spend for the same citizen. Safe to repeat.

    If the new card was used before, and nobody registered it, its points come along.

    \b
    Examples:
      bontri cards replace - - --authority plaine-commune
      bontri cards replace 04A2B9C1 04A2B9C2 --authority plaine-commune --by grace
    """
    from ingest.worker import utc_now
    from rewards.cards import replace_card

    with counter_of(authority) as (connection, keyring, authority_id):
        points = replace_card(
            connection,
            keyring,
            authority_id=authority_id,
            lost_badge=lost,
            new_badge=new,
            made_by=person,
            now=utc_now(),
        )
    if is_json:
        click.echo(as_json({"points": points}))
        return
    brought = f"; it brought {points:,} points of its own" if points else ""
    click.echo(f"The lost card is blocked, the new one stands in for it{brought}.")


@cards.command("claim")
@click.argument("card", metavar="CARD", type=CardValue())
@click.option("--for", "holder", metavar="HOLDER", type=HolderType(), required=True, help="Whose it becomes.")
@of_authority
@by_somebody
@AS_JSON
def claim_command(card: str, holder: Holder, authority: str, person: str, is_json: bool) -> None:
    """Make a card somebody shows theirs, with the points earned with it before it had a name. Safe to repeat.

    HOLDER is email:ADDRESS, citizen:ID, or card:VALUE of another card of theirs.

    \b
    Example:
      bontri cards claim - --for email:ada@example.org --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.cards import claim_card

    with counter_of(authority) as (connection, keyring, authority_id):
        citizen = holder.find(connection, keyring, authority_id=authority_id)
        points = claim_card(
            connection,
            keyring,
            authority_id=authority_id,
            badge=card,
            citizen=citizen,
            made_by=person,
            now=utc_now(),
        )
    if is_json:
        click.echo(as_json({"points": points}))
        return
    click.echo(f"The card is theirs; {points:,} points came with it.")
