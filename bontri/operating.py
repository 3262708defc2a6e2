"""What an operator's command works on: the database as role ``bontri_operator``, the secrets, the broker's address.

With ``DATABASE_URL`` all of it comes from the settings; without, from the demo in ``BONTRI_DATA_DIR``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from bontri.demo.folder import DemoFolder
from bontri.demo.services import find_keyring
from bontri.settings import Settings, SettingsError
from bontri.verification import database_in_use
from ingest.mqtt import Broker
from rewards.database import open_engine
from rewards.keyring import Keyring


@contextmanager
def operator_engine(settings: Settings) -> Iterator[Engine]:
    """Give an engine on the database in use, for the time of the block."""
    with database_in_use(settings) as url:
        engine = open_engine(url, role="bontri_operator")
        try:
            yield engine
        finally:
            engine.dispose()


def keyring_in_use(settings: Settings) -> Keyring:
    """Return the secrets that belong to the database in use.

    Raises:
        SettingsError: ``DATABASE_URL`` names a server and a secret is not set.
    """
    if settings.database_url is not None:
        return settings.keyring()
    return find_keyring(settings, DemoFolder(settings.data_dir.absolute()))


def broker_in_use(settings: Settings, given: str | None) -> str:
    """Return where bins connect: ``given``, else the host of ``MQTT_URL``, else the running demo's.

    Raises:
        SettingsError: none of them is there, or it is no address of a broker.
    """
    found = given or settings.mqtt_url
    if found is None and settings.database_url is None:
        found = DemoFolder(settings.data_dir.absolute()).find_running_broker()
    if found is None:
        raise SettingsError(["MQTT_URL is not set: give the address bins connect to with --broker mqtts://host:port"])
    try:
        Broker.from_url(found)
    except ValueError as error:
        raise SettingsError([f"--broker: {error}"]) from None
    return found
