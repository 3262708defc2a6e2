"""Filling the broker's queue: a session that will receive, then messages published at QoS 1, then the timed part."""

import threading
from collections.abc import Iterable

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from benchmarks.fast_publisher import FastPublisher, PublishingError
from benchmarks.town import BenchMessage
from ingest.broker_address import Broker


def connect(url: str, *, client_id: str, keep_session: bool = False) -> Client:
    """Connect and return a client whose network thread runs."""
    broker = Broker.from_url(url)
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(broker.username, broker.password)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600 if keep_session else 0
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect(broker.host, broker.port, clean_start=not keep_session, properties=properties)
    client.loop_start()
    if not connected.wait(10):
        raise PublishingError("the broker does not answer")
    return client


def open_session(url: str, *, client_id: str, topic_filter: str) -> None:
    """Subscribe under ``client_id`` and leave, so that the broker queues for it from now on."""
    client = connect(url, client_id=client_id, keep_session=True)
    granted = threading.Event()
    client.on_subscribe = lambda *_: granted.set()
    client.subscribe(topic_filter, options=SubscribeOptions(qos=1))
    if not granted.wait(10):
        raise PublishingError("the broker granted no subscription")
    client.disconnect()
    client.loop_stop()


def publish(url: str, messages: Iterable[BenchMessage], *, client_id: str = "bench-publisher") -> int:
    """Publish at QoS 1 and wait for every PUBACK; return how many there were."""
    with FastPublisher(url, client_id=client_id) as publisher:
        return publisher.publish(messages)
