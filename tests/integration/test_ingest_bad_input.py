"""Input no good bin sends, through a real broker into the real worker: nothing is credited wrongly, nothing stops."""

import datetime
import itertools
import random
import resource
import secrets
import selectors
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bontri.embedded.broker import Broker
from ingest.messages import Message, Outgoing
from ingest.mqtt import MOST_MESSAGES
from ingest.topics import PLAIN_FILTER, shared_filter
from ingest.worker import Worker
from rewards.bins import NewBin, add_bins
from rewards.fleet_watch import GAP_PATIENCE, watch_fleet
from rewards.quarantine import MOST_KEPT_PER_DAY, NO_AUTHORITY
from rewards.verify import verify
from tests.databases import Database, DatabasePool
from tests.factories import START, build_citizen, build_town
from tests.ingest_scene import (
    FLEET,
    KEYRING,
    connected_publisher,
    mosquitto,
    scalar,
    wait_until,
    worker_thread,
    worker_url,
)
from tests.integration.test_ingest_quarantine import BADGE, Scene, good_message, utc_now
from tests.raw_mqtt import PUBACK, PUBLISH, RawConnection, write_publish
from tests.speaker import Speaker, deposit, read

CROWD = [f"CROWD-{number:05}" for number in range(1, 1001)]
LARGEST_SEQ = 2**63 - 2
POINTS = "SELECT coalesce(sum(points), 0) FROM transfers"


@dataclass
class BadInput(Scene):
    """The scene with the worker that is to be left unharmed."""

    worker: Worker

    def count_refused(self, authority_id: int) -> int:
        """Count messages refused whole, with their repeats and those above the bound."""
        query = """
            SELECT (SELECT coalesce(sum(times), 0) FROM quarantined_messages WHERE authority_id = :authority_id)
                 + (SELECT coalesce(sum(times), 0) FROM quarantine_overflows WHERE authority_id = :authority_id)
        """
        return int(scalar(self.database, query, authority_id=authority_id))


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with mosquitto(CROWD) as broker:
        yield broker


@pytest.fixture(scope="module")
def whole_scene(databases: DatabasePool, broker: Broker) -> Iterator[BadInput]:
    with databases.lend() as database:
        with database.engine().begin() as connection:
            town = build_town(connection, KEYRING)
            build_citizen(connection, town, badge=BADGE)
            site_id = connection.scalar(text("SELECT site_id FROM sites ORDER BY reference LIMIT 1"))
            new_bins = [NewBin(bin_id, site_id, START) for bin_id in CROWD]
            add_bins(connection, new_bins, authority_id=town.authority_id, now=START)
        with (
            capture_logs() as logged,
            connected_publisher(broker) as publisher,
            worker_thread(database, worker_url(broker), topic_filter=broker.worker_filter) as worker,
        ):
            yield BadInput(database, publisher, town, itertools.count(1), logged, worker)


@pytest.fixture
def scene(whole_scene: BadInput) -> Iterator[BadInput]:
    """The scene; after every test a good deposit of another bin is credited and the books are sound."""
    yield whole_scene
    whole_scene.assert_stream_goes_on()
    assert verify(whole_scene.database.engine("bontri_reader")).is_sound
    assert_no_faults(whole_scene.logged)


@pytest.fixture
def speaker(scene: BadInput) -> Speaker:
    return scene.add_bin()


def assert_no_faults(logged: list[Any]) -> None:
    assert [entry for entry in logged if entry["log_level"] in ("warning", "error", "critical")] == []


def show_figures(**figures: float) -> None:
    print("\n" + ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))  # noqa: T201 (the figures asked)


def wait_for_another_receipt(scene: Scene, speaker: Speaker, *, heard: int) -> dict[str, Any]:
    """Return the newest receipt once there are more than ``heard``."""
    wait_until(lambda: len(scene.publisher.receipts_of(speaker.bin_id)) > heard)
    return scene.publisher.receipts_of(speaker.bin_id)[-1]


# Other qualities of service -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 2])
def test_events_of_another_quality_of_service_are_treated_as_any_others(
    scene: BadInput, speaker: Speaker, qos: int
) -> None:
    now = utc_now()
    scene.publisher.publish(speaker.events(now, deposit(1, now, items=3, badge=BADGE)), qos=qos)
    assert scene.publisher.wait_for_result(speaker.bin_id, 1) == {"seq": 1, "state": "credited", "points": 3}
    assert scene.count_events(speaker) == 1


