"""Making the paho client a worker speaks to the broker with: our own reading of packets, or stock paho."""

from collections.abc import Callable
from typing import Literal

import structlog
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from ingest.broker_address import Broker
from ingest.fast_paho import FastClient, is_usable

log = structlog.get_logger(__name__)

Parser = Literal["fast", "stock"]
"""Who reads PUBLISH packets: ``ingest/fast_paho.py``, or paho itself."""


class TurningClient(Client):
    """A client that tells whenever its network thread has gone round once, at least every second while connected."""

    on_turn: Callable[[], None]

    def loop_misc(self) -> MQTTErrorCode:
        """Do what paho does once a round."""
        self.on_turn()
        return super().loop_misc()


class TurningFastClient(TurningClient, FastClient):
    """The same, with our own reading of PUBLISH packets."""


def make_client(broker: Broker, *, client_id: str, parser: Parser, on_turn: Callable[[], None]) -> Client:
    """Return a client that is not connected; stock paho when this paho is not the one our reading was made for."""
    is_fast = parser == "fast" and is_usable()
    if parser == "fast" and not is_fast:
        log.warning("fast_parser_unusable", reason="another version of paho-mqtt; stock paho is used, more slowly")
    client = (TurningFastClient if is_fast else TurningClient)(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
    )
    client.on_turn = on_turn
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.is_tls:
        client.tls_set()
    client.max_queued_messages_set(0)
    client.reconnect_delay_set(min_delay=1, max_delay=8)
    return client
