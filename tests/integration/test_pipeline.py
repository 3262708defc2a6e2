"""What a batch of messages does to the database and what the bins are told, without a broker in between."""

import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, text

from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.keyring import Keyring
from rewards.quarantine import count_by_code
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.speaker import JOURNAL, Speaker, deposit, read, tell

BADGE = "04A2B9C1"


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring, day_cap_points=10)
        build_citizen(connection, town, badge=BADGE)
    return town


@pytest.fixture
def pipeline(database: Database, keyring: Keyring) -> Pipeline:
    return Pipeline(database.engine("bontri_ingest"), keyring)


@pytest.fixture
def speaker(town: Town, keyring: Keyring) -> Speaker:
    return Speaker(keyring, town.slug, town.bin_ids[0])


def scalar(database: Database, query: str) -> Any:
    with database.engine().connect() as connection:
        return connection.scalar(text(query))


def points_in_wallets(database: Database) -> int:
    query = "SELECT coalesce(sum(credits_posted - debits_posted), 0) FROM accounts WHERE kind = 'lot'"
    return int(scalar(database, query))


def test_a_deposit_becomes_points_and_a_receipt(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    processed = pipeline.process([speaker.events(now, deposit(1, now, items=3, badge=BADGE))], now=now)

    [receipt] = map(read, pipeline.write_receipts(processed.answers, now=now))
    assert receipt["journal"] == JOURNAL
    assert receipt["upto"] == 1
    assert receipt["epoch"] == 1
    assert receipt["echo"] == 1
    assert receipt["results"] == [{"seq": 1, "state": "credited", "points": 3}]
    assert points_in_wallets(database) == 3


def test_an_anonymous_deposit_counts_and_earns_nothing(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    processed = pipeline.process([speaker.events(now, deposit(1, now, items=3))], now=now)
    assert read(pipeline.write_receipts(processed.answers, now=now)[0])["results"] == [{"seq": 1, "state": "counted"}]
    assert scalar(database, "SELECT items FROM daily_deposits") == 3
    assert points_in_wallets(database) == 0


def test_a_repeat_is_answered_again_and_has_no_second_effect(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    message = speaker.events(now, deposit(1, now, items=3, badge=BADGE, confidence=0.9))
    again = speaker.events(now, deposit(1, now, items=3, badge=BADGE, confidence=0.8))
    first = pipeline.process([message, message], now=now)
    second = pipeline.process([again], now=now)
    assert first.repeats == 1
    assert second.repeats == 1
    assert read(pipeline.write_receipts(second.answers, now=now)[0])["results"] == [
        {"seq": 1, "state": "credited", "points": 3}
    ]
    assert points_in_wallets(database) == 3
    assert scalar(database, "SELECT deposits FROM daily_deposits") == 1


@pytest.mark.parametrize("batches", [1, 2])
def test_other_content_under_a_known_number_is_a_conflict(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime, batches: int
) -> None:
    first = speaker.events(now, deposit(1, now, items=3, badge=BADGE))
    second = speaker.events(now, deposit(1, now, items=4, badge=BADGE))
    if batches == 1:
        processed = pipeline.process([first, second], now=now)
    else:
        pipeline.process([first], now=now)
        processed = pipeline.process([second], now=now)
    assert read(pipeline.write_receipts(processed.answers, now=now)[0])["results"][-1] == {
        "seq": 1,
        "state": "quarantined",
        "code": "event_conflict",
    }
    assert points_in_wallets(database) == 3


def test_an_event_quarantined_before_cannot_come_in_with_other_content(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    pipeline.process([speaker.events(now, deposit(1, now, material="wood", badge=BADGE))], now=now)
    processed = pipeline.process([speaker.events(now, deposit(1, now, badge=BADGE))], now=now)
    assert read(pipeline.write_receipts(processed.answers, now=now)[0])["results"][0]["code"] == "event_conflict"
    assert scalar(database, "SELECT count(*) FROM events") == 0


def test_a_gap_shows_in_the_receipt_and_closes(pipeline: Pipeline, speaker: Speaker, now: datetime.datetime) -> None:
    events = {seq: deposit(seq, now) for seq in (1, 2, 5, 7)}
    receipt = read(tell(pipeline, [speaker.events(now, *events.values())], now=now)[0])
    assert (receipt["upto"], receipt["also"]) == (2, [[5, 5], [7, 7]])
    receipt = read(tell(pipeline, [speaker.events(now, deposit(3, now), deposit(4, now))], now=now)[0])
    assert (receipt["upto"], receipt["also"]) == (5, [[7, 7]])


def test_a_hello_is_answered_and_tells_what_is_lost(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    pipeline.process([speaker.events(now, deposit(4, now))], now=now)
    hello = speaker.say("hello", now, next_seq=5, oldest_held=4, firmware="1.2", model="Column")
    receipt = read(tell(pipeline, [hello], now=now)[0])
    assert receipt["upto"] == 4
    assert "results" not in receipt
    assert scalar(database, "SELECT lost::text FROM bin_journals") == "{[1,4)}"
    assert scalar(database, "SELECT firmware FROM bin_reports") == "1.2"


def test_a_hello_beyond_reason_settles_nothing(pipeline: Pipeline, speaker: Speaker, now: datetime.datetime) -> None:
    pipeline.process([speaker.events(now, deposit(1, now))], now=now)
    wild = speaker.say("hello", now, next_seq=2**63 - 1, oldest_held=2**63 - 1)
    assert read(tell(pipeline, [wild], now=now)[0])["upto"] == 1


def test_the_same_instant_in_another_zone_is_a_repeat(
    pipeline: Pipeline, speaker: Speaker, now: datetime.datetime
) -> None:
    paris = now.astimezone(datetime.timezone(datetime.timedelta(hours=1)))
    processed = pipeline.process(
        [speaker.events(now, deposit(1, now)), speaker.events(now, deposit(1, paris))], now=now
    )
    assert processed.repeats == 1
    assert processed.quarantined == 0


def test_an_event_thought_lost_counts_when_it_comes_after_all(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    pipeline.process([speaker.say("hello", now, next_seq=3, oldest_held=3)], now=now)
    pipeline.process([speaker.events(now, deposit(2, now))], now=now)
    assert scalar(database, "SELECT lost::text FROM bin_journals") == "{[1,2)}"


def test_a_late_status_never_overwrites_a_newer_one(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    older = speaker.say("status", now, fill_pct=10)
    newer = speaker.say("status", now, fill_pct={"glass": 80}, faults=["lid stuck"])
    pipeline.process([newer], now=now)
    pipeline.process([older], now=now + datetime.timedelta(minutes=1))
    assert scalar(database, "SELECT status->'fill_pct' FROM bin_reports") == {"glass": 80}


def test_a_will_of_the_same_connection_says_offline(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    def presence(conn: int, *, online: bool) -> Message:
        return speaker.say("presence", now, conn=conn, online=online)

    pipeline.process([presence(3, online=True)], now=now)
    pipeline.process([presence(3, online=False)], now=now)
    pipeline.process([presence(2, online=True)], now=now)
    assert scalar(database, "SELECT is_online FROM bin_reports") is False


def test_the_cap_of_the_day_holds_back_and_says_so(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    events = [deposit(seq, now, items=4, badge=BADGE) for seq in (1, 2, 3, 4)]
    receipt = read(tell(pipeline, [speaker.events(now, *events)], now=now)[0])
    assert [(result["state"], result.get("points")) for result in receipt["results"]] == [
        ("credited", 4),
        ("credited", 4),
        ("credited", 2),
        ("capped", None),
    ]
    late = speaker.events(now, deposit(5, now, items=4, badge=BADGE))
    assert read(tell(pipeline, [late], now=now)[0])["results"] == [{"seq": 5, "state": "capped"}]
    assert points_in_wallets(database) == 10
    assert scalar(database, "SELECT sum(withheld_points) FROM capped_deposits") == 8


def test_receipts_stay_below_8_kib_however_many_events(
    pipeline: Pipeline, speaker: Speaker, now: datetime.datetime
) -> None:
    last = 2**63 - 2
    messages = [
        speaker.events(now, *(deposit(last - 2 * (100 * part + each), now, material="wood") for each in range(100)))
        for part in range(3)
    ]
    receipts = tell(pipeline, messages, now=now)
    assert len(receipts) == 5
    assert max(len(receipt.payload) for receipt in receipts) <= 8192
    assert sum(len(read(receipt)["results"]) for receipt in receipts) == 300
    assert len(read(receipts[0])["also"]) == 50


def test_one_faulty_event_does_not_take_its_message_with_it(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    message = speaker.events(now, deposit(1, now, badge=BADGE), deposit(2, now, items=-1), deposit(3, now, badge=BADGE))
    receipt = read(tell(pipeline, [message], now=now)[0])
    assert receipt["upto"] == 3
    assert {result["seq"]: result.get("code") for result in receipt["results"]} == {1: None, 2: "schema", 3: None}
    assert points_in_wallets(database) == 2


def quarantined(connection: Connection, authority_id: int) -> dict[str, int]:
    return count_by_code(connection, authority_id=authority_id)


def test_the_same_refused_bytes_are_counted_not_stored_twice(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    garbage = Message(speaker.topic("events"), b"\x00\xffgarbage", now)
    pipeline.process([garbage, garbage], now=now)
    pipeline.process([garbage], now=now)
    assert scalar(database, "SELECT times FROM quarantined_messages") == 3


def test_two_authorities_in_one_batch_keep_apart(
    pipeline: Pipeline, town: Town, database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    with database.engine().begin() as connection:
        other = build_town(connection, keyring, authority_id=8, slug="grand-lyon")
        build_citizen(connection, other, badge=BADGE)
    speakers = [Speaker(keyring, each.slug, each.bin_ids[0]) for each in (town, other)]
    messages = [speaker.events(now, deposit(1, now, badge=BADGE)) for speaker in speakers]
    assert len(tell(pipeline, messages, now=now)) == 2
    assert scalar(database, "SELECT count(DISTINCT authority_id) FROM transfers") == 2


def test_a_bin_cannot_speak_in_another_authority(
    pipeline: Pipeline, town: Town, database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=8, slug="grand-lyon")
    stranger = Speaker(keyring, "grand-lyon", town.bin_ids[0])
    assert tell(pipeline, [stranger.events(now, deposit(1, now, badge=BADGE))], now=now) == []
    with database.engine().connect() as connection:
        assert quarantined(connection, 8) == {"unknown_bin": 1}


def test_a_message_set_aside_settles_its_events_for_replay(
    pipeline: Pipeline, speaker: Speaker, database: Database, now: datetime.datetime
) -> None:
    processed = pipeline.process([speaker.events(now, deposit(1, now, badge=BADGE))], now=now, is_isolated=True)
    receipt = read(pipeline.write_receipts(processed.answers, now=now)[0])
    assert receipt["upto"] == 1
    assert receipt["results"] == [{"seq": 1, "state": "quarantined", "code": "internal"}]
    assert points_in_wallets(database) == 0
