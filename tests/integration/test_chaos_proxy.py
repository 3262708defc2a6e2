"""The bad network does what it is told, between real clients and a real Mosquitto."""

import threading
import time
from collections.abc import Iterator

import pytest
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks.publishing import connect
from bontri.embedded.broker import Broker
from reliability.chaos.proxy import Proxy, Weather
from tests.ingest_scene import FLEET, proxy_before, wait_until, worker_url

RECEIPTS = "bontri/v1/val/VAL-00001/down/receipt"
EVENTS = "bontri/v1/val/VAL-00001/up/events"
QUIET_S = 0.3


@pytest.fixture
def proxy(broker: Broker) -> Iterator[Proxy]:
    with proxy_before(broker) as proxy:
        yield proxy


def open_client(url: str, name: str) -> Iterator[Client]:
    client = connect(url, client_id=name)
    yield client
    client.disconnect()
    client.loop_stop()


def fleet_url(broker: Broker, proxy: Proxy) -> str:
    return broker.url(FLEET.username, FLEET.password).replace(f":{broker.port}", f":{proxy.port}")


@pytest.fixture
def sender(broker: Broker, proxy: Proxy) -> Iterator[Client]:
    """A client that publishes for bins, through the proxy."""
    yield from open_client(fleet_url(broker, proxy), "sender")


@pytest.fixture
def worker(broker: Broker) -> Iterator[Client]:
    """A client with the worker's account, past the proxy."""
    yield from open_client(worker_url(broker), "worker")


@pytest.fixture
def heard(worker: Client) -> list[bytes]:
    """What arrives for the worker."""
    return listen(worker, EVENTS)


def listen(client: Client, topic: str) -> list[bytes]:
    heard: list[bytes] = []
    granted = threading.Event()
    client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    client.on_subscribe = lambda *_: granted.set()
    client.subscribe(topic, qos=1)
    assert granted.wait(5)
    return heard


def send(sender: Client, *payloads: bytes) -> list[MQTTMessageInfo]:
    return [sender.publish(EVENTS, payload, qos=1) for payload in payloads]


def test_good_weather_passes_everything_once_and_in_order(proxy: Proxy, sender: Client, heard: list[bytes]) -> None:
    send(sender, b"1", b"2", b"3")
    wait_until(lambda: len(heard) == 3)
    time.sleep(QUIET_S)
    assert heard == [b"1", b"2", b"3"]
    assert not proxy.counts


def test_every_message_comes_twice(proxy: Proxy, sender: Client, heard: list[bytes]) -> None:
    proxy.weather = Weather(repeat_share=1.0)
    send(sender, b"1", b"2")
    wait_until(lambda: sorted(heard) == [b"1", b"1", b"2", b"2"])
    assert proxy.counts["events_messages_repeated"] == 2


def test_message_is_overtaken_by_the_next_and_never_lost(proxy: Proxy, sender: Client, heard: list[bytes]) -> None:
    proxy.weather = Weather(swap_share=1.0)
    send(sender, b"1", b"2", b"3")
    wait_until(lambda: sorted(heard) == [b"1", b"2", b"3"])
    assert heard != [b"1", b"2", b"3"]


def test_lost_message_is_acknowledged_and_never_arrives(proxy: Proxy, sender: Client) -> None:
    proxy.weather = Weather(lose_share=1.0)
    [info] = send(sender, b"gone")
    info.wait_for_publish(5)
    assert info.is_published()
    assert [(each.topic, each.payload) for each in proxy.lost] == [(EVENTS, b"gone")]
    assert not proxy.recorded


def test_corrupted_message_differs_in_one_byte(proxy: Proxy, sender: Client, heard: list[bytes]) -> None:
    proxy.weather = Weather(corrupt_share=1.0)
    send(sender, b"\x00" * 8)
    wait_until(lambda: heard)
    assert sorted(heard[0]) == [0] * 7 + [0x20]


def test_swallowed_puback_leaves_the_sender_waiting(proxy: Proxy, sender: Client, heard: list[bytes]) -> None:
    proxy.weather = Weather(swallow_every_puback=2)
    infos = send(sender, b"1", b"2", b"3")
    wait_until(lambda: len(heard) == 3)
    wait_until(infos[2].is_published)
    assert [info.is_published() for info in infos] == [True, False, True]


def test_silence_tells_neither_end(proxy: Proxy, sender: Client, heard: list[bytes]) -> None:
    proxy.weather = Weather(is_silent=True)
    send(sender, b"1")
    time.sleep(QUIET_S)
    assert (heard, sender.is_connected()) == ([], True)


def test_delay_and_slowness_keep_messages_back(proxy: Proxy, sender: Client, heard: list[bytes]) -> None:
    proxy.weather = Weather(delay_s=QUIET_S, bytes_per_s=1000.0)
    began_s = time.monotonic()
    send(sender, b"x" * 200)
    wait_until(lambda: heard)
    assert time.monotonic() - began_s >= QUIET_S + 0.2


def test_cut_link_is_noticed_and_new_ones_are_let_through(proxy: Proxy, sender: Client, heard: list[bytes]) -> None:
    proxy.cut()
    wait_until(lambda: proxy.counts["links_cut"] == 1)
    send(sender, b"1")
    wait_until(lambda: heard == [b"1"])


def test_receipts_are_written_down_on_their_way_to_a_bin(proxy: Proxy, sender: Client, worker: Client) -> None:
    heard = listen(sender, RECEIPTS)
    worker.publish(RECEIPTS, b"settled", qos=1)
    wait_until(lambda: heard == [b"settled"])
    assert [(each.topic, each.payload) for each in proxy.receipts] == [(RECEIPTS, b"settled")]


def test_without_a_broker_a_client_finds_the_connection_closed() -> None:
    proxy = Proxy(1, seed=0)
    client = Client(CallbackAPIVersion.VERSION2, client_id="s", protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", proxy.port)
    wait_until(lambda: client.loop(0.05) != 0)
    proxy.close()
