"""``bontri quarantine`` as an operator types it, on a real database; a worker's errand runs beside it where needed."""

import datetime
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

import bontri.quarantine.replaying
from bontri.cli import cli
from bontri.settings import SettingsError
from ingest.messages import Message
from rewards.keyring import Keyring
from rewards.quarantine import KEPT_FOR
from tests.databases import Database
from tests.ingest_scene import wait_until
from tests.operator_commands import code_of
from tests.quarantine_scene import BADGE, Scene, build_scene
from tests.speaker import deposit

STORAGE_KEY = (b"s" * 32).hex()


@pytest.fixture
def scene(database: Database, keyring: Keyring) -> Scene:
    """A town at the present time, since the command asks the clock."""
    return build_scene(database, keyring, datetime.datetime.now(datetime.UTC))


def run(scene: Scene, *arguments: str, **environment: str) -> Result:
    """Run the command with a database and no secrets but those given."""
    env = dict.fromkeys(("BONTRI_STORAGE_KEY", "BONTRI_MASTER_KEY", "BONTRI_BADGE_PEPPER"))
    return CliRunner().invoke(
        cli, ["quarantine", *arguments], env={**env, "DATABASE_URL": scene.database.url, **environment}
    )


def said_by(result: Result) -> str:
    """Return what an operator reads on standard error: a refusal is printed by ``main`` as it is."""
    return result.stderr + (str(result.exception) if code_of(result) else "")


def run_json(scene: Scene, *arguments: str, **environment: str) -> Any:
    result = run(scene, *arguments, "--json", **environment)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@contextmanager