def test_the_same_bytes_at_every_quality_of_service_are_credited_once(scene: BadInput, speaker: Speaker) -> None:
    message, credited = good_message(speaker), scalar(scene.database, POINTS)
    for qos in (0, 1, 2, 2, 1, 0):
        heard = len(scene.publisher.receipts_of(speaker.bin_id))
        scene.publisher.publish(message, qos=qos)
        wait_for_another_receipt(scene, speaker, heard=heard)
    assert {receipt["upto"] for receipt in scene.publisher.receipts_of(speaker.bin_id)} == {1}
    assert scene.count_events(speaker) == 1
    assert scalar(scene.database, POINTS) == credited + 1


# Retained messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic_filter", [shared_filter("ingest"), PLAIN_FILTER], ids=["shared", "plain"])
def test_retained_events_are_credited_once_however_often_the_worker_starts(
    database: Database, topic_filter: str
) -> None:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        build_citizen(connection, town, badge=BADGE)
    with ExitStack() as stack:
        logged = stack.enter_context(capture_logs())
        own_broker = stack.enter_context(mosquitto())
        publisher = stack.enter_context(connected_publisher(own_broker))
        scene = Scene(database, publisher, town, itertools.count(1), logged)
        before, during = scene.add_bin(), scene.add_bin()
        early, late = good_message(before), good_message(during)
        publisher.publish(early, is_retained=True)
        for start in range(3):
            with worker_thread(database, worker_url(own_broker), topic_filter=topic_filter):
                if start == 0:
                    publisher.publish(late, is_retained=True)
                    publisher.wait_for_result(during.bin_id, 1)
                scene.assert_stream_goes_on()
                assert scene.count_events(during) == 1
        # MQTT 5 gives a shared subscription nothing retained, Mosquitto 2.0.11 does all the same.
        assert scene.count_events(before) in ((1,) if topic_filter == PLAIN_FILTER else (0, 1))
        with worker_thread(database, worker_url(own_broker), topic_filter=topic_filter):
            publisher.publish(early)
            publisher.wait_for_result(before.bin_id, 1)
            scene.assert_stream_goes_on()
        assert [scene.count_events(each) for each in (before, during)] == [1, 1]
        assert scalar(database, POINTS) == 2 + 4 * 2
    assert verify(database.engine("bontri_reader")).is_sound
    assert_no_faults(logged)


# Topics ---------------------------------------------------------------------------------------------------------------

CUT = {
    "invalid_utf8": b"bontri/v1/plaine-commune/%b/up/\xff\xfe",
    "overlong_utf8": b"bontri/v1/plaine-commune/%b/up/\xc1\xa5vents",
    "a_surrogate": b"bontri/v1/plaine-commune/%b/up/\xed\xa0\x80",
    "a_nul": b"bontri/v1/plaine-commune/%b/up/events\0",
    "one_level_wild": b"bontri/v1/plaine-commune/+/up/events",
    "all_levels_wild": b"bontri/v1/plaine-commune/%b/up/#",
    "a_thousand_levels": b"bontri/v1/plaine-commune/%b/up" + b"/x" * 1000,
    "nothing": b"",
}

KEPT = {
    "no_channel": b"bontri/v1/plaine-commune/%b/up/",
    "a_level_below_the_channel": b"bontri/v1/plaine-commune/%b/up/events/1",
    "a_slash_behind": b"bontri/v1/plaine-commune/%b/up/events/",
    "capitals": b"bontri/v1/plaine-commune/%b/up/EVENTS",
    "an_authority_with_capitals": b"bontri/v1/Plaine-Commune/%b/up/events",
    "a_bin_in_other_letters": "bontri/v1/plaine-commune/%b\u0660/up/events".encode(),
    "a_quote": b"bontri/v1/plaine-commune/%b/up/';--\\",
    "a_bin_without_a_name": b"bontri/v1/plaine-commune//up/events",
    "64_000_bytes": b"bontri/v1/plaine-commune/%b/up/" + b"x" * 64_000,
    "a_name_of_64_000_bytes": b"bontri/v1/plaine-commune/%b" + b"X" * 64_000 + b"/up/events",
}


def connect_by_hand(broker: Broker) -> RawConnection:
    client_id = f"raw-{secrets.token_hex(4)}"
    return RawConnection(broker, username=FLEET.username, password=FLEET.password, client_id=client_id)


