"""One MQTT 5 session under the account of one bin, by hand: what it is told, and whether it is cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bontri.embedded.broker import Broker
from ingest.messages import Message
from tests.ingest_scene import KEYRING, wait_until


class BinSession:
    """A client in its own thread that does not connect again once cut."""

    def __init__(self, broker: Broker, username: str, password: str) -> None:
        self.heard: list[str] = []
        self.disconnect_code: int | None = None
        self.connect_code: int | None = None
        self._puback_codes: dict[int, int] = {}
        self._suback_codes: dict[int, int] = {}
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=username,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self.client.username_pw_set(username, password)
        self.client.on_connect = lambda _c, _d, _f, code, _p: setattr(self, "connect_code", code.value)
        self.client.on_disconnect = lambda _c, _d, _f, code, _p: setattr(self, "disconnect_code", code.value)
        self.client.on_publish = lambda _c, _d, mid, code, _p: self._puback_codes.setdefault(mid, code.value)
        self.client.on_subscribe = lambda _c, _d, mid, codes, _p: self._suback_codes.setdefault(mid, codes[0].value)
        self.client.on_message = self._hear
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        wait_until(lambda: self.connect_code is not None)

    def publish(self, topic: str, payload: bytes) -> int:
        """Publish with QoS 1 and return the reason code of the PUBACK."""
        mid = self.client.publish(topic, payload, qos=1).mid
        wait_until(lambda: mid in self._puback_codes)
        return self._puback_codes[mid]

    def say(self, message: Message) -> int:
        """Publish a message as it is."""
        return self.publish(message.topic, message.payload)

    def subscribe(self, topic_filter: str) -> int:
        """Subscribe and return the reason code of the SUBACK."""
        mid = self.client.subscribe(topic_filter, qos=1)[1]
        wait_until(lambda: mid in self._suback_codes)
        return self._suback_codes[int(mid or 0)]

    @property
    def is_cut(self) -> bool:
        """Whether the broker has ended the session."""
        return self.disconnect_code is not None

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _hear(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.heard.append(message.topic)


@contextmanager
def bin_session(broker: Broker, bin_id: str) -> Iterator[BinSession]:
    """A session under the account of a bin."""
    with open_session(broker, bin_id, KEYRING.broker_password(username=bin_id)) as session:
        assert session.connect_code == 0
        yield session


@contextmanager
def open_session(broker: Broker, username: str, password: str) -> Iterator[BinSession]:
    """A session under any account; it may have been refused."""
    session = BinSession(broker, username, password)
    try:
        yield session
    finally:
        session.close()
