"""Every code of the quarantine, through a real broker into the real worker: kept, not credited, and nothing stops."""

import dataclasses
import datetime
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bontri.embedded.broker import Broker
from ingest.messages import Message
from rewards.bins import NewBin, add_bins, announce_change, revoke_bin
from rewards.quarantine import NO_AUTHORITY, PURPOSE
from rewards.territory import add_materials
from tests.databases import Database, DatabasePool
from tests.factories import START, Town, build_citizen, build_town
from tests.ingest_scene import (
    KEYRING,
    Publisher,
    connected_publisher,
    scalar,
    wait_until,
    worker_thread,
    worker_url,
)
from tests.speaker import Speaker, deposit

BADGE = "04A2B9C1"
ACCOUNTS = "SELECT sum(credits_posted) FROM accounts"


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass
class Scene:
    database: Database
    publisher: Publisher
    town: Town
    numbers: "itertools.count[int]"
    logged: list[Any]

    def add_bin(self, *, placed_at: datetime.datetime = START) -> Speaker:
        """Provision a bin of its own for one test."""
        bin_id = f"QUA-{next(self.numbers):05}"
        with self.database.engine().begin() as connection:
            site_id = connection.scalar(text("SELECT site_id FROM sites ORDER BY reference LIMIT 1"))
            add_bins(connection, [NewBin(bin_id, site_id, placed_at)], authority_id=self.town.authority_id, now=START)
        return Speaker(KEYRING, self.town.slug, bin_id)

    def find_quarantined(self, message: Message, authority_id: int) -> Any:
        """Find the row that keeps exactly these bytes of this topic."""
        digest = KEYRING.content_digest(message.topic.encode() + b"\n" + message.payload)
        with self.database.engine().connect() as connection:
            return connection.execute(
                text(
                    "SELECT * FROM quarantined_messages WHERE authority_id = :authority_id AND message_digest = :digest"
                ),
                {"authority_id": authority_id, "digest": digest},
            ).one_or_none()

    def assert_kept(self, message: Message, *, code: str | None, authority_id: int | None = None) -> None:
        """The exact bytes are kept, under lock, with their code."""
        owner = self.town.authority_id if authority_id is None else authority_id
        row = wait_until(lambda: self.find_quarantined(message, owner))
        assert row.code == code
        assert row.topic == message.topic
        assert row.times == 1
        assert message.payload not in bytes(row.payload_encrypted)
        assert KEYRING.decrypt(bytes(row.payload_encrypted), purpose=PURPOSE) == message.payload

    def find_event_codes(self, speaker: Speaker) -> list[str]:
        with self.database.engine().connect() as connection:
            rows = connection.scalars(
                text(
                    "SELECT q.code FROM quarantined_events q JOIN bin_journals j USING (authority_id, journal_no)"
                    " WHERE j.bin_id = :bin_id ORDER BY q.seq, q.code"
                ),
                {"bin_id": speaker.bin_id},
            )
            return list(rows)

    def assert_stream_goes_on(self) -> None:
        """A good deposit sent afterwards by another bin is credited and receipted."""
        other = self.add_bin()
        now = utc_now()
        self.publisher.publish(other.events(now, deposit(1, now, items=2, badge=BADGE)))
        assert self.publisher.wait_for_result(other.bin_id, 1) == {"seq": 1, "state": "credited", "points": 2}

    def count_events(self, speaker: Speaker) -> int:
        query = "SELECT count(*) FROM events WHERE bin_id = :bin_id"
        return int(scalar(self.database, query, bin_id=speaker.bin_id))


@pytest.fixture(scope="module")
def scene(databases: DatabasePool, broker: Broker) -> Iterator[Scene]:
    with databases.lend() as database:
        with database.engine().begin() as connection:
            town = build_town(connection, KEYRING)
            build_citizen(connection, town, badge=BADGE)
            add_materials(connection, {"can": None}, authority_id=town.authority_id)
        with (
            capture_logs() as logged,
            connected_publisher(broker) as publisher,
            worker_thread(database, worker_url(broker), topic_filter=broker.worker_filter),
        ):
            yield Scene(database, publisher, town, itertools.count(1), logged)


@pytest.fixture
def speaker(scene: Scene) -> Speaker:
    return scene.add_bin()


