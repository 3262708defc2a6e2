"""Who has an account at the operator's broker: the workers, and every bin that is not revoked."""

from pathlib import Path

from sqlalchemy import Engine, text

from bontri.broker_accounts import BrokerAccount
from bontri.broker_files import BrokerFilesError, held_folder, reload_mosquitto, write_broker_files
from bontri.provisioning import list_broker_accounts
from bontri.settings import Settings
from ingest.broker_address import Broker
from rewards.fleet.owners import list_authorities
from rewards.keyring import Keyring

LIST_CONNECTING = text(
    "SELECT bin_id FROM bins WHERE authority_id = :authority_id AND state <> 'revoked' ORDER BY bin_id"
)


def list_fleet_accounts(engine: Engine, settings: Settings, keyring: Keyring) -> list[BrokerAccount]:
    """List the accounts of all authorities, the workers' first, whose name and password ``MQTT_URL`` may give."""
    bin_ids: list[str] = []
    with engine.connect() as connection:
        for owner in list_authorities(connection):
            bin_ids += connection.scalars(LIST_CONNECTING, {"authority_id": owner.authority_id})
    worker, *bins = list_broker_accounts(dict.fromkeys(bin_ids), keyring=keyring)
    given = Broker.from_url(settings.mqtt_url) if settings.mqtt_url else None
    if given is not None and given.username and given.password:
        worker = BrokerAccount(given.username, given.password, "worker")
    return [worker, *bins]


def write_fleet_accounts(
    engine: Engine, settings: Settings, keyring: Keyring, folder: Path, *, group: str | None = None
) -> int:
    """Write Mosquitto's files for the fleet as it is now, and return how many accounts there are.

    Raises:
        BrokerFilesError: they cannot be written.
    """
    with held_folder(folder):
        accounts = list_fleet_accounts(engine, settings, keyring)
        write_broker_files(folder, accounts, group=group)
    return len(accounts)


def refresh_broker(engine: Engine, settings: Settings, keyring: Keyring) -> str:
    """Write the files and have Mosquitto read them, as far as the settings name them; return what was done, in words.

    Call it after the commit: who is revoked has no account any more, and is disconnected.

    Raises:
        BrokerFilesError: the change is committed, the broker does not know of it.
    """
    if settings.mosquitto_folder is None:
        return "The broker's accounts are as they were: bontri broker write makes them anew."
    try:
        count = write_fleet_accounts(engine, settings, keyring, settings.mosquitto_folder)
        words = f"{count:,} accounts are in {settings.mosquitto_folder}"
        if settings.mosquitto_pid_file is None:
            return f"{words}; let Mosquitto read them (SIGHUP)."
        pid = reload_mosquitto(settings.mosquitto_pid_file)
    except BrokerFilesError as error:
        raise BrokerFilesError(f"the change is made, but the broker does not know of it: {error}") from None
    return f"{words}, and Mosquitto (process {pid}) reads them."
