"""Simulated bins, written from the protocol alone, against the ingest: no network, two readings of one page."""

import datetime
import itertools
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ingest.contract import EventResult, Hello, Presence, Status
from ingest.decoding import DecodedMessage, EventsMessage, decode
from ingest.messages import Message, Outgoing
from ingest.pipeline import Pipeline
from ingest.receipts import Answer, write_receipts
from ingest.signatures import is_signed_by, sign_message, split_message
from ingest.topics import UpTopic
from ingest.verification import Verified, find_topic, verify
from rewards.bins import KnownBin, NewBin, add_bins
from rewards.rules import AuthorityRules
from rewards.verify import verify as verify_books
from simulators.bin import SimulatedBin
from simulators.messages import BinIdentity
from simulators.messages import Message as SentMessage
from simulators.signatures import sign_message as sign_as_bin
from simulators.signatures import verify_message as verify_as_bin
from tests.databases import Database, DatabasePool
from tests.factories import START, build_citizen, build_town
from tests.ingest_scene import KEYRING
from tests.speaker import Speaker, deposit, read, tell

AUTHORITY, BIN_ID, BADGE = "plaine-commune", "CON-00001", "04A2B9C1"
NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)
RULES = AuthorityRules(
    authority_id=7,
    slug=AUTHORITY,
    timezone=ZoneInfo("Europe/Paris"),
    epoch=1,
    fleet_version=1,
    holders_version=1,
    points_valid_months=24,
    materials=frozenset({"glass"}),
    tariffs=[],
)


class OneBin:
    """A directory that knows one bin."""

    def find_rules(self, topic: UpTopic) -> AuthorityRules | None:
        return RULES if topic.authority == AUTHORITY else None

    def find_bin(self, topic: UpTopic) -> KnownBin | None:
        return KnownBin(BIN_ID, "live", UUID(int=1), 1, {1: "valid"}, [(START, None, UUID(int=2))])


def identity_of(bin_id: str) -> BinIdentity:
    key = KEYRING.bin_key(authority=AUTHORITY, bin_id=bin_id, key_number=1)
    return BinIdentity(authority=AUTHORITY, bin=bin_id, keys={1: key})


@contextmanager
def running_bin(folder: Path, *, bin_id: str = BIN_ID, now: datetime.datetime = NOW) -> Iterator[SimulatedBin]:
    simulated = SimulatedBin(identity_of(bin_id), folder / f"{bin_id}.journal", now)
    try:
        yield simulated
    finally:
        simulated.close()


def receive(sent: SentMessage, now: datetime.datetime = NOW) -> DecodedMessage:
    """Verify and decode as the ingest does; anything refused fails the test."""
    message = Message(sent.topic, sent.payload, now)
    verified = verify(message, find_topic(message), OneBin(), KEYRING)  # type: ignore[arg-type]
    assert isinstance(verified, Verified), verified
    decoded = decode(verified)
    assert isinstance(decoded, DecodedMessage), decoded
    return decoded


def test_everything_a_bin_says_is_understood(tmp_path: Path) -> None:
    with running_bin(tmp_path) as simulated:
        will = simulated.prepare_connection(NOW)
        simulated.on_connected(NOW)
        for items in (1, 200):
            simulated.deposit(NOW, material="glass", items=items, badge=BADGE, mass_g=690, refused=1, confidence=0.97)
        simulated.deposit(NOW, material="glass", items=0, refused=2)
        simulated.deposit(NOW, material="glass", items=1)
        simulated.emptying(NOW, material="glass", mass_g=412_000, by="C7")
        sent = [will, *simulated.due_messages(NOW), simulated.write_farewell(NOW)]
        contents = [receive(message).content for message in sent]
        [will_content, *_] = contents
        assert will_content == Presence(v=1, bin=BIN_ID, boot=1, conn=1, online=False)
        assert {type(content) for content in contents} == {Presence, Hello, Status, EventsMessage}
        [hello] = [content for content in contents if isinstance(content, Hello)]
        assert (hello.journal, hello.next_seq, hello.oldest_held) == (simulated.journal.id, 6, 1)
        [events] = [content for content in contents if isinstance(content, EventsMessage)]
        assert events.faulty == []
        assert [event.seq for event in events.events] == [1, 2, 3, 4, 5]
        assert events.events[0].known_content == ("deposit", NOW, "glass", 1, 690, BADGE, 1)
        assert events.events[4].known_content == ("emptying", NOW, "glass", 412_000, "C7")


