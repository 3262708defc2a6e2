"""A worker dies at every step between a message and its acknowledgement: afterwards all is there, once, and told."""

import datetime
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from benchmarks.publishing import open_session
from bontri.embedded.broker import Broker
from ingest.messages import Message
from ingest.topics import shared_filter
from rewards.crash_points import CRASH_POINTS, parse_crash_step
from rewards.verify import verify
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import (
    KEYRING,
    ROOT,
    Publisher,
    scalar,
    worker_environment,
    worker_thread,
    worker_url,
)
from tests.speaker import Speaker, deposit

BADGE = "04A2B9C1"
GOOD, REFUSED = range(1, 31), 31
KILLED = -9


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        # A day's cap below what falls in, so that some is granted, some withheld.
        town = build_town(connection, KEYRING, day_cap_points=20)
        build_citizen(connection, town, badge=BADGE)
    return town


@dataclass
class Scene:
    """A town, and a session at the broker that every worker of the scene takes up."""

    database: Database
    broker: Broker
    publisher: Publisher
    town: Town
    name: str

    def __post_init__(self) -> None:
        self.filter = shared_filter(self.name)
        open_session(worker_url(self.broker), client_id=self.name, topic_filter=self.filter)

    def environment(self, **more: str) -> dict[str, str]:
        return worker_environment(
            self.database.url,
            worker_url(self.broker),
            BONTRI_MQTT_CLIENT_ID=self.name,
            BONTRI_MQTT_TOPIC_FILTER=self.filter,
            BONTRI_INGEST_HTTP_PORT="0",
            **more,
        )

    def publish_once(self) -> None:
        """Publish deposits of two bins, one event nobody can credit, and a message that is not signed by its bin."""
        now = datetime.datetime.now(datetime.UTC)
        speakers = [Speaker(KEYRING, self.town.slug, bin_id) for bin_id in self.town.bin_ids]
        messages = [each.events(now, deposit(seq, now, badge=BADGE)) for seq in GOOD for each in speakers]
        messages += [each.events(now, deposit(REFUSED, now, material="unheard-of")) for each in speakers]
        forged = messages[0]
        messages.append(Message(forged.topic, forged.payload[:-1] + b"x", now))
        self.publisher.publish(*messages)

    def die(self, point: str, *, module: tuple[str, ...] = ("-m", "bontri")) -> int:
        """Run a worker that is to die at a step; return how it ended."""
        command = [sys.executable, *module, "ingest"]
        done = subprocess.run(
            command, env=self.environment(CRASH_AT=point), capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode

    def recover(self) -> None:
        """Let a good worker take over until every event has been told; a last one comes behind all the others."""
        with worker_thread(self.database, worker_url(self.broker), topic_filter=self.filter, client_id=self.name):
            now = datetime.datetime.now(datetime.UTC)
            for bin_id in self.town.bin_ids:
                last = Speaker(KEYRING, self.town.slug, bin_id)
                self.publisher.publish(last.events(now, deposit(REFUSED + 1, now)))
                self.publisher.wait_for_result(bin_id, REFUSED + 1)
            # It ends in order: what has been taken is finished first.

    def assert_receipts_were_true(self) -> None:
        for bin_id in self.town.bin_ids:
            told = {each["seq"] for said in self.publisher.receipts_of(bin_id) for each in said.get("results", ())}
            stored = scalar(
                self.database,
                "SELECT (SELECT count(*) FROM events JOIN bin_journals USING (authority_id, journal_no)"
                "         WHERE bin_journals.bin_id = :bin_id AND seq = ANY(:seqs))"
                "     + (SELECT count(*) FROM quarantined_events JOIN bin_journals USING (authority_id, journal_no)"
                "         WHERE bin_journals.bin_id = :bin_id AND seq = ANY(:seqs))",
                bin_id=bin_id,
                seqs=list(told),
            )
            assert stored == len(told)

    def count_events(self) -> int:
        return int(scalar(self.database, "SELECT count(*) FROM events WHERE seq < :refused", refused=REFUSED))


@pytest.fixture
def scene(database: Database, broker: Broker, publisher: Publisher, town: Town) -> Scene:
    return Scene(database, broker, publisher, town, name=database.url.rpartition("/")[2].replace("_", "-"))


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_whatever_step_a_worker_dies_at_all_is_there_once_and_told(scene: Scene, point: str) -> None:
    scene.publish_once()
    assert scene.die(point) == KILLED
    scene.assert_receipts_were_true()
    assert verify(scene.database.engine("bontri_reader")).is_sound
    scene.recover()
    bins = len(scene.town.bin_ids)
    assert scene.count_events() == bins * len(GOOD)
    assert scalar(scene.database, "SELECT sum(points) FROM transfers") == 20
    assert scalar(scene.database, "SELECT count(*) FROM quarantined_events") == bins
    assert scalar(scene.database, "SELECT count(*) FROM quarantined_messages WHERE code = 'bad_signature'") == 1
    scene.assert_receipts_were_true()
    for bin_id in scene.town.bin_ids:
        receipts = scene.publisher.receipts_of(bin_id)
        assert {each["seq"] for said in receipts for each in said.get("results", ())} >= {*GOOD, REFUSED}
        assert max(said["upto"] for said in receipts) == REFUSED + 1
    assert verify(scene.database.engine("bontri_reader")).is_sound


def test_control_a_worker_that_acknowledges_before_the_commit_loses_what_it_had_in_hand(scene: Scene) -> None:
    scene.publish_once()
    assert scene.die("written", module=("-m", "reliability.chaos.mutants", "eager-worker")) == KILLED
    scene.recover()
    assert scene.count_events() < len(scene.town.bin_ids) * len(GOOD)


def test_every_step_is_one_place_in_the_code() -> None:
    sources = [path.read_text() for package in ("ingest", "rewards") for path in (ROOT / package).rglob("*.py")]
    passed = [point for source in sources for point in re.findall(r'crash\.at\("(\w+)"\)', source)]
    assert sorted(passed) == sorted(CRASH_POINTS)


@pytest.mark.parametrize("wanted", ["nowhere", "committed:0", "committed:x", "committed:-1", ":1"])
def test_a_step_that_does_not_exist_cannot_be_armed(wanted: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        parse_crash_step(wanted)


def test_a_worker_told_to_die_at_no_step_says_so_and_does_not_start(scene: Scene) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bontri", "ingest"],
        env=scene.environment(CRASH_AT="nowhere"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "CRASH_AT: 'nowhere' is no step" in done.stderr
    assert "Traceback" not in done.stderr