@pytest.mark.parametrize("name", CUT)
def test_a_topic_that_is_none_is_cut_off_by_the_broker_and_reaches_no_worker(
    scene: BadInput, speaker: Speaker, broker: Broker, name: str
) -> None:
    refused = scene.count_refused(NO_AUTHORITY)
    topic = CUT[name].replace(b"%b", speaker.bin_id.encode())
    with connect_by_hand(broker) as connection:
        connection.send(write_publish(topic, good_message(speaker).payload))
        assert connection.is_cut()
    scene.assert_stream_goes_on()
    assert scene.count_events(speaker) == 0
    assert scene.count_refused(NO_AUTHORITY) == refused


@pytest.mark.parametrize("name", KEPT)
def test_a_wrong_topic_below_up_is_kept_under_its_name_and_credits_nothing(
    scene: BadInput, speaker: Speaker, broker: Broker, name: str
) -> None:
    topic = KEPT[name].replace(b"%b", speaker.bin_id.encode())
    message = replace(good_message(speaker), topic=topic.decode())
    credited = scalar(scene.database, POINTS)
    with connect_by_hand(broker) as connection:
        connection.send(write_publish(topic, message.payload))
        assert not connection.is_cut()
    # Of a topic the first thousand characters are kept.
    kept = replace(message, topic=message.topic[:1000])
    scene.assert_kept(kept, code="wrong_topic", authority_id=NO_AUTHORITY)
    assert scene.count_events(speaker) == 0
    assert scalar(scene.database, POINTS) == credited
    assert scene.publisher.receipts_of(speaker.bin_id) == []


def test_a_packet_above_the_broker_s_size_is_cut_off_and_reaches_no_worker(
    scene: BadInput, speaker: Speaker, broker: Broker
) -> None:
    refused = scene.count_refused(NO_AUTHORITY)
    topic = f"{speaker.topic('events')}/".encode() + b"x" * 65_000
    with connect_by_hand(broker) as connection:
        connection.send(write_publish(topic, b"y" * 1000))
        assert connection.is_cut()
    scene.assert_stream_goes_on()
    assert scene.count_refused(NO_AUTHORITY) == refused


def test_events_under_a_mountain_of_properties_are_credited(scene: BadInput, speaker: Speaker, broker: Broker) -> None:
    def text_of(value: bytes) -> bytes:
        return struct.pack("!H", len(value)) + value

    user_property, message = b"\x26" + text_of(b"name") + text_of(b"v" * 59_000), good_message(speaker)
    with connect_by_hand(broker) as connection:
        connection.send(write_publish(message.topic.encode(), message.payload, properties=user_property))
        assert not connection.is_cut()
    assert scene.publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited"


# A thousand connections -----------------------------------------------------------------------------------------------


def test_a_thousand_connections_each_get_the_receipt_of_their_deposit(scene: BadInput, broker: Broker) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = len(CROWD) + 200
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    credited, began_s = scalar(scene.database, POINTS), time.monotonic()
    receipts: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for bin_id in CROWD:
            password = KEYRING.broker_password(username=bin_id)
            connection = RawConnection(broker, username=bin_id, password=password, client_id=bin_id)
            stack.enter_context(connection)
            connection.subscribe(f"bontri/v1/{scene.town.slug}/{bin_id}/down/receipt")
            selector.register(connection.socket, selectors.EVENT_READ, (bin_id, connection))
        connected_s = time.monotonic()
        for key in selector.get_map().values():
            bin_id, connection = key.data
            message = good_message(Speaker(KEYRING, scene.town.slug, bin_id))
            connection.send(write_publish(message.topic.encode(), message.payload))
        acknowledged: set[str] = set()
        while len(receipts) < len(CROWD) or len(acknowledged) < len(CROWD):
            assert time.monotonic() < connected_s + 20, f"{len(receipts)} receipts, {len(acknowledged)} PUBACKs"
            for key, _ in selector.select(1):
                bin_id, connection = key.data
                for packet in connection.read():
                    if packet.kind == PUBACK:
                        acknowledged.add(bin_id)
                    elif packet.kind == PUBLISH:
                        receipts[bin_id] = read(Outgoing("", packet.payload))
    show_figures(connected_s=connected_s - began_s, told_s=time.monotonic() - connected_s)
    expected = [{"seq": 1, "state": "credited", "points": 1}]
    assert [receipts[bin_id]["results"] for bin_id in CROWD] == [expected] * len(CROWD)
    assert scalar(scene.database, POINTS) == credited + len(CROWD)


