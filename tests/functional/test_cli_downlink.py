"""``bontri alarms``, ``commands`` and ``display`` as an operator types them, on a real database."""

import datetime
import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from bontri.cli import cli
from ingest.pipeline import Pipeline
from ingest.worker import utc_now
from rewards.bins import revoke_bin
from rewards.command_retention import KEPT_FOR
from rewards.commands import NewCommand, end_expired, issue_command
from rewards.due_commands import take_due_commands
from rewards.fleet_watch import watch_fleet
from rewards.keyring import Keyring
from tests.databases import Database
from tests.factories import Town, build_town
from tests.operator_commands import code_of, run_main
from tests.speaker import JOURNAL, Speaker, deposit

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    """A town whose first bin has reported with a gap an hour ago."""
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=8, slug="elsewhere")
        town = build_town(connection, keyring, day_cap_points=40)
    earlier = utc_now() - HOUR
    speaker = Speaker(keyring, town.slug, town.bin_ids[0])
    message = speaker.events(earlier, deposit(1, earlier), deposit(4, earlier))
    Pipeline(database.engine("bontri_ingest"), keyring).process([message], now=earlier)
    return town


@pytest.fixture
def gap(database: Database, town: Town) -> None:
    """Its alarm, and the command it brings about."""
    with database.engine("bontri_ingest").begin() as connection:
        assert watch_fleet(connection, authority_id=town.authority_id, now=utc_now())


def run(database: Database, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"DATABASE_URL": database.url})


def run_json(database: Database, *arguments: str) -> Any:
    result = run(database, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("gap")
def test_alarms_are_listed_in_words_and_as_json_and_ended_by_hand(database: Database, town: Town) -> None:
    bin_id = town.bin_ids[0]
    [alarm] = run_json(database, "alarms", "list")
    assert (alarm["authority"], alarm["bin"], alarm["kind"]) == (town.slug, bin_id, "gap")
    assert (alarm["ended_at"], alarm["detail"]["numbers"]) == (None, 2)
    words = run(database, "alarms", "list", "--bin", bin_id).stdout
    raised_at = datetime.datetime.fromisoformat(alarm["raised_at"]).astimezone(town.timezone)
    assert words.startswith(f"{raised_at:%Y-%m-%d %H:%M:%S}  ")
    assert bin_id in words
    assert "gap" in words

    assert run(database, "alarms", "end", bin_id, "gap").exit_code == 0
    assert run_json(database, "alarms", "list") == []
    [ended] = run_json(database, "alarms", "list", "--all")
    assert ended["ended_at"] is not None
    again = run(database, "alarms", "end", bin_id, "gap")
    assert (again.exit_code, code_of(again)) == (1, "alarm_missing")


@pytest.mark.usefixtures("gap")
def test_alarms_of_another_authority_are_not_listed_with_it(database: Database) -> None:
    assert run_json(database, "alarms", "list", "--authority", "elsewhere") == []
    assert run(database, "alarms", "list", "--authority", "elsewhere").stdout == "No alarm is up.\n"
    missing = run(database, "alarms", "list", "--authority", "nowhere")
    assert (missing.exit_code, code_of(missing)) == (1, "authority_missing")
    assert str(missing.exception) == "no authority is called nowhere: there is elsewhere, plaine-commune"


@pytest.mark.parametrize(
    ("words", "kind", "arguments"),
    [
        (["reboot"], "reboot", {}),
        (["resend", "--first", "2", "--last", "3"], "resend", {"journal": JOURNAL, "first": 2, "last": 3}),
        (
            ["resend", "--first", "2", "--last", "3", "--journal", "a" * 32],
            "resend",
            {"journal": "a" * 32, "first": 2, "last": 3},
        ),
        (["emptying-mode", "--on", "--minutes", "30"], "emptying_mode", {"on": True, "minutes": 30}),
        (["emptying-mode", "--off"], "emptying_mode", {"on": False, "minutes": 60}),
    ],
)
def test_an_order_is_given_and_a_worker_finds_it(
    database: Database, town: Town, words: list[str], kind: str, arguments: dict[str, object]
) -> None:
    result = run(database, "commands", "send", town.bin_ids[0], *words, "--expires-in", "10m")
    assert result.exit_code == 0, result.output
    [listed] = run_json(database, "commands", "list", "--bin", town.bin_ids[0])
    assert (listed["kind"], listed["arguments"], listed["outcome"]) == (kind, arguments, None)
    assert listed["id"] in result.stdout
    assert run(database, "commands", "list").stdout.startswith(f"{listed['issued_at']:.19}  {listed['id']}")
    with database.engine("bontri_ingest").begin() as connection:
        [due] = take_due_commands(connection, authority_id=town.authority_id, now=utc_now(), most=9)
    assert (str(due.command_id), due.kind, due.arguments) == (listed["id"], kind, arguments)
    assert due.expires_at - due.issued_at == datetime.timedelta(minutes=10)
    assert run_json(database, "commands", "list", "--authority", "elsewhere") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resend", "--first", "2"], "resend needs --last"),
        (["resend", "--first", "4", "--last", "3"], "--first is above --last"),
        (["resend", "--first", "1", "--last", "3", "--journal", "xyz"], "no journal"),
        (["emptying-mode"], "emptying-mode needs --on/--off"),
        (["reboot", "--minutes", "5"], "--minutes does not belong to reboot"),
        (["reboot", "--expires-in", "1y"], "no length of time up to 7d"),
        (["reboot", "--expires-in", "8d"], "no length of time up to 7d"),
        (["explode"], "explode"),
    ],
)
def test_an_order_that_makes_no_sense_is_not_given(database: Database, town: Town, words: list[str], said: str) -> None:
    result = run(database, "commands", "send", town.bin_ids[0], *words)
    assert (result.exit_code, said in result.output) == (2, True), result.output
    assert run_json(database, "commands", "list") == []