def test_a_full_envelope_of_a_bin_is_within_what_the_ingest_takes(tmp_path: Path) -> None:
    with running_bin(tmp_path) as simulated:
        simulated.on_connected(NOW)
        for _ in range(150):
            simulated.deposit(NOW, material="glass", items=1, badge="é" * 64, confidence=0.97)
        events = [
            content
            for message in simulated.due_messages(NOW)
            if isinstance(content := receive(message).content, EventsMessage)
        ]
        assert sum(len(content.events) for content in events) == 150
        assert all(content.faulty == [] for content in events)


def receipts_for(simulated: SimulatedBin, *, settled: list[tuple[int, int]], count: int = 0) -> list[Outgoing]:
    results = [EventResult(seq, "credited", points=1) for low, high in settled for seq in range(low, high + 1)]
    answer = Answer(RULES, BIN_ID, simulated.journal.id, 1, (1, count), results, settled)
    return list(write_receipts(answer, keyring=KEYRING, now=NOW))


RANGES = st.lists(st.integers(1, 200), unique=True, max_size=120)


def ranges_of(seqs: list[int]) -> list[tuple[int, int]]:
    runs = itertools.groupby(enumerate(sorted(seqs)), key=lambda pair: pair[1] - pair[0])
    return [(run[0], run[-1]) for _, group in runs for run in [[seq for _, seq in group]]]


