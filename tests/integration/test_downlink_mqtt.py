"""The way down over a real broker: what a bin receives, with what signature, and what its answers end.

A bin is played by a client of its own account, which knows the protocol from the simulators' side only.
"""

import datetime
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from bontri.embedded.broker import Broker
from ingest.broker_address import Broker as BrokerAddress
from ingest.errands import Errand, running_errands
from ingest.fleet_errands import list_fleet_errands
from ingest.messages import Message, Outgoing
from ingest.mqtt import MqttSource
from ingest.worker import utc_now
from rewards.commands import ListedCommand, NewCommand, issue_command, list_commands
from rewards.database import open_engine
from simulators.signatures import verify_message
from tests.databases import Database
from tests.factories import Town, build_town
from tests.ingest_scene import (
    KEYRING,
    PATIENCE_S,
    connected_publisher,
    mosquitto,
    proxy_before,
    scalar,
    wait_until,
    worker_processes,
    worker_thread,
    worker_url,
)
from tests.speaker import Speaker, deposit

BIN_ID = "BIN-0007-A"
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with mosquitto([BIN_ID, "BIN-0007-B"]) as broker:
        yield broker


@pytest.fixture
def town(database: Database, broker: Broker) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING, day_cap_points=40)
    assert town.bin_ids[0] == BIN_ID
    return town


