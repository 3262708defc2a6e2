"""What an operator's command works on: the database, in the role it names, the secrets, the broker's address.

With ``DATABASE_URL`` all of it comes from the settings; without, from the demo in ``BONTRI_DATA_DIR``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from bontri.demo.folder import DemoFolder
from bontri.demo.services import DATABASE, find_keyring
from bontri.embedded.errors import DataFolderBusyError
from bontri.embedded.postgres import running_postgres
from bontri.settings import Settings, SettingsError
from ingest.broker_address import Broker
from rewards.database import DatabaseRole, open_engine
from rewards.keyring import Keyring
from rewards.privacy import ErasureRegister


@contextmanager
def engine_in_use(settings: Settings, *, role: DatabaseRole) -> Iterator[Engine]:
    """Give an engine on the database in use, for the time of the block; the demo's is started if it does not run."""
    with database_in_use(settings) as url:
        engine = open_engine(url, role=role)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def database_in_use(settings: Settings) -> Iterator[str]:
    """Give the address of the database to work on, for the time of the block."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    try:
        with running_postgres(settings.data_dir) as server:
            yield server.url(DATABASE)
    except DataFolderBusyError:
        running = DemoFolder(settings.data_dir).find_running_database()
        if running is None:
            raise
        yield running


def running_database(settings: Settings) -> str:
    """Return the address of a database that runs: of the settings, else of a running demo. For what goes on for long.

    Raises:
        SettingsError: ``DATABASE_URL`` is not set and no demo runs.
    """
    found = settings.database_url or DemoFolder(settings.data_dir).find_running_database()
    if found is None:
        raise SettingsError(["DATABASE_URL is not set, and no demo runs"])
    return found


def keyring_in_use(settings: Settings) -> Keyring:
    """Return the secrets that belong to the database in use.

    Raises:
        SettingsError: ``DATABASE_URL`` names a server and a secret is not set.
    """
    if settings.database_url is not None:
        return settings.keyring()
    return find_keyring(settings, DemoFolder(settings.data_dir.absolute()))


def has_register(settings: Settings) -> bool:
    """Tell whether :func:`register_in_use` would return one."""
    return settings.erasure_register is not None or settings.database_url is None


def register_in_use(settings: Settings) -> ErasureRegister:
    """Return the register of erasures that belongs to the database in use.

    Raises:
        SettingsError: ``DATABASE_URL`` names a server and no register is set.
    """
    path = settings.erasure_register
    if path is None and settings.database_url is None:
        path = DemoFolder(settings.data_dir.absolute()).erasure_register
    if path is None:
        raise SettingsError(["BONTRI_ERASURE_REGISTER is not set: a restore would bring back who was erased"])
    return ErasureRegister(path)


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