@given(seqs=RANGES)
@settings(max_examples=30, deadline=None)
def test_a_receipt_settles_exactly_what_it_names(seqs: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, running_bin(Path(folder)) as simulated:
        for _ in range(200):
            simulated.deposit(NOW, material="glass", items=1)
        ranges = ranges_of(seqs)
        receipts = receipts_for(simulated, settled=ranges)
        for receipt in receipts:
            assert len(receipt.payload) <= 8192
            assert simulated.on_receipt(receipt.topic, receipt.payload, NOW)
        # A receipt names upto and the 50 lowest ranges above it.
        named = ranges[: 51 if ranges and ranges[0][0] == 1 else 50]
        settled = {seq for low, high in named for seq in range(low, high + 1)}
        left = {seq for low, high in simulated.journal.list_outstanding() for seq in range(low, high + 1)}
        assert left == set(range(1, 201)) - settled
        assert simulated.tally.points == len(seqs)


@pytest.mark.parametrize("damage", ["topic", "line", "key", "journal"])
def test_a_receipt_that_is_not_for_this_bin_settles_nothing(tmp_path: Path, damage: str) -> None:
    with running_bin(tmp_path) as simulated:
        simulated.deposit(NOW, material="glass", items=1)
        [receipt] = receipts_for(simulated, settled=[(1, 1)])
        topic, payload = receipt.topic, receipt.payload
        if damage == "topic":
            topic = topic.replace(BIN_ID, "CON-00002")
        elif damage == "line":
            payload = payload.replace(b'"upto":1', b'"upto":2')
        elif damage == "key":
            line = payload.partition(b"\n")[0]
            payload = sign_message(b"x" * 32, key_number=1, topic=topic, line=line)
        else:
            line = payload.partition(b"\n")[0].replace(simulated.journal.id.encode(), b"0" * 32)
            payload = sign_message(identity_of(BIN_ID).keys[1], key_number=1, topic=topic, line=line)
        assert not simulated.on_receipt(topic, payload, NOW)
        assert simulated.unsettled_events == 1


GOLDEN_KEY = bytes(range(32))
GOLDEN_TOPIC = "bontri/v1/plaine-commune/MRS-00042/up/events"
GOLDEN_LINE = b'{"v":1,"bin":"MRS-00042"}'
GOLDEN_SIGNATURE = b"2:2e861ea1b743e59f6f9a7e1f7396468ca8c7d0009ec18d64aac0e51b191bee0b"
"""By openssl dgst -sha256 -mac HMAC over topic, line feed, line."""


def test_both_ends_sign_the_golden_message_identically() -> None:
    signed = sign_message(GOLDEN_KEY, key_number=2, topic=GOLDEN_TOPIC, line=GOLDEN_LINE)
    assert signed == GOLDEN_LINE + b"\n" + GOLDEN_SIGNATURE
    assert signed == sign_as_bin(GOLDEN_TOPIC, GOLDEN_LINE, key_number=2, key=GOLDEN_KEY)


@given(
    key=st.binary(min_size=32, max_size=32),
    topic=st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    line=st.binary(max_size=200).filter(lambda line: b"\n" not in line),
    key_number=st.integers(1, 99_999),
)
@settings(max_examples=100, deadline=None)
def test_both_ends_sign_identically_and_accept_each_other(key: bytes, topic: str, line: bytes, key_number: int) -> None:
    by_ingest = sign_message(key, key_number=key_number, topic=topic, line=line)
    assert by_ingest == sign_as_bin(topic, line, key_number=key_number, key=key)
    assert verify_as_bin(topic, by_ingest, {key_number: key}) == line
    signed = split_message(by_ingest)
    assert signed is not None
    assert (signed.line, signed.key_number) == (line, key_number)
    assert is_signed_by(key, topic=topic, message=signed)
    assert not is_signed_by(key, topic=f"{topic}/", message=signed)


@pytest.fixture(scope="module")
def database(databases: DatabasePool) -> Iterator[Database]:
    """One database for all examples; every example has a bin of its own."""
    with databases.lend() as database:
        with database.engine().begin() as connection:
            town = build_town(connection, KEYRING, authority_id=7, slug=AUTHORITY)
            build_citizen(connection, town, badge=BADGE)
        yield database


@pytest.fixture(scope="module")
def pipeline(database: Database) -> Pipeline:
    return Pipeline(database.engine("bontri_ingest"), KEYRING)


@dataclass
class Line:
    """A bin, a backend, and everything that can go wrong between them."""

    pipeline: Pipeline
    bin_id: str
    journal_path: Path
    rng: random.Random
    now: datetime.datetime = NOW
    produced: list[int] = field(default_factory=list)
    up: list[Message] = field(default_factory=list)
    down: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulated = self.start()

    def start(self) -> SimulatedBin:
        simulated = SimulatedBin(identity_of(self.bin_id), self.journal_path, self.now)
        simulated.on_connected(self.now)
        return simulated

    def drop_in(self) -> None:
        items = self.rng.randrange(1, 5)
        badge = self.rng.choice((BADGE, None))
        self.simulated.deposit(self.now, material="glass", items=items, badge=badge)
        self.produced.append(items if badge else 0)

    def send(self) -> None:
        """The broker takes everything and acknowledges it, which promises nothing."""
        for message in self.simulated.due_messages(self.now):
            self.up.append(Message(message.topic, message.payload, self.now))
            self.simulated.on_puback(message.n, reason_code=0)

    def commit(self) -> None:
        """The backend handles what is under way, in any order."""
        self.rng.shuffle(self.up)
        batch, self.up = self.up[:3], self.up[3:]
        self.down += tell(self.pipeline, batch, now=self.now)

    def hear(self) -> None:
        if self.down:
            receipt = self.down.pop(self.rng.randrange(len(self.down)))
            self.simulated.on_receipt(receipt.topic, receipt.payload, self.now)

    def drop_message(self) -> None:
        if self.up:
            self.up.pop(self.rng.randrange(len(self.up)))

    def repeat_message(self) -> None:
        if self.up:
            self.up.append(self.rng.choice(self.up))

    def drop_receipt(self) -> None:
        if self.down:
            self.down.pop(self.rng.randrange(len(self.down)))

    def repeat_receipt(self) -> None:
        if self.down:
            self.down.append(self.rng.choice(self.down))

    def reconnect(self) -> None:
        self.simulated.on_disconnected()
        self.simulated.on_connected(self.now)

    def reboot(self) -> None:
        self.simulated.close()
        self.simulated = self.start()

    def wait(self) -> None:
        self.now += 11 * SECOND

    def heal(self) -> None:
        """From now on nothing is lost; a bounded number of rounds must do."""
        for _ in range(30):
            self.send()
            while self.up:
                self.commit()
            while self.down:
                self.hear()
            if self.simulated.unsettled_events == 0:
                return
            self.wait()
        raise AssertionError("the bin is not drained")


ACTIONS = (
    Line.drop_in,
    Line.drop_in,
    Line.send,
    Line.send,
    Line.commit,
    Line.hear,
    Line.drop_message,
    Line.repeat_message,
    Line.drop_receipt,
    Line.repeat_receipt,
    Line.reconnect,
    Line.reboot,
    Line.wait,
)
NUMBERS = itertools.count(1)
STORED = text("""
    SELECT (SELECT count(*) FROM events e WHERE e.authority_id = b.authority_id AND e.bin_id = b.bin_id) AS events,
           (SELECT coalesce(array_agg(e.items ORDER BY e.seq), '{}') FROM events e
              JOIN transfers t USING (authority_id, journal_no, seq)
             WHERE e.authority_id = b.authority_id AND e.bin_id = b.bin_id) AS credited_items,
           (SELECT a.debits_posted FROM accounts a
             WHERE a.authority_id = b.authority_id AND a.account_id = b.issuing_account_id) AS points,
           (SELECT received::text FROM bin_journals j
             WHERE j.authority_id = b.authority_id AND j.bin_id = b.bin_id) AS received
      FROM bins b WHERE b.authority_id = 7 AND b.bin_id = :bin_id
""")


def provision(database: Database) -> str:
    bin_id = f"CON-{next(NUMBERS):05}"
    with database.engine().begin() as connection:
        site_id = connection.scalar(text("SELECT site_id FROM sites ORDER BY reference LIMIT 1"))
        add_bins(connection, [NewBin(bin_id, site_id, START)], authority_id=7, now=START)
    return bin_id


@given(actions=st.lists(st.sampled_from(ACTIONS), min_size=5, max_size=40), seed=st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_whatever_is_lost_doubled_or_late_every_deposit_counts_exactly_once(
    database: Database, pipeline: Pipeline, actions: list[object], seed: int
) -> None:
    bin_id = provision(database)
    with tempfile.TemporaryDirectory() as folder:
        line = Line(pipeline, bin_id, Path(folder) / "journal", random.Random(seed))
        try:
            for action in actions:
                action(line)  # type: ignore[operator]
            line.heal()
            told = line.simulated.tally
        finally:
            line.simulated.close()
    with database.engine().connect() as connection:
        stored = connection.execute(STORED, {"bin_id": bin_id}).one()
    assert stored.events == len(line.produced)
    assert stored.credited_items == [items for items in line.produced if items]
    assert stored.points == sum(line.produced)
    # A bin that never got through has no journal yet.
    assert (stored.received or "{}") == (f"{{[1,{len(line.produced) + 1})}}" if line.produced else "{}")
    assert told.receipts_refused == 0
    assert verify_books(database.engine("bontri_reader")).is_sound


def test_a_receipt_echoes_the_newest_message_also_after_a_restart(database: Database, pipeline: Pipeline) -> None:
    """``n`` begins again with every boot; the highest would tell the new boot about a message it never sent."""
    speaker = Speaker(KEYRING, AUTHORITY, provision(database))
    before = speaker.events(NOW, deposit(1, NOW), boot=7, n=311)
    after = speaker.events(NOW, deposit(2, NOW), boot=8, n=1)
    late = speaker.events(NOW, deposit(3, NOW), boot=7, n=312)
    [receipt] = tell(pipeline, [before, after, late], now=NOW)
    assert read(receipt)["echo"] == 1
