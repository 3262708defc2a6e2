"""What operators see of the fleet: one statement for all bins, everything known of one."""

import datetime
import json
from typing import Any

import pytest
from sqlalchemy import event, text

from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.bins import NewBin, add_bins
from rewards.fleet.listing import list_bins
from rewards.instants import write_instant
from tests.databases import Database
from tests.factories import START, Town, build_town
from tests.ingest_scene import KEYRING
from tests.operator_commands import succeed
from tests.speaker import Speaker, deposit

AT = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        build_town(connection, KEYRING, authority_id=8, slug="grand-lyon")
        return build_town(connection, KEYRING)


def handle(database: Database, *messages: Message) -> None:
    Pipeline(database.engine("bontri_ingest"), KEYRING).process(messages, now=AT)


def run_json(database: Database, *arguments: str) -> Any:
    return json.loads(succeed(database, "bins", *arguments, "--json").stdout)


def let_a_bin_speak(database: Database, town: Town) -> Speaker:
    """A bin says hello, hands over 1, 2, 5 of what it holds, and a message with a wrong signature."""
    speaker = Speaker(KEYRING, town.slug, town.bin_ids[0])
    bad = speaker.events(AT, deposit(9, AT))
    handle(
        database,
        speaker.say("hello", AT, journal=speaker.journal, next_seq=6, oldest_held=1, firmware="1.4.2", model="M"),
        speaker.events(AT, deposit(1, AT), deposit(2, AT), deposit(5, AT)),
        speaker.events(AT, deposit(3, AT, material="gold")),
        speaker.say("status", AT, at=AT.isoformat(), fill_pct={"glass": 40}, battery_pct=88),
        Message(bad.topic, bad.payload[:-64] + b"0" * 64, AT),
    )
    return speaker


def test_list_shows_each_bin_with_its_place_firmware_keys_and_missing_events(database: Database, town: Town) -> None:
    speaker = let_a_bin_speak(database, town)
    succeed(database, "bins", "rotate-key", speaker.bin_id)
    found = {each["bin_id"]: each for each in run_json(database, "list", "--authority", town.slug)}
    assert sorted(found) == sorted(town.bin_ids)
    assert found[speaker.bin_id] == {
        "authority": town.slug,
        "bin_id": speaker.bin_id,
        "state": "live",
        "site": "A",
        "commune": "Saint-Denis",
        "last_heard_at": write_instant(AT),
        "firmware": "1.4.2",
        "used_key_number": 1,
        "valid_key_numbers": [1, 2],
        "missing_events": 1,  # 4: settled are 1, 2, 3 (quarantined) and 5
        "alarms": [],
    }
    other = found[town.bin_ids[1]]
    assert (other["last_heard_at"], other["firmware"], other["missing_events"]) == (None, None, 0)


def test_list_is_narrowed_by_authority_state_and_silence(database: Database, town: Town) -> None:
    let_a_bin_speak(database, town)
    assert len(run_json(database, "list")) == 4
    succeed(database, "bins", "test", town.bin_ids[1])
    succeed(database, "bins", "revoke", "BIN-0008-A")
    assert [each["bin_id"] for each in run_json(database, "list", "--state", "test")] == [town.bin_ids[1]]
    assert [each["bin_id"] for each in run_json(database, "list", "--state", "revoked")] == ["BIN-0008-A"]
    with database.engine("bontri_operator").connect() as connection:

        def list_silent(since: datetime.datetime) -> list[str]:
            asked = {"authority_id": town.authority_id, "slug": town.slug, "now": AT}
            return [each.bin_id for each in list_bins(connection, **asked, silent_since=since)]

        assert list_silent(AT) == [town.bin_ids[1]]
        assert list_silent(AT + MINUTE) == town.bin_ids


