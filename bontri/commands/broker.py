"""``bontri broker``: accounts of workers and bins at an operator's own Mosquitto."""

from pathlib import Path

import click


@click.group()
def broker() -> None:
    """Give Mosquitto the accounts of workers and bins.

    With BONTRI_MOSQUITTO_FOLDER and BONTRI_MOSQUITTO_PID_FILE set, bontri bins does both by itself.
    """


@broker.command("write")
@click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where Mosquitto reads them.",
)
@click.option("--group", help="System group that may read new files, such as mosquitto; else only their owner.")
def write(folder: Path, group: str | None) -> None:
    """Write "passwords" and "acl": the workers' account, and one for every bin that is not revoked.

    Both are replaced at once and keep their owner, group and mode. What is in "passwords.own" and "acl.own" beside
    them is appended as it is.

    \b
    Examples:
      bontri broker write --folder /etc/mosquitto/bontri --group mosquitto
      bontri broker reload --pid-file /run/mosquitto/mosquitto.pid
    """
    from bontri.fleet_accounts import write_fleet_accounts
    from bontri.operating import engine_in_use, keyring_in_use
    from bontri.settings import read_settings

    settings = read_settings()
    keyring = keyring_in_use(settings)
    with engine_in_use(settings, role="bontri_operator") as engine:
        count = write_fleet_accounts(engine, settings, keyring, folder, group=group)
    click.echo(f"{count:,} accounts are in {folder}; have Mosquitto read them with bontri broker reload.")


@broker.command("reload")
@click.option(
    "--pid-file", required=True, type=click.Path(path_type=Path, dir_okay=False), help="pid_file of mosquitto.conf."
)
def reload(pid_file: Path) -> None:
    """Have Mosquitto read its files again (SIGHUP); who has no account any more is disconnected."""
    from bontri.broker_files import reload_mosquitto

    click.echo(f"Mosquitto (process {reload_mosquitto(pid_file)}) reads its files again.")
