"""``bontri letters``: what has not left yet, what each kind says, and how shops are written to."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.holders import counter_of
from bontri.commands.tenants import Clock, clock_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.outbox import ListedLetter

LANGUAGE = click.Choice(["fr", "en"])
SAMPLE_AUTHORITY = "Plaine Commune"


@click.group()
def letters() -> None:
    """Look after e-mail to citizens and shops: what waits, what was given up, what it says.

    Works on the database of DATABASE_URL; without it on the demo's. No address is shown, and nothing a letter tells of
    somebody. Letters are sent by bontri jobs; codes to sign in by bontri api.
    """


@letters.command("list")
@of_authority
@AS_JSON
def list_command(authority: str, is_json: bool) -> None:
    """List letters that have not left, oldest first, and why not. Exits with 1 when some were given up.

    \b
    Examples:
      bontri letters list --authority plaine-commune
      bontri letters list --authority plaine-commune --json
    """
    from rewards.outbox import list_letters

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_letters(connection, authority_id=tenant.authority_id)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
    else:
        for each in found:
            click.echo(letter_as_line(each, clock))
        if not found:
            click.echo("Every letter has left.")
    if any(each.state == "given_up" for each in found):
        sys.exit(1)


def letter_as_line(letter: "ListedLetter", clock: Clock) -> str:
    """Write a letter in a line."""
    to = f"{letter.addressee} {letter.addressee_id}" if letter.addressee_id else "an address of its own"
    became = f"GIVEN UP {clock(letter.given_up_at)}" if letter.given_up_at else f"next try {clock(letter.next_try_at)}"
    why = f": {letter.fault}" if letter.fault else ""
    return f"{letter.message_id}  {letter.kind:15}  to {to}, {became} after {letter.tries} tries{why}"


@letters.command("retry")
@click.argument("message_ids", metavar="[LETTER]...", nargs=-1, type=click.UUID)
@click.option("--all", "with_all", is_flag=True, help="Every letter that failed.")
@of_authority
@AS_JSON
def retry_command(message_ids: tuple[UUID, ...], with_all: bool, authority: str, is_json: bool) -> None:
    """Have letters that failed tried again at once, those that were given up too; codes are asked for anew instead.

    LETTER is an id as bontri letters list shows it. They leave with the next run of send-letters.

    \b
    Examples:
      bontri letters retry 019aa1c0-7c1e-7a51-bd2f-0d3c7c1c2a11 --authority plaine-commune
      bontri letters retry --all --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.outbox import retry_letters

    if bool(message_ids) == with_all:
        raise click.UsageError("give the ids of letters, or --all")
    with tenant_in_use(authority) as (connection, tenant):
        retried = retry_letters(
            connection, message_ids, authority_id=tenant.authority_id, with_all=with_all, now=utc_now()
        )
    if is_json:
        click.echo(as_json({"retried": retried}))
        return
    click.echo(f"{retried} letters are due now." if retried else "No letter has failed: nothing to try again.")


@letters.command("preview")
@click.argument("kind", metavar="[KIND]", required=False)
@click.option("--lang", "language", type=LANGUAGE, default="fr", show_default=True, help="Language of the letter.")
@click.option("--html", "is_html", is_flag=True, help="The HTML part instead of the text.")
@AS_JSON
def preview_command(kind: str | None, language: Any, is_html: bool, is_json: bool) -> None:
    """Print what a kind of letter says, with invented facts; without KIND, which kinds there are. Needs no database.

    \b
    Examples:
      bontri letters preview
      bontri letters preview points_expiring --lang fr
      bontri letters preview sign_in_code --lang en --html > code.html
    """
    from bontri.letters.samples import SAMPLES
    from bontri.letters.writing import find_words

    if kind is None:
        click.echo(as_json(list(SAMPLES)) if is_json else "\n".join(SAMPLES))
        return
    if kind not in SAMPLES:
        raise click.BadParameter(f"there is no letter {kind!r}: one of {', '.join(SAMPLES)}")
    words = find_words(kind, language, SAMPLES[kind], authority=SAMPLE_AUTHORITY, off_link=None)
    if is_json:
        click.echo(as_json(asdict(words)))
    else:
        click.echo(words.html if is_html else f"{words.subject}\n\n{words.text}", nl=False)


@letters.command("language")
@click.argument("language", type=LANGUAGE)
@of_authority
def language_command(language: Any, authority: str) -> None:
    """Choose the language of letters to whoever has chosen none.

    \b
    Example:
      bontri letters language fr --authority plaine-commune
    """
    from rewards.territory import change_language

    with tenant_in_use(authority) as (connection, tenant):
        change_language(connection, language, authority_id=tenant.authority_id)
    click.echo(f"Letters are written in {language} to whoever has chosen no language.")


@letters.command("shop")
@click.argument("shop", metavar="SHOP")
@click.option("--email", metavar="ADDRESS", help="Where its letters go; - asks for it.")
@click.option("--none", "is_none", is_flag=True, help="Forget the address: it gets no letters.")
@click.option("--lang", "language", type=LANGUAGE, help="Language of its letters; default: the authority's.")
@of_authority
def shop_command(shop: str, email: str | None, is_none: bool, language: Any, authority: str) -> None:
    """Say where letters to a shop go: its statements, what became of its offers. SHOP is its name or id.

    \b
    Examples:
      bontri letters shop "Boulangerie du Canal" --email - --authority plaine-commune
      bontri letters shop "Boulangerie du Canal" --none --authority plaine-commune
    """
    from rewards.settlement import find_shop
    from rewards.shop_contacts import note_shop_contact, remove_shop_contact

    if (email is None) != is_none:
        raise click.UsageError("give --email or --none")
    address = str(click.prompt("Address")) if email == "-" else email
    with counter_of(authority) as (connection, keyring, authority_id):
        shop_id = find_shop(connection, shop, authority_id=authority_id)
        if address is None:
            is_changed = remove_shop_contact(connection, shop_id, authority_id=authority_id)
        else:
            note_shop_contact(connection, keyring, shop_id, authority_id=authority_id, email=address, language=language)
    if address is not None:
        click.echo("Letters to the shop go there from now on.")
    else:
        click.echo("The shop gets no letters any more." if is_changed else "It had no address before.")
