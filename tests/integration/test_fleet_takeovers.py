"""A bin passes from one authority to another once it is drained; broken off in between, the command finishes it."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import bontri.commands.bin_takeovers
from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.fleet import refusals
from tests.databases import Database
from tests.factories import build_town
from tests.ingest_scene import KEYRING
from tests.operator_commands import run, succeed
from tests.speaker import Speaker, deposit

AT = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
OLD, NEW, BIN_ID = "plaine-commune", "grand-lyon", "BIN-0007-A"
TABLES = ("bins", "bin_keys", "placements", "bin_directory", "accounts")
MOVE = ("bins", "move", BIN_ID, "--to", "A", "--authority", NEW)


@pytest.fixture
def speaker(database: Database) -> Speaker:
    """The voice of the bin; its town and the other one are there."""
    with database.engine().begin() as connection:
        build_town(connection, KEYRING)
        build_town(connection, KEYRING, authority_id=8, slug=NEW)
    return Speaker(KEYRING, OLD, BIN_ID)


def process(database: Database, *messages: Message) -> Any:
    return Pipeline(database.engine("bontri_ingest"), KEYRING).process(messages, now=AT)


def hello(speaker: Speaker, *, next_seq: int, oldest_held: int = 1) -> Message:
    return speaker.say("hello", AT, next_seq=next_seq, oldest_held=oldest_held)


def drain(database: Database, speaker: Speaker) -> None:
    process(database, speaker.events(AT, deposit(1, AT), deposit(2, AT)), hello(speaker, next_seq=3))


def contents(database: Database) -> dict[str, list[str]]:
    with database.engine().connect() as connection:
        return {name: sorted(map(str, connection.execute(text(f"SELECT * FROM {name}")).all())) for name in TABLES}


def states(database: Database) -> dict[int, str]:
    """Return the state of the bin by authority."""
    query = text("SELECT authority_id, state FROM bins WHERE bin_id = :bin_id")
    with database.engine().connect() as connection:
        return {row.authority_id: row.state for row in connection.execute(query, {"bin_id": BIN_ID})}


def versions(database: Database) -> dict[int, int]:
    """Return the version of each authority's fleet, by which workers notice a change."""
    with database.engine().connect() as connection:
        rows = connection.execute(text("SELECT authority_id, fleet_version FROM authorities"))
        return {row.authority_id: row.fleet_version for row in rows}


def owner_of(database: Database) -> int:
    query = text("SELECT authority_id FROM bin_directory WHERE bin_id = :bin_id")
    with database.engine().connect() as connection:
        return int(connection.scalar(query, {"bin_id": BIN_ID}) or 0)


def assert_refused(database: Database, refusal: type[Exception], *arguments: str) -> str:
    before = contents(database)
    result = run(database, *arguments)
    assert isinstance(result.exception, refusal), (result.output, result.exception)
    assert contents(database) == before
    return str(result.exception)


def test_a_drained_bin_is_taken_over_with_new_keys(database: Database, speaker: Speaker, tmp_path: Path) -> None:
    drain(database, speaker)
    before = versions(database)
    succeed(database, *MOVE, "--hand-over", tmp_path / "keys.json")
    assert all(versions(database)[authority_id] > before[authority_id] for authority_id in (7, 8))
    content = json.loads((tmp_path / "keys.json").read_text())
    assert content["authority"] == NEW
    [handed] = content["bins"]
    new_key = KEYRING.bin_key(authority=NEW, bin_id=BIN_ID, key_number=1)
    assert bytes.fromhex(handed["key"]) == new_key
    assert new_key != speaker.key()
    assert (owner_of(database), states(database)) == (8, {7: "revoked", 8: "live"})
    facts = json.loads(succeed(database, "bins", "show", BIN_ID, "--json").stdout)
    assert (facts["authority"], len(facts["placements"])) == (NEW, 1)
    # It speaks for its new authority, with a new journal, and no more for the old one.
    moved = Speaker(KEYRING, NEW, BIN_ID, journal="abcd" * 8)
    now = datetime.datetime.now(datetime.UTC)
    pipeline = Pipeline(database.engine("bontri_ingest"), KEYRING)
    processed = pipeline.process([moved.events(now, deposit(1, now)), speaker.events(now, deposit(3, now))], now=now)
    assert (processed.events, processed.quarantined) == (1, 1)
    with database.engine().connect() as connection:
        assert connection.scalars(text("SELECT code FROM quarantined_messages")).all() == ["revoked_bin"]