def working(scene: Scene) -> Iterator[None]:
    """A worker that does its errand again and again."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            scene.replay.run_once(datetime.datetime.now(datetime.UTC))

    worker = threading.Thread(target=work)
    with capture_logs():
        worker.start()
        try:
            yield
        finally:
            stop.set()
            worker.join()


def refuse_all_kinds(scene: Scene) -> None:
    """An unknown bin, an unknown material beside a good deposit, garbage twice, and a topic of nobody."""
    speaker = scene.speaker()
    garbage = Message(speaker.topic("events"), b"\x1b[2Jgarbage", scene.now)
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, material="wood", badge=BADGE), deposit(2, scene.now)))
    scene.ingest(garbage)
    scene.ingest(garbage)
    scene.ingest(scene.speaker("LATE-0001").events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    scene.ingest(Message("evil\x1b[2J\u202etopic", b"", scene.now - datetime.timedelta(hours=3)))


def test_the_list_tells_counts_by_code_and_then_the_messages(scene: Scene) -> None:
    refuse_all_kinds(scene)
    result = run(scene, "list")
    assert result.exit_code == 0
    first, _, heading, *rows = result.output.splitlines()
    assert sorted(first.removeprefix("By code: ").rstrip(".").split(", ")) == [
        "not_json 1",
        "unknown_bin 1",
        "unknown_material 1",
        "wrong_topic 1",
    ]
    assert heading.split()[:5] == ["ID", "AUTHORITY", "BIN", "CODES", "TIMES"]
    assert len(rows) == 4
    assert all(row.endswith("stored") for row in rows)
    assert any("not_json" in row and " 2 " in row for row in rows)
    assert BADGE not in result.output
    assert "\x1b" not in result.output


def test_an_empty_quarantine_is_said_to_be_empty(scene: Scene) -> None:
    assert run(scene, "list").output == "By code: nothing.\n"


def test_the_list_can_be_narrowed(scene: Scene) -> None:
    refuse_all_kinds(scene)

    def codes(*arguments: str) -> list[list[str]]:
        return sorted(message["codes"] for message in run_json(scene, "list", *arguments)["messages"])

    assert codes("--code", "unknown_material") == [["unknown_material"]]
    assert codes("--bin", "LATE-0001") == [["unknown_bin"]]
    assert codes("--authority", "0") == [["wrong_topic"]]
    assert codes("--since", "2h") == [["not_json"], ["unknown_bin"], ["unknown_material"]]
    narrowed = run_json(scene, "list", "--limit", "1")
    assert (len(narrowed["messages"]), narrowed["total"]) == (1, 4)
    assert "1 of 4 messages" in run(scene, "list", "--limit", "1").output


def test_what_was_replayed_waits_no_more_and_is_listed_only_when_asked_for(scene: Scene) -> None:
    refuse_all_kinds(scene)
    scene.declare("wood")
    scene.replay_all()
    listed = run_json(scene, "list", "--authority", scene.town.slug)
    assert listed["counts"] == {"not_json": 1, "unknown_bin": 1}
    states = {message["replay"] for message in run_json(scene, "list", "--all")["messages"]}
    assert states == {"stored", "replayed"}


def test_what_is_above_the_bound_is_told(scene: Scene) -> None:
    topic = scene.speaker().topic("events")
    scene.ingest(*(Message(topic, b"%d" % number, scene.now) for number in range(1002)))
    assert "Above the bound, counted and not kept: bad_signature 2." in run(scene, "list").output
    assert run_json(scene, "list")["overflows"] == {"bad_signature": 2}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["list", "--authority", "atlantis"], 1, "no authority is called atlantis"),
        (["list", "--code", "unknown_thing"], 2, "there is no code 'unknown_thing'; there are"),
        (["list", "--since", "yesterday"], 2, "'yesterday' is no length of time: write 90s, 30m, 2h or 3d"),
        (["show", "abcdef"], 1, "no message in quarantine has the id 'abcdef'"),
        (["show", "so\x1b[2J"], 1, "no message in quarantine has the id"),
        (["replay"], 2, "Say what to replay"),
        (["replay", "abc", "--code", "schema"], 2, "not both"),
        (["replay", "abcdef"], 1, "no message in quarantine has the id 'abcdef'"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(scene: Scene, arguments: list[str], exit_code: int, words: str) -> None:
    result = run(scene, *arguments)
    assert result.exit_code == exit_code
    assert words in " ".join(said_by(result).split())
    assert "\x1b" not in said_by(result)


def test_an_ambiguous_id_is_told_and_nothing_is_done(scene: Scene) -> None:
    topic = scene.speaker().topic("events")
    scene.ingest(*(Message(topic, b"%d" % number, scene.now) for number in range(20)))
    digits = [row.message_digest.hex()[0] for row in scene.rows()]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    for command in ("show", "replay"):
        result = run(scene, command, twice)
        assert result.exit_code == 1
        assert code_of(result) == "message_ambiguous"
        assert f"the id {twice} is ambiguous" in said_by(result)
    assert {row.replay_requested_at for row in scene.rows()} == {None}


def test_a_message_is_shown_without_its_bytes_and_without_any_secret(scene: Scene) -> None:
    refuse_all_kinds(scene)
    [message] = run_json(scene, "list", "--code", "unknown_material")["messages"]
    result = run(scene, "show", message["id"][:12])
    assert result.exit_code == 0
    assert message["topic"] in result.output
    assert "unknown_material" in result.output
    assert "material 'wood' is not declared" in result.output
    assert BADGE not in result.output
    [event] = run_json(scene, "show", message["id"][:12])["events"]
    assert (event["seq"], event["code"], event["is_recorded"]) == (1, "unknown_material", False)


def test_the_bytes_are_shown_on_demand_escaped_and_with_a_warning(scene: Scene) -> None:
    refuse_all_kinds(scene)
    [message] = run_json(scene, "list", "--code", "not_json")["messages"]
    result = run(scene, "show", message["id"], "--bytes", BONTRI_STORAGE_KEY=STORAGE_KEY)
    assert result.exit_code == 0
    assert "\\x1b[2Jgarbage" in result.stdout
    assert "\x1b" not in result.output
    assert "may hold a badge" in result.stderr
    [message] = run_json(scene, "list", "--code", "unknown_bin")["messages"]
    shown = run_json(scene, "show", message["id"], "--bytes", BONTRI_STORAGE_KEY=STORAGE_KEY)
    assert json.loads(shown["payload"].partition("\n")[0])["events"][0]["badge"] == BADGE
    [message] = run_json(scene, "list", "--code", "wrong_topic")["messages"]
    assert "evil\\x1b[2J\\u202etopic" in run(scene, "show", message["id"]).output


def test_a_wrong_storage_key_is_told_in_a_sentence(scene: Scene) -> None:
    refuse_all_kinds(scene)
    [message] = run_json(scene, "list", "--code", "not_json")["messages"]
    result = run(scene, "show", message["id"], "--bytes", BONTRI_STORAGE_KEY="ab" * 32)
    assert result.exit_code == 1
    assert code_of(result) == "message_unreadable"
    assert "garbage" not in result.output


def test_without_a_storage_key_the_bytes_cannot_be_asked_for(scene: Scene) -> None:
    refuse_all_kinds(scene)
    [message] = run_json(scene, "list", "--code", "not_json")["messages"]
    result = run(scene, "show", message["id"], "--bytes")
    assert isinstance(result.exception, SettingsError)


def test_a_replay_waits_for_the_worker_and_tells_what_came_of_it(scene: Scene) -> None:
    refuse_all_kinds(scene)
    scene.declare("wood")
    with working(scene):
        result = run(scene, "replay", "--authority", scene.town.slug)
    assert result.exit_code == 0, result.output
    assert "3 requested: 1 recorded, 2 refused again (" in result.stdout
    assert "unknown_bin 1" in result.stdout
    assert "not_json 1" in result.stdout
    assert "0 waiting." in result.stdout
    assert scene.points() == 2
    scene.assert_sound()


def test_a_replay_by_id_tries_that_message_alone(scene: Scene) -> None:
    refuse_all_kinds(scene)
    scene.add_bin("LATE-0001")
    [message] = run_json(scene, "list", "--code", "unknown_bin")["messages"]
    with working(scene):
        outcomes = run_json(scene, "replay", message["id"][:12])
        again = run_json(scene, "replay", message["id"][:12])
    assert outcomes == {"requested": 1, "recorded": 1, "refused": {}, "waiting": 0}
    assert again == outcomes
    assert scene.points() == 3


def test_a_replay_without_a_worker_stays_requested_and_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_all_kinds(scene)
    monkeypatch.setattr(bontri.quarantine.replaying, "PATIENCE_S", 0.5)
    result = run(scene, "replay", "--code", "not_json")
    assert result.exit_code == 1
    assert code_of(result) == "replay_not_taken_up"
    assert "no worker has taken up 1 of the messages" in said_by(result)
    assert "stay requested" in said_by(result)
    assert {message["replay"] for message in run_json(scene, "list", "--code", "not_json")["messages"]} == {"requested"}
    with working(scene):
        assert run_json(scene, "replay", "--code", "not_json")["refused"] == {"not_json": 1}


def test_an_interrupted_replay_says_that_its_requests_stand(scene: Scene) -> None:
    refuse_all_kinds(scene)
    process = subprocess.Popen(
        [sys.executable, "-m", "bontri", "quarantine", "replay", "--code", "not_json"],
        env={**os.environ, "DATABASE_URL": scene.database.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: [row for row in scene.rows() if row.replay_requested_at])
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "What was requested and not replayed yet stays requested." in told
    assert "Traceback" not in told
    assert [row for row in scene.rows() if row.replay_requested_at]


def test_a_replay_need_not_be_waited_for(scene: Scene) -> None:
    refuse_all_kinds(scene)
    assert run_json(scene, "replay", "--code", "not_json", "--no-wait") == {
        "requested": 1,
        "recorded": 0,
        "refused": {},
        "waiting": 1,
    }


def test_nothing_to_replay_is_no_failure(scene: Scene) -> None:
    assert "0 requested" in run(scene, "replay", "--code", "schema").output


def test_a_prune_removes_what_is_old_and_tells_how_much(scene: Scene) -> None:
    scene.now -= KEPT_FOR + datetime.timedelta(hours=4)
    refuse_all_kinds(scene)
    scene.now += KEPT_FOR
    scene.ingest(Message(scene.speaker().topic("events"), b"young", scene.now))
    assert run_json(scene, "prune") == {"messages": 4, "counters": 0}
    assert "0 messages removed" in run(scene, "prune").output
    assert run_json(scene, "list", "--all")["total"] == 1
    scene.assert_sound()
