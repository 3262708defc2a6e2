"""``bontri privacy``: what citizens may ask for, and what a data-protection officer asks about."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from bontri.commands.holders import Holder, HolderType
from bontri.commands.tenants import by_somebody, of_authority
from bontri.json_output import AS_JSON, as_json


@click.group()
def privacy() -> None:
    """Erase citizens, hand out what is held about them, and tell what is held about anybody.

    Works on the database of DATABASE_URL; without it on the demo's. A HOLDER is card:VALUE, email:ADDRESS or
    citizen:ID; card:- asks for what was read from the card.
    """


@privacy.command("erase")
@click.argument("holder", metavar="HOLDER", type=HolderType())
@of_authority
@by_somebody
@click.option("--yes", is_flag=True, help="Do not ask: the citizen has confirmed.")
@AS_JSON
def erase_command(holder: Holder, authority: str, person: str, yes: bool, is_json: bool) -> None:
    """Erase a citizen for ever. Points and vouchers are lost; who shares a wallet leaves them to the others.

    It is written to BONTRI_ERASURE_REGISTER first, so that a backup restored later does not bring them back.
    Safe to repeat by citizen:ID; a card or an address is unknown afterwards.

    \b
    Examples:
      bontri privacy erase email:ada@example.org --authority plaine-commune
      bontri privacy erase card:- --authority plaine-commune --by grace --yes
    """
    from bontri.erasing import Eraser

    with Eraser.of(authority) as eraser:
        citizen_id = eraser.find(holder)
        if not yes:
            click.confirm(f"Erase citizen {citizen_id} for ever, with all points and vouchers?", abort=True, err=True)
        erased = eraser.erase(citizen_id, asked_by=person)
    if is_json:
        click.echo(as_json({"citizen_id": str(citizen_id), **asdict(erased)}))
        return
    if erased.is_repeat:
        click.echo("Erased before; nothing is left of them.")
    elif erased.has_left_household:
        click.echo("Erased; the wallet stays with those who share it.")
    else:
        click.echo(f"Erased; {erased.points:,} points forfeited, {erased.vouchers:,} vouchers cancelled.")


@privacy.command("reapply")
@AS_JSON
def reapply_command(is_json: bool) -> None:
    """Erase again whom a restored backup brought back, by the register of erasures. After every restore; repeatable.

    \b
    Example:
      bontri privacy reapply
    """
    from bontri.erasing import reapply_register

    applied = reapply_register()
    if is_json:
        click.echo(as_json(applied))
        return
    click.echo(
        f"{applied.erasures:,} erasures are registered; {applied.again:,} citizens had come back and are erased."
    )


@privacy.command("requests")
@of_authority
@AS_JSON
def requests_command(authority: str, is_json: bool) -> None:
    """List who has asked to be erased and is not yet. Exits with 1 when one is an hour late: do jobs run?

    Done by the job erase-requested, ten minutes after they asked.

    \b
    Example:
      bontri privacy requests --authority plaine-commune
    """
    from bontri.commands.tenants import clock_of, tenant_in_use
    from bontri.erasing import is_overdue
    from rewards.privacy.requesting import list_erasure_requests

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        asked = list_erasure_requests(connection, authority_id=tenant.authority_id)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(asked))
    else:
        for each in asked:
            click.echo(f"citizen:{each.citizen_id} {each.state}, due {clock(each.due_at)}")
        if not asked:
            click.echo("Nobody waits to be erased.")
    if any(is_overdue(each) for each in asked):
        sys.exit(1)


@privacy.command("export")
@click.argument("holder", metavar="HOLDER", type=HolderType())
@of_authority
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A new, private file.")
@click.option("--language", type=click.Choice(("fr", "en")), default="fr", show_default=True, help="Of explanations.")
def export_command(holder: Holder, authority: str, out: Path, language: str) -> None:
    """Write all that is held about a citizen into a file, as JSON: what GDPR articles 15 and 20 ask for.

    Never overwrites a file. Hand it to nobody else: it has the address and every deposit.

    \b
    Example:
      bontri privacy export email:ada@example.org --authority plaine-commune --out ada.json
    """
    from bontri.embedded.folders import write_private_file
    from bontri.exporting import export_holder

    if out.exists():
        raise click.BadParameter("there is a file already", param_hint="--out")
    exported = export_holder(holder, authority, language="fr" if language == "fr" else "en")
    write_private_file(out, as_json(exported) + "\n")
    click.echo(f"Wrote {len(exported['movements']):,} movements and all else that is held to {out}.")


@privacy.command("inactive")
@of_authority
@click.option("--after-months", type=click.IntRange(12, 120), help="Erase citizens who did nothing for so long.")
@click.option("--never", is_flag=True, help="Keep everybody, as at first.")
@AS_JSON
def inactive_command(authority: str, after_months: int | None, never: bool, is_json: bool) -> None:
    """Say when citizens who do nothing any more are erased. They are warned 30 days before, if they have an address.

    Done by the job erase-inactive. Without options it tells what holds now.

    \b
    Examples:
      bontri privacy inactive --authority plaine-commune --after-months 36
      bontri privacy inactive --authority plaine-commune
    """
    from bontri.commands.tenants import tenant_in_use
    from rewards.privacy.inactivity import get_inactivity, set_inactivity

    if never and after_months is not None:
        raise click.UsageError("give --after-months or --never, not both")
    with tenant_in_use(authority) as (connection, tenant):
        if never or after_months is not None:
            set_inactivity(connection, after_months, authority_id=tenant.authority_id)
        months = get_inactivity(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json({"inactive_after_months": months}))
    else:
        click.echo("Nobody is erased for doing nothing." if months is None else f"Erased after {months} idle months.")


@privacy.command("history")
@of_authority
@click.option("--kept-months", type=click.IntRange(12, 120), help="For so long after a month's points are gone.")
@AS_JSON
def history_command(authority: str, kept_months: int | None, is_json: bool) -> None:
    """Say for how long citizens' deposits stay known as theirs, once all points of that month were spent or expired.

    Done by the job retain. No point and no sum changes. Without options it tells what holds now.

    \b
    Examples:
      bontri privacy history --authority plaine-commune --kept-months 12
      bontri privacy history --authority plaine-commune
    """
    from bontri.commands.tenants import tenant_in_use
    from rewards.privacy.resting import get_history, set_history

    with tenant_in_use(authority) as (connection, tenant):
        if kept_months is not None:
            set_history(connection, kept_months, authority_id=tenant.authority_id)
        months = get_history(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json({"history_kept_months": months}))
    else:
        click.echo(f"Deposits stay a citizen's for {months} months after the points of their month are gone.")


@privacy.command("register")
@AS_JSON
def register_command(is_json: bool) -> None:
    """Print the register of processing activities (GDPR article 30) as Markdown: what is held, why, how long, for whom.

    Made from what is declared beside the schema, so it is that of this version. Needs no database.

    \b
    Example:
      bontri privacy register > register.md
    """
    from rewards.privacy.processing import list_processings, write_processings

    click.echo(as_json(list_processings()) if is_json else write_processings())


@privacy.command("reencrypt")
@AS_JSON
def reencrypt_command(is_json: bool) -> None:
    """Encrypt everything under the present key, and tell which cards still stand under an old pepper.

    Addresses, names, labels, words of disputes, letters and quarantined messages. Cards are stored anew when they are
    used at a bin. Safe to interrupt, and to run twice or at once. Exits with 1 when something cannot be opened: then
    the key before is still needed.

    \b
    Example:
      bontri privacy reencrypt
    """
    from rich.console import Console

    from bontri.reencrypting import reencrypt_all

    with Console(stderr=True).status("Looking at what is encrypted") as status:
        done = reencrypt_all(lambda column, looked_at: status.update(f"{column}: {looked_at:,} looked at"))
    if is_json:
        click.echo(as_json(done))
    else:
        click.echo(f"{done.reencrypted:,} encrypted anew.")
        for what, counts in (("cards under pepper", done.cards_by_pepper), ("under key", done.encrypted_by_key)):
            for number, count in counts.items():
                click.echo(f"{what} {number}: {count:,}")
        for column, count in done.unreadable.items():
            click.echo(f"{column}: {count:,} under no key that is given")
    if done.unreadable:
        sys.exit(1)