class Listener:
    """A bin's ear: its own account, its own ``down/``, and the keys it was handed over."""

    def __init__(self, broker: Broker, town: Town, bin_id: str = BIN_ID) -> None:
        self.heard: queue.Queue[MQTTMessage] = queue.Queue()
        self._keys = {1: KEYRING.bin_key(authority=town.slug, bin_id=bin_id, key_number=1)}
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=bin_id, protocol=MQTTProtocolVersion.MQTTv5, clean_session=None
        )
        self._client.username_pw_set(bin_id, KEYRING.broker_password(username=bin_id))
        self._client.on_connect = lambda client, *_: client.subscribe(f"bontri/v1/{town.slug}/{bin_id}/down/#", qos=1)
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.heard.put(message)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert subscribed.wait(PATIENCE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def next_raw(self) -> MQTTMessage:
        """Return the next command, whatever it is worth."""
        while not (message := self.heard.get(timeout=PATIENCE_S)).topic.endswith("command"):
            pass
        return message

    def next(self, channel: str) -> tuple[dict[str, Any], MQTTMessage]:
        """Return the next message of a channel, its signature verified as a bin does."""
        while True:
            message = self.heard.get(timeout=PATIENCE_S)
            if message.topic.endswith(channel):
                return json.loads(verify_message(message.topic, message.payload, self._keys)), message


@contextmanager
def listening(broker: Broker, town: Town) -> Iterator[Listener]:
    listener = Listener(broker, town)
    try:
        yield listener
    finally:
        listener.close()


@contextmanager
def errands_beside(database: Database, broker: Broker, **paces: float) -> Iterator[Engine]:
    """What a worker runs beside its writers, on a connection to the broker of its own."""
    stop = threading.Event()
    engine = open_engine(database.url, role="bontri_ingest", pool_size=1)
    source = MqttSource(
        BrokerAddress.from_url(worker_url(broker)),
        client_id=f"errands-{threading.get_ident()}-{id(engine)}",
        topic_filter="bontri/v1/nowhere/+/up/#",
    )
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        stack.enter_context(source)
        assert source.wait_until_subscribed(timeout_s=PATIENCE_S), source.refusal
        errands: list[Errand] = list_fleet_errands(engine, source, KEYRING, stop=stop, **paces)
        stack.enter_context(running_errands(errands, stop=stop))
        yield engine


def issue(database: Database, town: Town) -> UUID:
    with database.engine("bontri_operator").begin() as connection:
        command_id = issue_command(
            connection, NewCommand(BIN_ID, "reboot", {}), authority_id=town.authority_id, now=utc_now(), valid=HOUR
        )
    assert command_id is not None
    return command_id


def list_all(database: Database, town: Town) -> list[ListedCommand]:
    with database.engine().connect() as connection:
        return list_commands(connection, authority_id=town.authority_id)


def test_a_bin_that_subscribes_late_finds_its_configuration_signed(
    database: Database, broker: Broker, town: Town
) -> None:
    with errands_beside(database, broker, downlink_every_s=0.05):
        wait_until(lambda: scalar(database, "SELECT min(configured_version) FROM bins") > 0)
        wait_until(lambda: is_drained(broker, town))
    with listening(broker, town) as listener:
        config, message = listener.next("config")
        assert message.retain
        assert (config["bin"], config["limits"]) == (BIN_ID, {"day_points": 40})
        assert config["version"] == scalar(database, "SELECT max(configured_version) FROM bins")
        assert config["tariffs"][0]["lines"]["glass"] == {"per": "item", "points": 1}


def is_drained(broker: Broker, town: Town) -> bool:
    """Tell whether the broker holds the retained configuration: a client that comes now is given it."""
    listener = Listener(broker, town)
    try:
        listener.heard.get(timeout=1)
    except queue.Empty:
        return False
    finally:
        listener.close()
    return True


def test_a_worker_delivers_a_command_and_the_bins_answer_ends_it(
    database: Database, broker: Broker, town: Town
) -> None:
    """The process an operator starts, with nothing taken out: command down, signed answer up, command ended."""
    with worker_processes(database, broker) as processes, listening(broker, town) as listener:
        processes.start()
        command_id = issue(database, town)
        command, message = listener.next("command")
        assert (command["do"], command["id"], message.qos, message.retain) == ("reboot", str(command_id), 1, False)
        with connected_publisher(broker) as publisher:
            said = [{"id": command["id"], "state": "done"}]
            forged = Speaker(KEYRING, town.slug, BIN_ID, key_number=9).say("status", utc_now(), commands=said)
            publisher.publish(forged)
            wait_until(lambda: scalar(database, "SELECT count(*) FROM quarantined_messages") == 1)
            assert list_all(database, town)[0].outcome is None
            publisher.publish(Speaker(KEYRING, town.slug, BIN_ID).say("status", utc_now(), commands=said))
            wait_until(lambda: list_all(database, town)[0].outcome == "done")
        [ended] = list_all(database, town)
        assert (ended.times_sent, ended.outcome) == (1, "done")


def test_two_workers_send_a_command_once_in_half_a_minute(database: Database, broker: Broker, town: Town) -> None:
    with (
        listening(broker, town) as listener,
        errands_beside(database, broker, downlink_every_s=0.02),
        errands_beside(database, broker, downlink_every_s=0.02),
    ):
        given = {str(issue(database, town)) for _ in range(30)}
        heard = [listener.next("command")[0]["id"] for _ in given]
        issue(database, town)
        last, _ = listener.next("command")
    assert set(heard) == given
    assert last["id"] not in given
    assert {each.times_sent for each in list_all(database, town)} == {1}


def test_a_gap_is_noticed_and_asked_for_in_real_time_and_its_alarm_ends(
    database: Database, broker: Broker, town: Town
) -> None:
    """As it happens, but for the 30 s: the events are said to have come a minute ago."""
    speaker = Speaker(KEYRING, town.slug, BIN_ID)
    a_minute_ago = utc_now() - datetime.timedelta(minutes=1)
    with ExitStack() as stack:
        worker = worker_thread(database, worker_url(broker), topic_filter=broker.worker_filter)
        stack.enter_context(worker)
        publisher = stack.enter_context(connected_publisher(broker))
        publisher.publish(speaker.events(a_minute_ago, deposit(1, a_minute_ago), deposit(4, a_minute_ago)))
        publisher.wait_for_result(BIN_ID, 4)
        with database.engine().begin() as connection:
            connection.execute(text("UPDATE events SET received_at = :at"), {"at": a_minute_ago})
        listener = stack.enter_context(listening(broker, town))
        logs = stack.enter_context(capture_logs())
        stack.enter_context(errands_beside(database, broker, downlink_every_s=0.05, watch_every_s=0.05))
        resend, _ = listener.next("command")
        assert (resend["do"], resend["journal"], resend["first"], resend["last"]) == ("resend", speaker.journal, 2, 3)
        publisher.publish(speaker.events(utc_now(), deposit(2, a_minute_ago), deposit(3, a_minute_ago)))
        said: Message = speaker.say("status", utc_now(), commands=[{"id": resend["id"], "state": "done"}])
        publisher.publish(said)
        wait_until(lambda: scalar(database, "SELECT ended_at FROM bin_alarms WHERE kind = 'gap'"))
        wait_until(lambda: list_all(database, town)[0].outcome == "done")
    raised = [line for line in logs if line["event"] == "bin_alarm_raised"]
    assert [(line["authority"], line["bin_id"], line["kind"]) for line in raised] == [(town.slug, BIN_ID, "gap")]
    assert scalar(database, "SELECT times FROM bin_alarms") == 1


def test_one_authority_whose_errand_fails_does_not_hold_up_another(
    database: Database, broker: Broker, town: Town
) -> None:
    with database.engine().begin() as connection:
        build_town(connection, KEYRING, authority_id=3, slug="broken")
        # A command no code writes: its kind has no such arguments.
        connection.execute(
            text(
                "INSERT INTO bin_commands (authority_id, command_id, bin_id, kind, issued_at, expires_at)"
                " VALUES (3, gen_random_uuid(), 'BIN-0003-A', 'resend', :now, :later)"
            ),
            {"now": utc_now(), "later": utc_now() + HOUR},
        )
    with (
        capture_logs() as logs,
        listening(broker, town) as listener,
        errands_beside(database, broker, downlink_every_s=0.05),
    ):
        command_id = issue(database, town)
        assert listener.next("command")[0]["id"] == str(command_id)
    failures = [(line["errand"], line["authority"]) for line in logs if line["event"] == "errand_failed"]
    assert failures[0] == ("downlink", "broken")


def test_what_finds_no_connection_is_dropped_and_not_sent_when_it_is_out_of_date(broker: Broker, town: Town) -> None:
    topic = f"bontri/v1/{town.slug}/{BIN_ID}/down/command"
    source = MqttSource(
        BrokerAddress.from_url(worker_url(broker)), client_id="late", topic_filter="bontri/v1/nowhere/+/up/#"
    )
    assert not source.is_connected
    source.publish([Outgoing(topic, b"out of date", qos=1)])
    with listening(broker, town) as listener, source:
        assert source.wait_until_subscribed(timeout_s=PATIENCE_S)
        assert source.is_connected
        source.publish([Outgoing(topic, b"careful", qos=1), Outgoing(topic, b"careless")])
        heard = [listener.next_raw() for _ in range(2)]
    assert sorted((message.payload, message.qos) for message in heard) == [(b"careful", 1), (b"careless", 0)]


def test_control_paho_alone_would_send_it_then(broker: Broker, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = f"bontri/v1/{town.slug}/{BIN_ID}/down/command"
    source = MqttSource(
        BrokerAddress.from_url(worker_url(broker)), client_id="keeping", topic_filter="bontri/v1/nowhere/+/up/#"
    )
    monkeypatch.setattr(source._client, "drop_out_messages", list)
    source._client.publish(topic, b"out of date", qos=1)
    with listening(broker, town) as listener, source:
        assert listener.next_raw().payload == b"out of date"


def test_what_was_not_through_when_a_connection_ended_is_not_sent_by_the_next(broker: Broker, town: Town) -> None:
    """More than paho's window at once; the connection ends before the broker has answered."""
    topic = f"bontri/v1/{town.slug}/{BIN_ID}/down/command"
    with proxy_before(broker) as proxy, listening(broker, town) as listener:
        address = BrokerAddress.from_url(worker_url(broker, port=proxy.port))
        with MqttSource(address, client_id="bounded", topic_filter="bontri/v1/nowhere/+/up/#") as source:
            assert source.wait_until_subscribed(timeout_s=PATIENCE_S)
            proxy.weather.is_silent = True
            source.publish([Outgoing(topic, b"out of date", qos=1)] * 50)
            proxy.cut()
            wait_until(lambda: not source.is_connected)
            proxy.weather.is_silent = False
            wait_until(lambda: source.is_connected)
            for payload in (b"present", b"still present"):
                source.publish([Outgoing(topic, payload, qos=1)])
                assert listener.next_raw().payload == payload
