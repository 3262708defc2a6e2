"""Ending sessions of workers that are no more, after their number has changed.

A session outlives its worker by days, on purpose. But one that nobody will take up again stays a member of the shared
subscription and is handed its share of all messages (tried on Mosquitto 2.0.11: with one of two gone, half). Nothing is
lost by that, since bins send again what has no receipt; but half of it comes late, again and again.
"""

import itertools
import threading
from collections.abc import Iterator

import structlog
from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.broker_address import Broker

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 5.0


def member_ids(client_id: str, count: int) -> list[str]:
    """Return the client ids of ``count`` workers; of one alone it is ``client_id`` itself."""
    return [client_id] if count == 1 else [f"{client_id}-{number}" for number in range(1, count + 1)]


def end_former_sessions(broker: Broker, *, client_id: str, count: int) -> list[str]:
    """End the sessions that another number of workers under ``client_id`` has left; return their ids.

    A broker that cannot be asked is none of our business here: the workers will tell.
    """
    ended = [former for former in ([client_id] if count > 1 else []) if end_session(broker, former)]
    ended += itertools.takewhile(lambda former: end_session(broker, former), _ids_beyond(client_id, count))
    if ended:
        log.info("former_sessions_ended", client_ids=ended)
    return ended


def _ids_beyond(client_id: str, count: int) -> Iterator[str]:
    return (f"{client_id}-{number}" for number in itertools.count(count + 1 if count > 1 else 1))


def end_session(broker: Broker, client_id: str) -> bool:
    """End a client's session at the broker; False when there was none, or no answer."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    # The session is taken up, to learn that there was one, and ends with this connection.
    properties.SessionExpiryInterval = 0
    properties.ReceiveMaximum = 1
    was_there, answered = False, threading.Event()

    def hear(client: Client, userdata: object, flags: ConnectFlags, reason: object, properties: object) -> None:
        nonlocal was_there
        was_there = flags.session_present
        answered.set()

    client = Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
    )
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.is_tls:
        client.tls_set()
    client.connect_timeout = ANSWER_WITHIN_S
    client.on_connect = hear
    try:
        client.connect(broker.host, broker.port, clean_start=False, properties=properties)
    except OSError:
        return False
    client.loop_start()
    answered.wait(ANSWER_WITHIN_S)
    client.disconnect()
    client.loop_stop()
    return was_there