def test_a_bin_that_never_said_hello_is_not_drained(database: Database, speaker: Speaker) -> None:
    assert "never said" in assert_refused(database, refusals.BinNotDrainedError, *MOVE)
    process(database, speaker.events(AT, deposit(1, AT)))
    assert_refused(database, refusals.BinNotDrainedError, *MOVE)


def test_a_bin_with_missing_events_is_not_drained(database: Database, speaker: Speaker) -> None:
    process(database, speaker.events(AT, deposit(1, AT), deposit(3, AT)), hello(speaker, next_seq=4))
    assert "not every event" in assert_refused(database, refusals.BinNotDrainedError, *MOVE)
    process(database, speaker.events(AT, deposit(2, AT)))
    succeed(database, *MOVE)


def test_a_bin_that_holds_more_than_it_sent_is_not_drained(database: Database, speaker: Speaker) -> None:
    process(database, speaker.events(AT, deposit(1, AT)), hello(speaker, next_seq=9))
    assert_refused(database, refusals.BinNotDrainedError, *MOVE)


def test_a_bin_that_went_on_after_its_hello_is_not_drained(database: Database, speaker: Speaker) -> None:
    drain(database, speaker)
    process(database, speaker.events(AT, deposit(3, AT)))
    assert_refused(database, refusals.BinNotDrainedError, *MOVE)
    process(database, hello(speaker, next_seq=4))
    succeed(database, *MOVE)


def test_events_that_can_never_come_do_not_hold_a_bin_back(database: Database, speaker: Speaker) -> None:
    process(database, hello(speaker, next_seq=6, oldest_held=5), speaker.events(AT, deposit(5, AT)))
    succeed(database, *MOVE)


def test_control_without_the_check_events_of_the_bin_are_left_behind(
    database: Database, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(database, speaker.events(AT, deposit(1, AT), deposit(3, AT)), hello(speaker, next_seq=4))
    monkeypatch.setattr(bontri.commands.bin_takeovers, "assert_drained", lambda *_, **__: None)
    succeed(database, *MOVE)
    assert process(database, speaker.events(AT, deposit(2, AT))).quarantined == 1


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("bins", "move", BIN_ID, "--to", "Z", "--authority", NEW), refusals.SiteMissingError),
        (("bins", "move", BIN_ID, "--to", "A", "--authority", "nowhere"), refusals.AuthorityMissingError),
        (("bins", "move", BIN_ID, "--to", "A", "--authority", OLD), refusals.BinAlreadyThereError),
        (("bins", "move", "NOT-THERE", "--to", "A", "--authority", NEW), refusals.BinMissingError),
    ],
)
def test_a_take_over_that_cannot_be_is_refused(
    database: Database, speaker: Speaker, arguments: tuple[str, ...], refusal: type[Exception]
) -> None:
    drain(database, speaker)
    assert_refused(database, refusal, *arguments)


def test_a_bin_does_not_come_back_to_where_it_was_revoked(database: Database, speaker: Speaker) -> None:
    drain(database, speaker)
    succeed(database, *MOVE)
    moved = Speaker(KEYRING, NEW, BIN_ID, journal="abcd" * 8)
    process(database, hello(moved, next_seq=1))
    back = ("bins", "move", BIN_ID, "--to", "A", "--authority", OLD)
    assert_refused(database, refusals.BinLeftBeforeError, *back)


def test_a_revoked_bin_is_not_taken_over(database: Database, speaker: Speaker) -> None:
    drain(database, speaker)
    succeed(database, "bins", "revoke", BIN_ID)
    assert_refused(database, refusals.BinRevokedError, *MOVE)


def test_a_take_over_broken_off_is_finished_by_the_same_command(
    database: Database, speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain(database, speaker)

    def break_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(bontri.commands.bin_takeovers, "let_go", break_off)
        assert run(database, *MOVE, "--hand-over", tmp_path / "keys.json").exit_code != 0
    # In both, each with keys of its own; the new ones are in the file.
    assert (owner_of(database), states(database)) == (8, {7: "live", 8: "live"})
    assert (tmp_path / "keys.json").exists()
    result = succeed(database, *MOVE)
    assert "key" not in result.stdout
    assert states(database) == {7: "revoked", 8: "live"}
    assert_refused(database, refusals.BinAlreadyThereError, *MOVE)