def good_message(speaker: Speaker) -> Message:
    now = utc_now()
    return speaker.events(now, deposit(1, now, badge=BADGE))


def with_payload(message: Message, payload: bytes) -> Message:
    return dataclasses.replace(message, payload=payload)


def not_even_json(scene: Scene, speaker: Speaker) -> Message:
    return Message(speaker.topic("events"), b"\x00\xff\xfe neither JSON nor signed", utc_now())


def signed_but_not_json(scene: Scene, speaker: Speaker) -> Message:
    return Message(speaker.topic("events"), speaker.sign("events", b'{"v":1,'), utc_now())


def unsigned_text_that_is_not_utf8(scene: Scene, speaker: Speaker) -> Message:
    return Message(speaker.topic("events"), b'{"v":"\xff"}', utc_now())


def signed_text_that_is_not_utf8(scene: Scene, speaker: Speaker) -> Message:
    return Message(speaker.topic("events"), speaker.sign("events", b'{"v":1,"bin":"\xff"}'), utc_now())


def nested_beyond_reason(scene: Scene, speaker: Speaker) -> Message:
    return Message(speaker.topic("events"), speaker.sign("events", b"[" * 8000 + b"]" * 8000), utc_now())


def a_line_changed_after_signing(scene: Scene, speaker: Speaker) -> Message:
    message = good_message(speaker)
    return with_payload(message, message.payload.replace(b'"items": 1', b'"items": 9'))


def json_without_a_signature(scene: Scene, speaker: Speaker) -> Message:
    message = good_message(speaker)
    return with_payload(message, message.payload.partition(b"\n")[0])


def a_line_feed_after_the_signature(scene: Scene, speaker: Speaker) -> Message:
    message = good_message(speaker)
    return with_payload(message, message.payload + b"\n")


def signed_for_another_topic(scene: Scene, speaker: Speaker) -> Message:
    return dataclasses.replace(good_message(speaker), topic=speaker.topic("hello"))


def signed_by_another_bin(scene: Scene, speaker: Speaker) -> Message:
    message, other = good_message(speaker), scene.add_bin()
    line = message.payload.partition(b"\n")[0]
    return with_payload(message, dataclasses.replace(speaker, keyring=OtherKey(other)).sign("events", line))


class OtherKey:
    """A keyring that hands out another bin's key."""

    def __init__(self, other: Speaker) -> None:
        self._key = other.key()

    def bin_key(self, **_: Any) -> bytes:
        return self._key


def a_key_number_never_given_out(scene: Scene, speaker: Speaker) -> Message:
    return good_message(dataclasses.replace(speaker, key_number=2))


def a_revoked_key(scene: Scene, speaker: Speaker) -> Message:
    with scene.database.engine().begin() as connection:
        connection.execute(
            text("UPDATE bin_keys SET state = 'revoked' WHERE bin_id = :bin_id"), {"bin_id": speaker.bin_id}
        )
        announce_change(connection, authority_id=scene.town.authority_id)
    return good_message(speaker)


def a_bin_nobody_provisioned(scene: Scene, speaker: Speaker) -> Message:
    return good_message(dataclasses.replace(speaker, bin_id="NOBODY-1"))


def a_revoked_bin(scene: Scene, speaker: Speaker) -> Message:
    with scene.database.engine().begin() as connection:
        assert revoke_bin(connection, speaker.bin_id, authority_id=scene.town.authority_id)
    return good_message(speaker)


def another_bin_named_inside(scene: Scene, speaker: Speaker) -> Message:
    other = scene.add_bin()
    line = good_message(other).payload.partition(b"\n")[0]
    return Message(speaker.topic("events"), speaker.sign("events", line), utc_now())


def one_byte_above_16_kib(scene: Scene, speaker: Speaker) -> Message:
    now = utc_now()
    size = len(speaker.events(now, deposit(1, now, badge=BADGE), padding="").payload)
    message = speaker.events(now, deposit(1, now, badge=BADGE), padding="x" * (16 * 1024 + 1 - size))
    assert len(message.payload) == 16 * 1024 + 1
    return message


def an_unknown_version(scene: Scene, speaker: Speaker) -> Message:
    now = utc_now()
    return speaker.events(now, deposit(1, now, badge=BADGE), v=2)


