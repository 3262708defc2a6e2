"""The broker of the `iotcore` wheel (rumqttd): for demo and tests on machines without Mosquitto.

It has users and passwords but no ACL, keeps everything in memory, and panics when the last member of a `$share`
group leaves with unacknowledged messages, after which it serves nobody while staying alive.
"""

import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bontri.broker_accounts import BrokerAccount
from bontri.embedded.errors import ProgramMissingError
from bontri.embedded.folders import write_private_file
from bontri.embedded.listeners import LOOPBACK
from bontri.embedded.unprivileged import UnprivilegedUser

# MQTT 5 is only to be had through a file. `listen` is explicit: iotcore's default is every address.
_CONFIGURATION = """\
id = 0
[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "bontri"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
# Larger than a bin may send (16 KiB), so that such packets reach the quarantine.
max_payload_size = 65536
max_inflight_count = 1000
[v5.1.connections.auth]
{accounts}
"""


def require_iotcore() -> None:
    """Raise ProgramMissingError unless the `iotcore` wheel is installed."""
    if importlib.util.find_spec("iotcore") is None:
        raise ProgramMissingError(
            "no MQTT broker: apt install mosquitto, or pip install 'bontri[demo]' for the small one of the demo, "
            "or name a broker of your own in MQTT_URL"
        )


def write_iotcore_file(folder: Path, accounts: Sequence[BrokerAccount], port: int) -> Path:
    """Write the configuration, passwords in clear included, readable by us only, and return its path."""
    lines = "\n".join(f"{_toml_string(account.username)} = {_toml_string(account.password)}" for account in accounts)
    configuration = folder / "iotcore.toml"
    write_private_file(configuration, _CONFIGURATION.format(host=LOOPBACK, port=port, accounts=lines))
    return configuration


def iotcore_command(configuration: Path, user: UnprivilegedUser | None) -> list[str | Path]:
    """Return the command of the broker's process, which starts as us and becomes `user` by itself.

    By itself, because `user` can often not reach our interpreter.
    """
    command: list[str | Path] = [sys.executable, "-m", "bontri.embedded.iotcore_process", configuration]
    return [*command, str(user.uid), str(user.gid)] if user else command


def _toml_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
