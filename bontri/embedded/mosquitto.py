"""An installed Mosquitto 2 with a configuration of our own; passwords and ACL as operators have them."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bontri.broker_accounts import BrokerAccount
from bontri.embedded.errors import ProgramMissingError
from bontri.embedded.folders import give_folder, write_private_file
from bontri.embedded.listeners import LOOPBACK
from bontri.embedded.processes import CLEAN_ENVIRONMENT
from bontri.embedded.unprivileged import UnprivilegedUser
from bontri.mosquitto_accounts import acl_of, passwords_of

# Debian keeps daemons out of an ordinary user's PATH.
_SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin"

_CONFIGURATION = """\
# Written by bontri at every start: changes here are lost.
per_listener_settings false
listener {port} {host}
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
set_tcp_nodelay true

# A worker may be away for days; 0 ("no limit") has dropped everything in some releases.
max_queued_messages 1000000
max_queued_bytes 0
max_inflight_messages 65535
max_inflight_bytes 0
persistent_client_expiration 14d

# Bins send up to 16 KiB. Larger packets must reach the quarantine, where an operator sees them, instead of
# cutting the bin off at the broker, where nobody does.
max_packet_size 65536

persistence true
persistence_location {folder}/store/
autosave_interval 10

sys_interval 0
connection_messages false
log_dest stderr
log_timestamp_format %Y-%m-%dT%H:%M:%S
log_type error
log_type warning
log_type notice
"""


def find_mosquitto() -> Path:
    """Return the installed Mosquitto.

    Raises:
        ProgramMissingError: there is none, or it is older than version 2.
    """
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=_SYSTEM_FOLDERS)
    if found is None:
        raise ProgramMissingError("no Mosquitto: apt install mosquitto, or name a broker of your own in MQTT_URL")
    answer = subprocess.run(
        [found, "-h"], capture_output=True, text=True, timeout=30, env=CLEAN_ENVIRONMENT, check=False
    )
    version = re.search(r"mosquitto version (\d+)\.\S*", answer.stdout)
    if not version or int(version[1]) < 2:
        raise ProgramMissingError(f"{found} is not Mosquitto 2: upgrade it, or name another broker in MQTT_URL")
    return Path(found)


def write_mosquitto_files(
    folder: Path, user: UnprivilegedUser | None, accounts: Sequence[BrokerAccount], port: int
) -> Path:
    """Write configuration, passwords and ACL, and return the path of the first; keeps what is in the store."""
    store = folder / "store"
    store.mkdir(exist_ok=True)
    give_folder(store, user)
    write_mosquitto_accounts(folder, user, accounts)
    configuration = folder / "mosquitto.conf"
    write_private_file(configuration, _CONFIGURATION.format(port=port, host=LOOPBACK, folder=folder), user)
    return configuration


def write_mosquitto_accounts(folder: Path, user: UnprivilegedUser | None, accounts: Sequence[BrokerAccount]) -> None:
    """Replace passwords and ACL; a running Mosquitto reads them at SIGHUP."""
    write_private_file(folder / "passwords", passwords_of(accounts), user)
    write_private_file(folder / "acl", acl_of(accounts), user)
