"""The way down without a broker in between: what is published, when again, and what bins' answers change."""

import datetime
import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from ingest.contract import LARGEST_PACKET_BYTES, decode_any
from ingest.downlink import Downlink
from ingest.downlink_messages import write_command, write_config
from ingest.messages import Message, Outgoing
from ingest.pipeline import Pipeline
from rewards.bins import revoke_bin
from rewards.commands import CommandKind, NewCommand, issue_command, list_commands
from rewards.displays import Display, set_display_text
from rewards.due_commands import DueCommand
from rewards.due_displays import DueDisplay
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.tariffs import Tariff, TariffLine
from simulators.signatures import SignatureError, verify_message
from tests.databases import Database
from tests.factories import Town, build_town
from tests.post import Post
from tests.speaker import JOURNAL, Speaker

Now = datetime.datetime
SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)


class Scene:
    """One town, its downlink, and its first bin, which answers."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        with database.engine().begin() as connection:
            self.town: Town = build_town(connection, keyring, day_cap_points=40)
        self.tenant = {"authority_id": self.town.authority_id}
        self.engine = database.engine("bontri_ingest")
        self.owner = database.engine()
        self.keyring = keyring
        self.post = Post()
        self.downlink = Downlink(self.engine, self.post, keyring)
        self.pipeline = Pipeline(self.engine, keyring)
        self.bin_id, self.other_bin_id = self.town.bin_ids
        self.speaker = Speaker(keyring, self.town.slug, self.bin_id)
        self.other = Speaker(keyring, self.town.slug, self.other_bin_id)

    def tell(self, now: Now, channel: str = "", **most: int) -> list[Outgoing]:
        """Take one turn; return what was published in it, on one channel or on both."""
        self.post.published.clear()
        self.downlink.tell(slug=self.town.slug, now=now, **self.tenant, **most)
        return [message for message in self.post.published if message.topic.endswith(channel)]

    def hear(self, message: Message, now: Now) -> None:
        self.pipeline.process([message], now=now)

    def hello(self, now: Now, **fields: Any) -> None:
        self.hear(self.speaker.say("hello", now, next_seq=1, oldest_held=1, **fields), now)

    def issue(self, now: Now, kind: CommandKind = "reboot", **arguments: Any) -> UUID:
        with self.owner.begin() as connection:
            command_id = issue_command(
                connection, NewCommand(self.bin_id, kind, arguments), now=now, valid=HOUR, **self.tenant
            )
        assert command_id is not None
        return command_id

    def outcome(self) -> str | None:
        with self.owner.connect() as connection:
            [command] = list_commands(connection, **self.tenant)
        return command.outcome

    def read(self, message: Outgoing, *, key_number: int = 1) -> dict[str, Any]:
        """Return the first line as the bin of the topic reads it, which verifies the signature by itself."""
        bin_id = message.topic.split("/")[3]
        key = self.keyring.bin_key(authority=self.town.slug, bin_id=bin_id, key_number=key_number)
        line: dict[str, Any] = json.loads(verify_message(message.topic, message.payload, {key_number: key}))
        return line


@pytest.fixture
def scene(database: Database, keyring: Keyring) -> Scene:
    return Scene(database, keyring)


def test_a_command_is_written_as_the_protocol_has_it(scene: Scene, now: Now) -> None:
    command_id = scene.issue(now, "resend", journal=JOURNAL, first=5, last=9)
    [message] = scene.tell(now, "command")
    assert message.topic == f"bontri/v1/{scene.town.slug}/{scene.bin_id}/down/command"
    assert (message.qos, message.is_retained) == (1, False)
    assert scene.read(message) == {
        "do": "resend",
        "v": 1,
        "bin": scene.bin_id,
        "id": str(command_id),
        "issued_at": "2026-11-21T09:00:00Z",
        "expires_at": "2026-11-21T10:00:00Z",
        "journal": JOURNAL,
        "first": 5,
        "last": 9,
    }


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("reboot", {}),
        ("emptying_mode", {"on": True, "minutes": 30}),
        ("emptying_mode", {"on": False, "minutes": 60}),
        ("resend", {"journal": JOURNAL, "first": 1, "last": 1}),
    ],
)
def test_every_kind_of_command_can_be_read_back(kind: CommandKind, arguments: dict[str, Any], now: Now) -> None:
    keyring = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    due = DueCommand(new_id(), "BIN-1", 1, kind, arguments, now, now + HOUR)
    message = write_command(due, authority="town", keyring=keyring)
    line = decode_any(message.payload.partition(b"\n")[0])
    assert line["do"] == kind
    # Left out is what a bin assumes.
    assert {"minutes": 60, **line}.items() >= arguments.items()


def test_the_configuration_is_retained_and_says_what_a_display_needs(scene: Scene, now: Now) -> None:
    with scene.owner.begin() as connection:
        set_display_text(connection, language="fr", name="welcome", words="Bonjour !", **scene.tenant)
    messages = scene.tell(now, "config")
    assert [(message.qos, message.is_retained) for message in messages] == [(1, True)] * 2
    assert scene.read(messages[0]) == {
        "v": 1,
        "bin": scene.bin_id,
        "version": 4,
        "tariffs": [
            {
                "valid_from": "2026-01-01T00:00:00Z",
                "lines": {"glass": {"per": "item", "points": 1}, "plastic": {"per": "kilogram", "points": 10}},
            }
        ],
        "limits": {"day_points": 40},
        "texts": {"fr": {"welcome": "Bonjour !"}},
    }
    assert "time" not in scene.read(messages[0])
    assert scene.tell(now + HOUR, "config") == []


def test_a_configuration_always_fits_a_packet(now: Now, keyring: Keyring) -> None:
    lines = {f"material-{number}": TariffLine(new_id(), "item", number) for number in range(50)}
    tariffs = [Tariff(now + number * HOUR, None, None, lines) for number in range(20)]
    display = Display(3, tariffs, None, None, {})
    message = write_config(DueDisplay("BIN-1", 1), display, authority="town", keyring=keyring)
    assert len(message.payload) <= LARGEST_PACKET_BYTES
    line = decode_any(message.payload.partition(b"\n")[0])
    told = [tariff["valid_from"] for tariff in line["tariffs"]]
    assert told[0] == "2026-11-21T09:00:00Z"
    assert 1 < len(told) < 20


def test_each_message_is_for_one_bin_and_one_topic(scene: Scene, now: Now) -> None:
    first, second = scene.tell(now, "config")
    swapped = Outgoing(second.topic, first.payload)
    with pytest.raises(SignatureError):
        scene.read(swapped)


def test_messages_are_signed_with_the_newest_key_the_bin_has_used(scene: Scene, now: Now) -> None:
    scene.tell(now)
    with scene.owner.begin() as connection:
        connection.execute(
            text("INSERT INTO bin_keys SELECT authority_id, bin_id, 2, 'valid', created_at FROM bin_keys")
        )
        connection.execute(text("UPDATE authorities SET fleet_version = fleet_version + 1"))
    assert scene.tell(now, "config") == []
    scene.speaker.key_number = 2
    scene.pipeline = Pipeline(scene.engine, scene.keyring)
    scene.hello(now)
    scene.issue(now)
    messages = scene.tell(now)
    assert sorted(message.topic.rpartition("/")[2] for message in messages) == ["command", "config"]
    for message in messages:
        assert scene.read(message, key_number=2)["bin"] == scene.bin_id


def test_a_command_is_published_every_half_minute_and_at_a_hello_until_it_is_answered(scene: Scene, now: Now) -> None:
    command_id = scene.issue(now)
    [first] = scene.tell(now, "command")
    assert scene.tell(now + 29 * SECOND, "command") == []
    assert scene.tell(now + 30 * SECOND, "command") == [first]
    scene.hello(now + 31 * SECOND)
    assert scene.tell(now + 32 * SECOND, "command") == [first]
    assert scene.tell(now + 33 * SECOND, "command") == []
    answer = scene.speaker.say("status", now, commands=[{"id": str(command_id), "state": "done"}], battery_pct=80)
    scene.hear(answer, now + 34 * SECOND)
    assert scene.outcome() == "done"
    assert scene.tell(now + HOUR, "command") == []
    with scene.owner.connect() as connection:
        assert connection.scalar(text("SELECT status FROM bin_reports WHERE status IS NOT NULL")) == {"battery_pct": 80}


@pytest.mark.parametrize("state", ["done", "refused", "expired"])
def test_the_same_answer_in_a_later_status_changes_nothing(scene: Scene, now: Now, state: str) -> None:
    command_id = scene.issue(now)
    said = [{"id": str(command_id), "state": state}, {"id": str(new_id()), "state": "done"}]
    for seconds in range(3):
        later = now + seconds * SECOND
        scene.hear(scene.speaker.say("status", later, commands=said), later)
    with scene.owner.connect() as connection:
        [command] = list_commands(connection, **scene.tenant)
    assert (command.outcome, command.ended_at) == (state, now)


def test_a_bin_cannot_end_the_command_of_another(scene: Scene, now: Now) -> None:
    said = [{"id": str(scene.issue(now)), "state": "done"}]
    scene.hear(scene.other.say("status", now, commands=said), now)
    assert scene.outcome() is None
    # The control: its own bin can.
    scene.hear(scene.speaker.say("status", now, commands=said), now)
    assert scene.outcome() == "done"


def test_a_hello_that_shows_an_older_configuration_is_answered_with_the_present_one(scene: Scene, now: Now) -> None:
    version = scene.read(scene.tell(now, "config")[0])["version"]
    scene.hello(now, config=version)
    scene.hello(now)
    assert scene.tell(now + SECOND, "config") == []
    scene.hello(now, config=0)
    [message] = scene.tell(now + SECOND, "config")
    assert scene.read(message)["version"] == version


def test_what_a_hello_tells_of_the_bin_is_kept(scene: Scene, now: Now) -> None:
    scene.hello(now, config=2, materials=["glass", "paper"], capacity_l=3000)
    query = "SELECT config_version, materials, capacity_l FROM bin_reports"
    with scene.owner.connect() as connection:
        assert connection.execute(text(query)).one() == (2, ["glass", "paper"], 3000)
    scene.hello(now)
    with scene.owner.connect() as connection:
        assert connection.execute(text(query)).one() == (None, None, None)


def test_a_revoked_bin_is_told_nothing(scene: Scene, now: Now) -> None:
    scene.issue(now)
    with scene.owner.begin() as connection:
        revoke_bin(connection, scene.bin_id, **scene.tenant)
    assert {message.topic.split("/")[3] for message in scene.tell(now)} == {scene.other_bin_id}


def test_nothing_is_taken_while_there_is_no_connection(scene: Scene, now: Now) -> None:
    scene.issue(now)
    scene.post.is_connected = False
    assert scene.tell(now) == []
    scene.post.is_connected = True
    assert len(scene.tell(now)) == 3


def test_a_turn_is_bounded_and_commands_go_first(scene: Scene, now: Now) -> None:
    for _ in range(3):
        scene.issue(now)
    assert [message.topic.rpartition("/")[2] for message in scene.tell(now, most=2)] == ["command"] * 2
    assert [message.topic.rpartition("/")[2] for message in scene.tell(now, most=2)] == ["command", "config"]
    assert len(scene.tell(now, most=2)) == 1
