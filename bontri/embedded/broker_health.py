"""The only proof that a broker serves: a message that goes out and comes back. An open port proves nothing."""

import secrets
import time
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bontri.broker_accounts import HEALTH_TOPIC, BrokerAccount
from bontri.embedded.errors import EmbeddedServiceError


def assert_round_trip(host: str, port: int, account: BrokerAccount, *, timeout_s: float = 5.0) -> None:
    """Publish a fresh random payload with MQTT 5 and QoS 1, and return when it has come back.

    Runs in the calling thread and leaves no session behind.

    Raises:
        EmbeddedServiceError: refused, broken off, or nothing came back within `timeout_s`.
    """
    trip = _RoundTrip(account)
    deadline = time.monotonic() + timeout_s
    try:
        trip.client.connect(host, port, keepalive=30)
        while not trip.has_returned and not trip.refusal and time.monotonic() < deadline:
            result = trip.client.loop(timeout=0.05)
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                trip.refusal = trip.refusal or f"the connection broke ({result.name})"
    except OSError as error:
        trip.refusal = f"no connection ({error})"
    finally:
        trip.client.disconnect()
    if not trip.has_returned:
        reason = trip.refusal or f"no message came back within {timeout_s:.0f} s"
        raise EmbeddedServiceError(f"the broker at {host}:{port} does not serve {account.username}: {reason}")


class _RoundTrip:
    """One client that subscribes, publishes once subscribed, and notes what came of it."""

    def __init__(self, account: BrokerAccount) -> None:
        self.nonce = secrets.token_bytes(16)
        self.has_returned = False
        self.refusal = ""
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"health-{self.nonce.hex()}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        self.client.username_pw_set(account.username, account.password)
        self.client.on_connect = self._subscribe
        self.client.on_subscribe = self._publish
        self.client.on_message = self._note_return

    def _subscribe(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _more: Properties | None
    ) -> None:
        if reason.is_failure:
            self.refusal = str(reason)
        else:
            client.subscribe(HEALTH_TOPIC, qos=1)

    def _publish(
        self, client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _more: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self.refusal = str(reasons[0])
        else:
            client.publish(HEALTH_TOPIC, self.nonce, qos=1)

    def _note_return(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        # Another health check may be under way on the same topic.
        self.has_returned = self.has_returned or message.payload == self.nonce