def no_events_inside(scene: Scene, speaker: Speaker) -> Message:
    return speaker.events(utc_now())


def an_event_without_a_number(scene: Scene, speaker: Speaker) -> Message:
    now = utc_now()
    event = deposit(1, now, badge=BADGE)
    del event["seq"]
    return speaker.events(now, event)


def a_journal_with_a_line_feed(scene: Scene, speaker: Speaker) -> Message:
    return good_message(dataclasses.replace(speaker, journal=speaker.journal + "\n"))


def a_hello_that_holds_what_it_never_gave_out(scene: Scene, speaker: Speaker) -> Message:
    return speaker.say("hello", utc_now(), next_seq=5, oldest_held=6)


WHOLE_MESSAGES = {
    not_even_json: "not_json",
    signed_but_not_json: "not_json",
    unsigned_text_that_is_not_utf8: "not_json",
    signed_text_that_is_not_utf8: "not_json",
    nested_beyond_reason: "not_json",
    a_line_changed_after_signing: "bad_signature",
    json_without_a_signature: "bad_signature",
    a_line_feed_after_the_signature: "bad_signature",
    signed_for_another_topic: "bad_signature",
    signed_by_another_bin: "bad_signature",
    a_key_number_never_given_out: "unknown_key",
    a_revoked_key: "unknown_key",
    a_bin_nobody_provisioned: "unknown_bin",
    a_revoked_bin: "revoked_bin",
    another_bin_named_inside: "wrong_topic",
    an_unknown_version: "schema",
    no_events_inside: "schema",
    an_event_without_a_number: "schema",
    a_journal_with_a_line_feed: "schema",
    a_hello_that_holds_what_it_never_gave_out: "schema",
}


@pytest.mark.parametrize("make", WHOLE_MESSAGES, ids=lambda make: make.__name__)
def test_a_message_refused_whole_is_kept_and_settles_nothing(scene: Scene, speaker: Speaker, make: Any) -> None:
    message = make(scene, speaker)
    credited = scalar(scene.database, ACCOUNTS)
    scene.publisher.publish(message)
    scene.assert_kept(message, code=WHOLE_MESSAGES[make])
    assert scalar(scene.database, ACCOUNTS) == credited
    assert scene.count_events(speaker) == 0
    scene.assert_stream_goes_on()
    assert scene.publisher.receipts_of(speaker.bin_id) == []


def an_authority_nobody_knows(scene: Scene, speaker: Speaker) -> Message:
    return good_message(dataclasses.replace(speaker, authority="atlantis"))


def a_channel_of_no_protocol(scene: Scene, speaker: Speaker) -> Message:
    topic = speaker.topic("gossip")
    return Message(topic, speaker.sign("gossip", good_message(speaker).payload.partition(b"\n")[0]), utc_now())


OF_NO_AUTHORITY = {
    an_authority_nobody_knows: "unknown_bin",
    a_channel_of_no_protocol: "wrong_topic",
    one_byte_above_16_kib: "too_large",
}


@pytest.mark.parametrize("make", OF_NO_AUTHORITY, ids=lambda make: make.__name__)
def test_a_message_that_names_no_authority_of_ours_is_kept_apart(scene: Scene, speaker: Speaker, make: Any) -> None:
    message = make(scene, speaker)
    credited = scalar(scene.database, ACCOUNTS)
    scene.publisher.publish(message)
    scene.assert_kept(message, code=OF_NO_AUTHORITY[make], authority_id=NO_AUTHORITY)
    assert scalar(scene.database, ACCOUNTS) == credited
    assert scene.count_events(speaker) == 0
    scene.assert_stream_goes_on()
    assert scene.publisher.receipts_of(speaker.bin_id) == []


def test_a_message_of_exactly_16_kib_is_taken(scene: Scene, speaker: Speaker) -> None:
    now = utc_now()
    size = len(speaker.events(now, deposit(1, now, badge=BADGE), padding="").payload)
    message = speaker.events(now, deposit(1, now, badge=BADGE), padding="x" * (16 * 1024 - size))
    scene.publisher.publish(message)
    assert scene.publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited"


def ahead(now: datetime.datetime) -> dict[str, Any]:
    return deposit(1, now + datetime.timedelta(minutes=11), badge=BADGE)


