"""Bins of two authorities at one Mosquitto: none speaks for another, none hears what another is told.

Twice: by the ACL that operators are given, and, where somebody could publish everything, by the signature.
"""

import datetime
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from bontri.embedded.broker import Broker
from ingest.messages import Message
from ingest.signatures import sign_message
from rewards.bins import NewBin, add_bins
from tests.bin_session import BinSession, bin_session, open_session
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
from tests.speaker import Speaker, deposit

BINS = {"ISO-00001": "plaine-commune", "ISO-00002": "plaine-commune", "ISO-00003": "plaine-commune"}
BINS |= {"ISO-00004": "grand-lyon", "ISO-00005": "grand-lyon", "ISO-00006": "grand-lyon"}
NOT_AUTHORIZED = 0x87
BADGE = "04A2B9C1"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with mosquitto(list(BINS)) as broker:
        yield broker


@pytest.fixture
def scene(databases: DatabasePool) -> Iterator[Database]:
    """Two authorities with three bins each, and a citizen whose badge is known in both."""
    with databases.lend() as database:
        with database.engine().begin() as connection:
            for authority_id, slug in ((7, "plaine-commune"), (8, "grand-lyon")):
                town = build_town(connection, KEYRING, authority_id=authority_id, slug=slug)
                build_citizen(connection, town, badge=BADGE)
                site_id = connection.scalar(
                    text("SELECT site_id FROM sites WHERE authority_id = :id LIMIT 1"), {"id": authority_id}
                )
                bins = [NewBin(bin_id, site_id, START) for bin_id, owner in BINS.items() if owner == slug]
                add_bins(connection, bins, authority_id=authority_id, now=START)
        yield database


@pytest.fixture
def sessions(broker: Broker) -> Iterator[dict[str, BinSession]]:
    with ExitStack() as stack:
        yield {bin_id: stack.enter_context(bin_session(broker, bin_id)) for bin_id in BINS}


@pytest.fixture
def everywhere(broker: Broker) -> Iterator[BinSession]:
    """An account that may publish below every ``up/``, and hear every ``down/``."""
    with open_session(broker, FLEET.username, FLEET.password) as session:
        yield session


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def topic_of(bin_id: str, direction: str) -> str:
    return f"bontri/v1/{BINS[bin_id]}/{bin_id}/{direction}"


def forge(signer: str, speaker: str) -> Message:
    """Return a deposit in the name and on the topic of ``speaker``, signed with the key of ``signer``."""
    now = utc_now()
    genuine = Speaker(KEYRING, BINS[speaker], speaker).events(now, deposit(1, now, items=5, badge=BADGE))
    key = KEYRING.bin_key(authority=BINS[signer], bin_id=signer, key_number=1)
    line = genuine.payload.partition(b"\n")[0]
    return Message(genuine.topic, sign_message(key, key_number=1, topic=genuine.topic, line=line), now)


@pytest.mark.parametrize("channel", ["hello", "events", "status", "presence"])
def test_no_bin_publishes_below_another_s_up(
    broker: Broker, sessions: dict[str, BinSession], channel: str, capsys: pytest.CaptureFixture[str]
) -> None:
    password = KEYRING.broker_password(username="bontri-ingest")
    codes: dict[tuple[str, str], int] = {}
    with open_session(broker, "bontri-ingest", password) as worker:
        worker.subscribe("bontri/v1/+/+/up/#")
        for speaker, session in sessions.items():
            for other in BINS:
                codes[speaker, other] = session.publish(topic_of(other, f"up/{channel}"), b"x")
        # Control: what is allowed has arrived, so the rest had the time to.
        wait_until(lambda: len(worker.heard) >= len(BINS))
        assert sorted(worker.heard) == sorted(topic_of(bin_id, f"up/{channel}") for bin_id in BINS)
    allowed = {pair for pair, code in codes.items() if code == 0}
    assert allowed == {(bin_id, bin_id) for bin_id in BINS}
    assert {code for pair, code in codes.items() if pair not in allowed} == {NOT_AUTHORIZED}
    with capsys.disabled():
        print(f"\nup/{channel}: {len(codes)} tries, {len(allowed)} allowed, {len(codes) - len(allowed)} refused")  # noqa: T201


def test_no_bin_publishes_outside_the_protocol_or_to_any_down(
    everywhere: BinSession, sessions: dict[str, BinSession]
) -> None:
    everywhere.subscribe("bontri/v1/+/+/down/#")
    tries = 0
    for speaker, session in sessions.items():
        for topic in ("bontri/health", "elsewhere", *(topic_of(other, "down/receipt") for other in BINS)):
            assert session.publish(topic, b"x") == NOT_AUTHORIZED, (speaker, topic)
            tries += 1
    assert tries == len(BINS) * (len(BINS) + 2)
    assert everywhere.heard == []


def test_no_bin_hears_what_another_is_told(
    broker: Broker, sessions: dict[str, BinSession], capsys: pytest.CaptureFixture[str]
) -> None:
    for session in sessions.values():
        for topic_filter in ("#", "bontri/v1/+/+/down/#", *(topic_of(other, "down/#") for other in BINS)):
            session.subscribe(topic_filter)
    password = KEYRING.broker_password(username="bontri-ingest")
    channels = ("down/receipt", "down/config", "down/command")
    with open_session(broker, "bontri-ingest", password) as worker:
        for bin_id in BINS:
            for channel in channels:
                assert worker.publish(topic_of(bin_id, channel), b"x") in (0, 0x10)
    own = {bin_id: {topic_of(bin_id, channel) for channel in channels} for bin_id in BINS}
    wait_until(lambda: all(own[bin_id] <= set(session.heard) for bin_id, session in sessions.items()))
    # A message of its own, published last, shows that nothing else is under way.
    assert {bin_id: set(session.heard) for bin_id, session in sessions.items()} == own
    tries = len(BINS) * len(BINS)
    with capsys.disabled():
        print(f"\ndown/: {tries} pairs of bins, {len(BINS)} hear, {tries - len(BINS)} do not")  # noqa: T201


def test_no_key_of_a_bin_signs_for_another(scene: Database, broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    """Even where the broker lets everything through: its signature is refused, and nothing is credited."""
    forged = [forge(signer, speaker) for signer in BINS for speaker in BINS if signer != speaker]
    with (
        worker_thread(scene, worker_url(broker), topic_filter=broker.worker_filter),
        connected_publisher(broker) as publisher,
    ):
        publisher.publish(*forged)
        count = "SELECT coalesce(sum(times), 0) FROM quarantined_messages WHERE code = 'bad_signature'"
        wait_until(lambda: scalar(scene, count) == len(forged))
        assert scalar(scene, "SELECT count(*) FROM events") == 0
        assert scalar(scene, "SELECT count(*) FROM transfers") == 0
        assert scalar(scene, "SELECT count(*) FROM quarantined_messages WHERE code <> 'bad_signature'") == 0
        # Control: each bin in its own name is credited.
        for bin_id, slug in BINS.items():
            now = utc_now()
            publisher.publish(Speaker(KEYRING, slug, bin_id).events(now, deposit(1, now, items=5, badge=BADGE)))
            assert publisher.wait_for_result(bin_id, 1) == {"seq": 1, "state": "credited", "points": 5}
    assert len(forged) == len(BINS) * (len(BINS) - 1)
    with capsys.disabled():
        print(f"\nsignatures: {len(forged)} forged, all quarantined; {len(BINS)} genuine, all credited")  # noqa: T201