def test_list_shows_open_alarms_and_where_a_bin_stands_now(database: Database, town: Town) -> None:
    bin_id = town.bin_ids[0]
    with database.engine().begin() as connection:
        for kind, ended_at in (("gap", None), ("clone", None), ("lost", AT)):
            connection.execute(
                text(
                    "INSERT INTO bin_alarms (authority_id, bin_id, kind, raised_at, last_seen_at, ended_at)"
                    " VALUES (7, :bin_id, :kind, :at, :at, :ended_at)"
                ),
                {"bin_id": bin_id, "kind": kind, "at": AT, "ended_at": ended_at},
            )
    succeed(database, "bins", "move", bin_id, "--to", "B", "--at", "2026-06-01")
    [found] = [each for each in run_json(database, "list") if each["bin_id"] == bin_id]
    assert (found["alarms"], found["site"], found["commune"]) == (["clone", "gap"], "B", "Aubervilliers")
    table = succeed(database, "bins", "list").stdout
    assert "clone gap" in table
    assert "B, Aubervilliers" in table
    assert "4 bins, 4 of them never heard." in table


def test_list_takes_one_statement_however_many_bins(database: Database, town: Town) -> None:
    engine = database.engine("bontri_operator")
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *facts: statements.append(facts[2]))

    def count() -> tuple[int, int]:
        statements.clear()
        with engine.connect() as connection:
            found = list_bins(connection, authority_id=town.authority_id, slug=town.slug, now=AT)
        return len(found), len(statements)

    assert count() == (2, 1)
    with database.engine().begin() as connection:
        site_id = connection.scalar(text("SELECT site_id FROM sites WHERE authority_id = 7 LIMIT 1"))
        more = [NewBin(f"MANY-{number:04}", site_id, START) for number in range(2000)]
        add_bins(connection, more, authority_id=town.authority_id, now=START)
    assert count() == (2002, 1)


def test_show_tells_everything_known_of_a_bin(database: Database, town: Town) -> None:
    speaker = let_a_bin_speak(database, town)
    succeed(database, "bins", "move", speaker.bin_id, "--to", "B", "--at", "2026-12-01T00:00+01:00")
    facts = run_json(database, "show", speaker.bin_id)
    assert (facts["authority"], facts["bin"], facts["state"]) == (town.slug, speaker.bin_id, "live")
    assert [(each["site"], each["removed_at"]) for each in facts["placements"]] == [
        ("A", "2026-11-30T23:00:00.000000Z"),
        ("B", None),
    ]
    assert [(each["key_number"], each["state"]) for each in facts["keys"]] == [(1, "valid")]
    [journal] = facts["journals"]
    assert journal["journal"] == speaker.journal
    assert (journal["next_seq"], journal["oldest_held"], journal["highest_settled"]) == (6, 1, 5)
    assert (journal["received_events"], journal["missing_events"], journal["lost_events"]) == (4, 1, 0)
    assert facts["report"]["firmware"] == "1.4.2"
    assert facts["report"]["status"]["battery_pct"] == 88
    assert (facts["events"]["live"], facts["events"]["test"]) == (3, 0)
    [message] = facts["quarantined_messages"]
    assert (message["code"], message["messages"], message["times"]) == ("bad_signature", 1, 1)
    [refused] = facts["quarantined_events"]
    assert (refused["code"], refused["events"]) == ("unknown_material", 1)


def test_show_is_readable_on_a_terminal_and_tells_nothing_secret(database: Database, town: Town) -> None:
    speaker = let_a_bin_speak(database, town)
    shown = succeed(database, "bins", "show", speaker.bin_id).stdout
    for expected in ("Saint-Denis", "bad_signature", "unknown_material", "1.4.2", "open alarms: none"):
        assert expected in shown
    key = KEYRING.bin_key(authority=town.slug, bin_id=speaker.bin_id, key_number=1).hex()
    assert key not in shown
    assert KEYRING.broker_password(username=speaker.bin_id) not in shown


def test_show_of_a_bin_never_heard_says_so(database: Database, town: Town) -> None:
    facts = run_json(database, "show", town.bin_ids[1])
    assert facts["report"] is None
    assert facts["journals"] == []
    assert "report: -" in succeed(database, "bins", "show", town.bin_ids[1]).stdout
