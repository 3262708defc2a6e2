"""``bontri restore-epoch``: after a restore from a backup, have the bins send again what the backup has not."""

import sys

import click

EXIT_NOT_MEANT = 2
EXPLANATION = """\
This cancels every receipt the bins have had: each sends again all it still holds, up to 7 days and more of events. What
is in the database already is recognised as a repeat, and counted once.

Do it once after a restore from a backup, before a worker starts; never otherwise.
Nothing was done: add --yes to do it."""


@click.command("restore-epoch")
@click.option("--authority", metavar="SLUG", help="Only this authority.")
@click.option("--all", "is_all", is_flag=True, help="Every authority of the database.")
@click.option("--yes", "is_meant", is_flag=True, help="Do it; without, it is only explained.")
def restore_epoch(authority: str | None, is_all: bool, is_meant: bool) -> None:
    """After a restore from a backup: have the bins send again what the backup has not.

    \b
    Examples:
      bontri restore-epoch --all --yes
      bontri restore-epoch --authority val --yes
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.epochs import raise_epoch
    from rewards.fleet.owners import list_owners

    if is_all == (authority is not None):
        raise click.UsageError("name either --authority SLUG or --all")
    if not is_meant:
        click.echo(EXPLANATION, err=True)
        sys.exit(EXIT_NOT_MEANT)
    with engine_in_use(read_settings(), role="bontri_operator") as engine:
        with engine.connect() as connection:
            owners = list_owners(connection, slug=authority)
        for owner in owners:
            with engine.begin() as connection:
                epoch = raise_epoch(connection, authority_id=owner.authority_id, now=utc_now())
            click.echo(f"{owner.slug}: epoch {epoch}; its bins send again what they hold, as soon as a worker answers.")
    click.echo("Start the workers now, and run bontri verify when the bins are quiet again.")
