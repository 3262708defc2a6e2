"""What the peers on paho-mqtt share: take each message as it comes, store it, acknowledge it."""

import json
import os
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.broker_address import Broker

COLUMNS = ("bin_id", "seq", "material", "items", "badge", "at")


def subscribe(store: Callable[[list[dict[str, Any]]], None]) -> None:
    """Have ``store`` commit the rows of each message of a session, until ended by a signal.

    No signature is verified, no ledger kept, no receipt sent. The broker is told after the commit.
    """
    broker = Broker.from_url(os.environ["PEER_MQTT_URL"])
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=os.environ["PEER_CLIENT_ID"],
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=True,
    )
    client.username_pw_set(broker.username, broker.password)

    def on_message(client: Client, userdata: Any, message: MQTTMessage) -> None:
        envelope = json.loads(message.payload.partition(b"\n")[0])
        store([{**dict.fromkeys(COLUMNS), "bin_id": envelope["bin"], **event} for event in envelope["events"]])
        client.ack(message.mid, message.qos)

    client.on_message = on_message
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = 4000
    client.connect(broker.host, broker.port, clean_start=False, properties=properties)
    client.loop_forever()