SINGLE_EVENTS = {
    "schema": lambda now: deposit(1, now, items=-1, badge=BADGE),
    "unknown_material": lambda now: deposit(1, now, material="wood", badge=BADGE),
    "clock_ahead": ahead,
    "no_tariff": lambda now: deposit(1, now, material="can", badge=BADGE),
}


@pytest.mark.parametrize("code", SINGLE_EVENTS)
def test_an_event_refused_alone_is_settled_and_its_neighbours_are_credited(
    scene: Scene, speaker: Speaker, code: str
) -> None:
    now = utc_now()
    message = speaker.events(now, SINGLE_EVENTS[code](now), deposit(2, now, items=3, badge=BADGE))
    scene.publisher.publish(message)
    assert scene.publisher.wait_for_result(speaker.bin_id, 1) == {"seq": 1, "state": "quarantined", "code": code}
    assert scene.publisher.wait_for_result(speaker.bin_id, 2) == {"seq": 2, "state": "credited", "points": 3}
    assert scene.publisher.receipts_of(speaker.bin_id)[-1]["upto"] == 2
    scene.assert_kept(message, code=None)
    assert scene.find_event_codes(speaker) == [code]
    assert scene.count_events(speaker) == 1
    scene.assert_stream_goes_on()


def test_an_event_while_the_bin_stood_nowhere_is_quarantined(scene: Scene, speaker: Speaker) -> None:
    now = utc_now()
    with scene.database.engine().begin() as connection:
        connection.execute(
            text("UPDATE placements SET removed_at = :at WHERE bin_id = :bin_id"),
            {"at": now - datetime.timedelta(days=1), "bin_id": speaker.bin_id},
        )
        announce_change(connection, authority_id=scene.town.authority_id)
    message = speaker.events(now, deposit(1, now, badge=BADGE))
    scene.publisher.publish(message)
    assert scene.publisher.wait_for_result(speaker.bin_id, 1)["code"] == "no_placement"
    scene.assert_kept(message, code=None)
    assert scene.find_event_codes(speaker) == ["no_placement"]
    assert scene.count_events(speaker) == 0
    scene.assert_stream_goes_on()


def test_other_content_under_a_known_number_is_quarantined_and_changes_no_points(
    scene: Scene, speaker: Speaker
) -> None:
    now = utc_now()
    scene.publisher.publish(speaker.events(now, deposit(1, now, items=3, badge=BADGE)))
    assert scene.publisher.wait_for_result(speaker.bin_id, 1)["points"] == 3
    credited = scalar(scene.database, ACCOUNTS)
    message = speaker.events(now, deposit(1, now, items=4, badge=BADGE))
    scene.publisher.publish(message)
    wait_until(lambda: scene.publisher.wait_for_result(speaker.bin_id, 1).get("code") == "event_conflict")
    scene.assert_kept(message, code=None)
    assert scene.find_event_codes(speaker) == ["event_conflict"]
    assert scalar(scene.database, ACCOUNTS) == credited
    scene.assert_stream_goes_on()