# A whole day again ----------------------------------------------------------------------------------------------------

BOOKS = {
    "events": "SELECT count(*), sum(hashtext(CAST(e AS text))) FROM events e",
    "transfers": "SELECT count(*), sum(hashtext(CAST(t AS text))) FROM transfers t",
    "accounts": "SELECT count(*), sum(hashtext(CAST(a AS text))) FROM accounts a",
    "rollups": "SELECT count(*), sum(hashtext(CAST(d AS text))) FROM daily_deposits d",
    "settled": "SELECT count(*), sum(hashtext(CAST(j.received AS text))) FROM bin_journals j",
    "quarantined": "SELECT count(*), sum(times) FROM quarantined_messages",
}


def read_books(database: Database) -> dict[str, Any]:
    """Return a checksum of everything a repeat must not change."""
    return {name: scalar(database, f"SELECT CAST(t AS text) FROM ({query}) t") for name, query in BOOKS.items()}


def test_a_whole_day_published_twice_more_changes_nothing_and_is_answered(scene: BadInput) -> None:
    now, rng = utc_now(), random.Random(20261122)
    speakers = [scene.add_bin() for _ in range(20)]
    recorded = [
        speaker.events(
            now,
            *(
                deposit(
                    number * 3 + place,
                    now - datetime.timedelta(minutes=14 * (100 - number), seconds=place),
                    items=rng.randint(1, 9),
                    badge=BADGE if rng.random() < 0.6 else None,
                )
                for place in (1, 2, 3)
            ),
        )
        for speaker in speakers
        for number in range(100)
    ]
    began_s = time.monotonic()
    publish_and_settle(scene, recorded)
    assert sum(scene.count_events(speaker) for speaker in speakers) == 6000
    books, repeats = read_books(scene.database), scene.worker.handled.repeats
    first_s = time.monotonic() - began_s
    for _ in range(2):
        rng.shuffle(recorded)
        heard = len(scene.publisher.receipts)
        publish_and_settle(scene, recorded)
        answered = {receipt.topic.split("/")[3] for receipt in scene.publisher.receipts[heard:]}
        assert answered >= {speaker.bin_id for speaker in speakers}
        assert read_books(scene.database) == books
    assert scene.worker.handled.repeats == repeats + 12_000
    assert all(scene.publisher.receipts_of(speaker.bin_id)[-1]["upto"] == 300 for speaker in speakers)
    show_figures(once_s=first_s, twice_more_s=time.monotonic() - began_s - first_s)


def publish_and_settle(scene: BadInput, messages: list[Message]) -> None:
    """Publish, and return when the worker has handled all of them and holds no receipt back."""
    handled = scene.worker.handled.messages
    for start in range(0, len(messages), 500):
        scene.publisher.publish(*messages[start : start + 500])
    wait_until(lambda: scene.worker.handled.messages >= handled + len(messages), within_s=30)
    heard = -1
    while heard != len(scene.publisher.receipts):
        heard = len(scene.publisher.receipts)
        time.sleep(0.3)


# The largest number ---------------------------------------------------------------------------------------------------


def test_the_largest_number_is_settled_and_the_first_one_still_is(scene: BadInput, speaker: Speaker) -> None:
    now = utc_now()
    scene.publisher.publish(speaker.events(now, deposit(LARGEST_SEQ, now, items=2, badge=BADGE)))
    result = {"seq": LARGEST_SEQ, "state": "credited", "points": 2}
    assert scene.publisher.wait_for_result(speaker.bin_id, LARGEST_SEQ) == result
    receipt = scene.publisher.receipts_of(speaker.bin_id)[-1]
    assert (receipt["upto"], receipt["also"]) == (0, [[LARGEST_SEQ, LARGEST_SEQ]])

    above = speaker.events(now, deposit(LARGEST_SEQ + 1, now, badge=BADGE), deposit(2, now, badge=BADGE))
    scene.publisher.publish(above)
    scene.assert_kept(above, code="schema")
    assert scene.count_events(speaker) == 1

    scene.publisher.publish(speaker.events(now, deposit(1, now, badge=BADGE)))
    assert scene.publisher.wait_for_result(speaker.bin_id, 1) == {"seq": 1, "state": "credited", "points": 1}
    receipt = scene.publisher.receipts_of(speaker.bin_id)[-1]
    assert (receipt["upto"], receipt["also"]) == (1, [[LARGEST_SEQ, LARGEST_SEQ]])
    assert scene.count_events(speaker) == 2