def test_bins_that_cannot_be_told_are_not_given_an_order(database: Database, town: Town) -> None:
    unknown = run(database, "commands", "send", "NO-SUCH-BIN", "reboot")
    assert (unknown.exit_code, code_of(unknown)) == (1, "bin_missing")
    silent = run(database, "commands", "send", town.bin_ids[1], "resend", "--first", "1", "--last", "2")
    assert (silent.exit_code, code_of(silent)) == (1, "bin_never_heard")
    with database.engine().begin() as connection:
        revoke_bin(connection, town.bin_ids[0], authority_id=town.authority_id)
    revoked = run(database, "commands", "send", town.bin_ids[0], "reboot")
    assert (revoked.exit_code, code_of(revoked)) == (1, "bin_revoked")
    assert run_json(database, "commands", "list") == []


def test_orders_that_ended_long_ago_are_pruned(database: Database, town: Town) -> None:
    long_ago = utc_now() - KEPT_FOR - HOUR
    order = NewCommand(town.bin_ids[0], "reboot", {})
    with database.engine("bontri_ingest").begin() as connection:
        for issued_at in (long_ago - HOUR, utc_now()):
            issue_command(connection, order, authority_id=town.authority_id, now=issued_at, valid=HOUR / 2)
        assert end_expired(connection, authority_id=town.authority_id, now=long_ago) == 1
    assert len(run_json(database, "commands", "list")) == 2
    assert run_json(database, "commands", "prune") == {"commands": 1}
    [left] = run_json(database, "commands", "list")
    assert left["outcome"] is None
    assert run(database, "commands", "prune").stdout == "0 orders removed.\n"


def test_a_text_is_set_and_shown(database: Database, town: Town) -> None:
    before = run_json(database, "display", "show", "--authority", town.slug)
    assert (before["bins"], before["bins_told"], before["day_cap_points"], before["texts"]) == (2, 0, 40, {})
    said = ["display", "set-text", "--authority", town.slug, "--language", "fr", "--name", "welcome", "Bonjour !"]
    assert run(database, *said).exit_code == 0
    after = run_json(database, "display", "show", "--authority", town.slug)
    assert (after["version"], after["texts"]) == (before["version"] + 1, {"fr": {"welcome": "Bonjour !"}})
    words = run(database, "display", "show", "--authority", town.slug).stdout
    assert f"from {after['tariffs'][0]['valid_from']:.19}: " in words
    assert "told to 0 of 2 bins" in words
    assert "fr welcome: Bonjour !" in words
    wrong = run(database, *said[:-3], "Wel come", "x")
    assert wrong.exit_code == 2
    assert run_json(database, "display", "show", "--authority", "elsewhere")["texts"] == {}


@pytest.mark.usefixtures("gap")
def test_alarms_of_a_bin_within_another_authority_are_none(database: Database, town: Town) -> None:
    assert run_json(database, "alarms", "list", "--authority", town.slug, "--bin", town.bin_ids[0])
    assert run_json(database, "alarms", "list", "--authority", "elsewhere", "--bin", town.bin_ids[0]) == []


@pytest.mark.parametrize(
    "words",
    [
        ("bins", "show", "NO-SUCH-BIN"),
        ("alarms", "list", "--bin", "NO-SUCH-BIN"),
        ("alarms", "end", "NO-SUCH-BIN", "gap"),
        ("commands", "list", "--bin", "NO-SUCH-BIN"),
        ("commands", "send", "NO-SUCH-BIN", "reboot"),
    ],
)
def test_an_unknown_bin_is_told_of_in_one_and_the_same_sentence(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    sentence = "bontri: there is no bin NO-SUCH-BIN: check the id with bontri bins list (bin_missing)\n"
    assert run_main(monkeypatch, capsys, database, *words) == (1, sentence)


@pytest.mark.parametrize(
    "words",
    [
        ("bins", "list"),
        ("alarms", "list"),
        ("commands", "list"),
        ("display", "show"),
        ("quarantine", "list"),
        ("quarantine", "show", "abcdef"),
        ("quarantine", "replay"),
        ("restore-epoch", "--yes"),
    ],
)
def test_an_unknown_authority_is_told_of_in_one_and_the_same_sentence(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    sentence = "bontri: no authority is called nowhere: there is none yet (authority_missing)\n"
    assert run_main(monkeypatch, capsys, database, *words, "--authority", "nowhere") == (1, sentence)


@pytest.mark.parametrize("name", ["alarms", "commands", "display"])
def test_every_command_of_a_group_shows_an_example(name: str) -> None:
    group = cli.commands[name]
    assert isinstance(group, click.Group)
    for command in group.commands:
        assert "Example" in CliRunner().invoke(cli, [name, command, "--help"]).output
