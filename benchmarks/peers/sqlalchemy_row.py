"""Peer: paho-mqtt and SQLAlchemy, one row and one commit per message, into a plain table.

Started as a process by ``benchmarks/ingest.py``. Verifies no signature, keeps no ledger, sends no receipt.
"""

import json
import sys
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from ingest.broker_address import Broker


class Base(DeclarativeBase):
    """The peer's own metadata."""


class PlainDeposit(Base):
    """A deposit as a plain row."""

    __tablename__ = "plain_deposits"
    id: Mapped[int] = mapped_column(primary_key=True)
    bin_id: Mapped[str]
    seq: Mapped[int]
    material: Mapped[str]
    items: Mapped[int]
    badge: Mapped[str | None]
    at: Mapped[str]


def run(database_url: str, mqtt_url: str, client_id: str) -> None:
    """Store every deposit of the session until ended by a signal."""
    engine = create_engine(database_url)
    broker = Broker.from_url(mqtt_url)
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
    )
    client.username_pw_set(broker.username, broker.password)

    def on_message(client: Client, userdata: Any, message: MQTTMessage) -> None:
        envelope = json.loads(message.payload.partition(b"\n")[0])
        with Session(engine) as session:
            for event in envelope["events"]:
                session.add(
                    PlainDeposit(
                        bin_id=envelope["bin"],
                        seq=event["seq"],
                        material=event["material"],
                        items=event["items"],
                        badge=event.get("badge"),
                        at=event["at"],
                    )
                )
            session.commit()
        client.ack(message.mid, message.qos)

    client.on_message = on_message
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = 4000
    client.connect(broker.host, broker.port, clean_start=False, properties=properties)
    client.loop_forever()


if __name__ == "__main__":
    run(*sys.argv[1:])