LAST = [LARGEST_SEQ, LARGEST_SEQ]
AFTER_THE_LARGEST: dict[int, tuple[int, list[list[int]], dict[str, int]]] = {
    1: (0, [LAST], {"gap": LARGEST_SEQ - 1}),
    2: (1, [LAST], {"gap": LARGEST_SEQ - 2, "lost": 1}),
    LARGEST_SEQ: (LARGEST_SEQ, [], {"lost": LARGEST_SEQ - 1}),
    LARGEST_SEQ + 1: (LARGEST_SEQ, [], {"lost": LARGEST_SEQ - 1}),
}


@pytest.mark.parametrize("oldest_held", AFTER_THE_LARGEST)
def test_a_hello_after_the_largest_number_is_answered_and_watched(
    scene: BadInput, speaker: Speaker, oldest_held: int
) -> None:
    now = utc_now()
    upto, also, alarms = AFTER_THE_LARGEST[oldest_held]
    scene.publisher.publish(speaker.events(now, deposit(LARGEST_SEQ, now, items=2, badge=BADGE)))
    scene.publisher.wait_for_result(speaker.bin_id, LARGEST_SEQ)
    heard = len(scene.publisher.receipts_of(speaker.bin_id))
    scene.publisher.publish(speaker.say("hello", now, next_seq=LARGEST_SEQ + 1, oldest_held=oldest_held))
    receipt = wait_for_another_receipt(scene, speaker, heard=heard)
    assert (receipt["upto"], receipt.get("also", [])) == (upto, also)
    later = utc_now() + GAP_PATIENCE
    with scene.database.engine("bontri_ingest").begin() as connection:
        look = watch_fleet(connection, authority_id=scene.town.authority_id, now=later)
    assert look is not None
    raised = {each.kind: each.detail["numbers"] for each in look.raised if each.bin_id == speaker.bin_id}
    assert raised == alarms


# Keys of others -------------------------------------------------------------------------------------------------------


def test_two_thousand_messages_under_keys_of_others_are_kept_up_to_the_bound_and_counted(scene: BadInput) -> None:
    victim, thief = scene.add_bin(), scene.add_bin()
    strange_key = replace(victim, key_number=2)
    now, credited, began_s = utc_now(), scalar(scene.database, POINTS), time.monotonic()

    def forge(seq: int) -> Message:
        event = deposit(seq, now, items=9, badge=BADGE)
        if seq % 2:
            return strange_key.events(now, event)
        # The thief's own signature, made for the thief's own topic.
        return replace(thief.events(now, event, bin=victim.bin_id), topic=victim.topic("events"))

    def count(query: str) -> int:
        return int(scalar(scene.database, query, bin_id=victim.bin_id))

    kept = "SELECT count(*) FROM quarantined_messages WHERE bin_id = :bin_id"
    overflown = "SELECT coalesce(sum(times), 0) FROM quarantine_overflows WHERE bin_id = :bin_id"
    scene.publisher.publish(*(forge(seq) for seq in range(1, 2001)))
    wait_until(lambda: count(kept) + count(overflown) == 2000)
    took_s = time.monotonic() - began_s
    stored = count(kept)
    # Two writers at once may overshoot by a batch.
    assert MOST_KEPT_PER_DAY <= stored < MOST_KEPT_PER_DAY + MOST_MESSAGES
    codes = "SELECT string_agg(DISTINCT code, ' ' ORDER BY code) FROM quarantined_messages WHERE bin_id = :bin_id"
    assert scalar(scene.database, codes, bin_id=victim.bin_id) == "bad_signature unknown_key"
    scene.publisher.publish(*(forge(seq) for seq in range(2001, 2201)))
    wait_until(lambda: count(overflown) == 2200 - stored)
    assert count(kept) == stored
    show_figures(forged_s=took_s, kept=stored)

    assert scene.count_events(victim) == scene.count_events(thief) == 0
    assert scene.publisher.receipts_of(victim.bin_id) == scene.publisher.receipts_of(thief.bin_id) == []
    assert scalar(scene.database, POINTS) == credited
    # Whose name was misused is still served, and so is who signed.
    for honest in (victim, thief):
        scene.publisher.publish(good_message(honest))
        assert scene.publisher.wait_for_result(honest.bin_id, 1)["state"] == "credited"
