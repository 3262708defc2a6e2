"""Whatever a bin signs or a stranger sends goes through the whole pipeline without raising, and harms no other."""

import datetime
import itertools
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.arrays import Columns
from rewards.quarantine import digest_message
from rewards.verify import verify
from tests.databases import Database, DatabasePool
from tests.factories import build_citizen, build_town
from tests.ingest_scene import KEYRING
from tests.speaker import Speaker, deposit, read, tell

NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
BADGE = "04A2B9C1"
SEQS = itertools.count(1)
CHANNELS = ("events", "hello", "status", "presence")


@dataclass
class Scene:
    database: Database
    pipeline: Pipeline
    suspect: Speaker
    honest: Speaker


@pytest.fixture(scope="module")
def scene(databases: DatabasePool) -> Iterator[Scene]:
    with databases.lend() as database:
        with database.engine().begin() as connection:
            town = build_town(connection, KEYRING)
            build_citizen(connection, town, badge=BADGE)
        suspect, honest = (Speaker(KEYRING, town.slug, bin_id) for bin_id in town.bin_ids)
        yield Scene(database, Pipeline(database.engine("bontri_ingest"), KEYRING), suspect, honest)
        assert verify(database.engine("bontri_reader")).is_sound


def assert_harmless(scene: Scene, *messages: Message) -> None:
    """An honest deposit in the same batch is credited, whatever lies before and behind it."""
    seq = next(SEQS)
    good = scene.honest.events(NOW, deposit(seq, NOW, badge=BADGE))
    receipts = [read(receipt) for receipt in tell(scene.pipeline, [*messages, good, *messages], now=NOW)]
    told = [result for receipt in receipts for result in receipt.get("results", ())]
    assert {"seq": seq, "state": "credited", "points": 1} in told


def fields_of(speaker: Speaker, channel: str) -> dict[str, Any]:
    """Return the fields of a good message."""
    seq = next(SEQS)
    more: dict[str, dict[str, Any]] = {
        "events": {
            "events": [
                deposit(seq, NOW, items=3, badge=BADGE, mass_g=690, refused=1, confidence=0.97),
                {"seq": next(SEQS), "type": "emptying", "at": NOW.isoformat(), "material": "glass", "by": "C7"},
            ]
        },
        "hello": {"next_seq": seq + 1, "oldest_held": 1, "firmware": "1.2", "model": "Column", "capacity_l": 3000},
        "status": {"at": NOW.isoformat(), "fill_pct": {"glass": 4}, "temperature_c": 2.5, "faults": ["a"], "lid": "b"},
        "presence": {"conn": seq, "online": True},
    }
    return speaker.envelope(NOW, **more[channel])


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.integers(0, 250)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        [
            "glass",
            "none",
            "free",
            "wood",
            "emptying",
            "a" * 32,
            "NULL",
            '{"}',
            "\\",
            '"',
            "\x00",
            "glass\n",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "1999-12-31T23:59:59Z",
            2**63 - 2,
            2**63 - 1,
        ]
    )
)


def list_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in inside for path in [(*place, key), *list_places(inner, (*place, key))]]


@given(
    channel=st.sampled_from(CHANNELS),
    changes=st.lists(st.tuples(st.integers(0, 200), VALUES), min_size=1, max_size=3),
    as_text=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_a_signed_message_with_any_values_is_committed_or_refused(
    scene: Scene, channel: str, changes: list[tuple[int, Any]], as_text: bool
) -> None:
    fields = fields_of(scene.suspect, channel)
    for number, value in changes:
        places = list_places(fields)
        *path, last = places[number % len(places)]
        container = fields
        for key in path:
            container = container[key]
        container[last] = value
    line = json.dumps(fields, ensure_ascii=as_text).encode(errors="surrogatepass")
    message = Message(scene.suspect.topic(channel), scene.suspect.sign(channel, line), NOW)
    assert_harmless(scene, message)


@given(
    payload=st.binary(max_size=100), topic=st.text(max_size=40) | st.just("bontri/v1/plaine-commune/BIN-0007-A/up/x")
)
@example(payload=b'{"a":"\xff"}', topic="bontri/v1/plaine-commune/BIN-0007-A/up/events")
@example(payload=b"[" * 16_000, topic="bontri/v1/plaine-commune/BIN-0007-A/up/events")
@example(payload=b"x" * 70_000, topic="bontri/v1/plaine-commune/BIN-0007-A/up/events")
@example(payload=b"", topic="\x00\ud800")
@settings(max_examples=80, deadline=None)
def test_anything_a_stranger_sends_is_refused_and_kept(scene: Scene, payload: bytes, topic: str) -> None:
    assert_harmless(scene, Message(topic, payload, NOW))
    digest = digest_message(KEYRING, topic=topic, payload=payload)
    with scene.database.engine().connect() as connection:
        kept = connection.scalar(
            text("SELECT payload_encrypted FROM quarantined_messages WHERE message_digest = :digest"),
            {"digest": digest},
        )
    assert KEYRING.decrypt(bytes(kept), purpose="quarantine") == payload


def as_sent(value: Any) -> Any:
    """Make what a driver gives back comparable: floats as the four bytes a column of type real holds."""
    return struct.pack("f", value) if isinstance(value, float) else value


STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
COLUMNS = {
    "text": STORABLE | st.sampled_from(["NULL", "null", "", " ", '"', "\\", "{}", ",", "a\nb", "\\N"]),
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamptz": st.datetimes(timezones=st.just(datetime.UTC)),
    "uuid": st.uuids(),
    "bytea": st.binary(max_size=20),
}


@given(data=st.data(), count=st.integers(0, 6))
@settings(max_examples=80, deadline=None)
def test_columns_reach_postgresql_as_they_were(scene: Scene, data: st.DataObject, count: int) -> None:
    # One column at least holds something, as each of ours has: an identifier.
    columns = Columns(row="integer", **{f"c_{kind}": kind for kind in COLUMNS})
    values = {
        f"c_{kind}": data.draw(st.lists(st.none() | strategy, min_size=count, max_size=count))
        for kind, strategy in COLUMNS.items()
    }
    with scene.database.engine("bontri_ingest").connect() as connection:
        rows = connection.execute(
            text(f"SELECT * FROM {columns.unnest('t')}"), columns.bind(row=range(count), **values)
        ).all()
    assert len(rows) == count
    for name, sent in values.items():
        came: list[Any] = [as_sent(getattr(row, name)) for row in rows]
        assert came == [as_sent(each) for each in sent]