def test_what_cannot_be_processed_is_set_aside_and_counts_when_the_bin_repeats_it(
    scene: Scene, speaker: Speaker
) -> None:
    now = utc_now()
    message = speaker.events(now, deposit(1, now, items=33, badge=BADGE))
    credited = scalar(scene.database, ACCOUNTS)
    alter(scene.database, "ALTER TABLE transfers ADD CONSTRAINT poison CHECK (points <> 33)")
    try:
        scene.publisher.publish(message)
        assert scene.publisher.wait_for_result(speaker.bin_id, 1)["code"] == "internal"
    finally:
        alter(scene.database, "ALTER TABLE transfers DROP CONSTRAINT poison")
    entry = next(entry for entry in scene.logged if entry.get("topic") == message.topic)
    assert (entry["event"], entry["sqlstate"], entry["constraint"]) == ("message_set_aside", "23514", "poison")
    assert "execute_pipelined" in entry["traceback"]
    assert "exc_info" not in entry
    assert BADGE not in str(entry)
    scene.assert_kept(message, code=None)
    assert scene.find_event_codes(speaker) == ["internal"]
    assert scene.count_events(speaker) == 0
    assert scalar(scene.database, ACCOUNTS) == credited
    scene.assert_stream_goes_on()
    scene.publisher.publish(message)
    wait_until(lambda: scene.publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited")
    assert scene.count_events(speaker) == 1


def test_what_cannot_even_be_set_aside_by_event_is_kept_whole(scene: Scene, speaker: Speaker) -> None:
    now = utc_now()
    message = speaker.events(now, deposit(1, now, items=34, badge=BADGE))
    alter(scene.database, "ALTER TABLE transfers ADD CONSTRAINT poison CHECK (points <> 34)")
    alter(scene.database, "ALTER TABLE quarantined_events ADD CONSTRAINT poison CHECK (code <> 'internal') NOT VALID")
    try:
        scene.publisher.publish(message)
        scene.assert_kept(message, code="internal")
    finally:
        alter(scene.database, "ALTER TABLE quarantined_events DROP CONSTRAINT poison")
        alter(scene.database, "ALTER TABLE transfers DROP CONSTRAINT poison")
    assert scene.publisher.receipts_of(speaker.bin_id) == []
    scene.assert_stream_goes_on()


def test_a_poisonous_message_does_not_take_its_batch_with_it(scene: Scene) -> None:
    now = utc_now()
    speakers = [scene.add_bin() for _ in range(6)]
    alter(scene.database, "ALTER TABLE events ADD CONSTRAINT poison CHECK (items <> 66)")
    try:
        messages = [
            speaker.events(now, deposit(1, now, items=66 if number == 3 else 1, badge=BADGE))
            for number, speaker in enumerate(speakers)
        ]
        scene.publisher.publish(*messages)
        results = [scene.publisher.wait_for_result(speaker.bin_id, 1) for speaker in speakers]
    finally:
        alter(scene.database, "ALTER TABLE events DROP CONSTRAINT poison")
    assert [result.get("code", result["state"]) for result in results] == [
        *["credited"] * 3,
        "internal",
        *["credited"] * 2,
    ]


def test_a_poisonous_event_does_not_take_its_message_with_it(scene: Scene, speaker: Speaker) -> None:
    now = utc_now()
    alter(scene.database, "ALTER TABLE events ADD CONSTRAINT poison CHECK (items <> 66)")
    try:
        events = [deposit(seq, now, items=66 if seq == 37 else 1) for seq in range(1, 101)]
        scene.publisher.publish(speaker.events(now, *events))
        results = [scene.publisher.wait_for_result(speaker.bin_id, seq) for seq in range(1, 101)]
    finally:
        alter(scene.database, "ALTER TABLE events DROP CONSTRAINT poison")
    assert {result["seq"] for result in results if result["state"] == "counted"} == set(range(1, 101)) - {37}
    assert results[36]["code"] == "internal"
    assert scene.count_events(speaker) == 99


def test_what_is_too_small_for_its_column_is_rounded(scene: Scene, speaker: Speaker) -> None:
    now = utc_now()
    scene.publisher.publish(speaker.events(now, deposit(1, now, confidence=1e-46)))
    assert scene.publisher.wait_for_result(speaker.bin_id, 1)["state"] == "counted"


def test_a_missing_right_is_waited_out_and_settles_nothing(scene: Scene, speaker: Speaker) -> None:
    now = utc_now()
    alter(scene.database, "REVOKE INSERT ON transfers FROM bontri_ingest")
    try:
        scene.publisher.publish(speaker.events(now, deposit(1, now, items=3, badge=BADGE)))
        wait_until(lambda: [entry for entry in scene.logged if entry.get("sqlstate") == "42501"])
        assert scene.publisher.receipts_of(speaker.bin_id) == []
        assert scene.find_event_codes(speaker) == []
    finally:
        alter(scene.database, "GRANT INSERT ON transfers TO bontri_ingest")
    assert scene.publisher.wait_for_result(speaker.bin_id, 1)["state"] == "credited"


def test_the_same_refused_bytes_are_kept_once_and_counted(scene: Scene, speaker: Speaker) -> None:
    message = not_even_json(scene, speaker)
    scene.publisher.publish(message, message)
    scene.publisher.publish(message)

    def times() -> int:
        row = scene.find_quarantined(message, scene.town.authority_id)
        return int(row.times) if row else 0

    wait_until(lambda: times() == 3)


def alter(database: Database, statement: str) -> None:
    with database.engine().begin() as connection:
        connection.execute(text(statement))
