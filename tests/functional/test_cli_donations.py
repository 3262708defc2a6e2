"""``bontri causes`` and ``bontri goals`` as an operator types them."""

import csv
import io
import json
from uuid import UUID

import pytest
from sqlalchemy import text

from rewards.donations import donate_to_cause
from rewards.goals import donate_to_goal
from rewards.ids import new_id
from tests.databases import Database
from tests.factories import Town, build_holder, build_town
from tests.operator_commands import code_of, run, run_main, succeed


@pytest.fixture
def town(database: Database, keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


def add_cause(database: Database, *more: str) -> UUID:
    added = succeed(
        database,
        *("causes", "add", "Jardins partagés", "--authority", "plaine-commune"),
        *("--description", " Des potagers ", *more),
    )
    return UUID(added.output.split()[0])


def test_a_cause_is_kept_and_what_it_is_owed_reported(database, town, now):
    of_town = ("--authority", town.slug)
    assert succeed(database, "causes", "list", *of_town).output == "No cause takes donations.\n"
    cause_id = add_cause(database, "--siret", "123 456 782 00028", "--cents-per-100-points", "50")
    with database.engine().begin() as connection:
        holder = build_holder(connection, town, points=30, now=now)
        tenant = {"authority_id": town.authority_id, "wallet_id": holder.wallet_id}
        donate_to_cause(connection, cause_id, **tenant, points=25, now=now)
    line = f"{cause_id}  active  Jardins partagés: 25 points; 50 cents per 100 from Plaine-Commune\n"
    assert succeed(database, "causes", "list", *of_town).output == line
    report = ("causes", "report", *of_town)
    assert succeed(database, *report).output == "2026-11  Jardins partagés: 25 points, 0.12 € from Plaine-Commune\n"
    [month] = json.loads(succeed(database, *report, "--json").output)
    assert (month["month"], month["points"], month["value_cents"]) == ("2026-11-01", 25, 12)
    [row] = csv.DictReader(io.StringIO(succeed(database, *report, "--from", "2026-11", "--csv").output))
    assert (row["month"], row["siret"], row["value_cents"]) == ("2026-11", "12345678200028", "12")
    nothing = "No cause was given points in these months.\n"
    assert succeed(database, *report, "--until", "2026-11").output == nothing
    assert run(database, *report, "--from", "2026-11", "--until", "2026-11").exit_code == 2
    renamed = "UPDATE causes SET name = '=cmd()'"
    with database.engine().begin() as connection:
        connection.execute(text(renamed))
    assert ",'=cmd()," in succeed(database, *report, "--csv").output  # no formula for a spreadsheet
    account = succeed(database, "ledger", "accounts", *of_town, "--kind", "cause").output
    assert account.rstrip().endswith("25  =cmd()")


def test_a_cause_is_paused_resumed_and_ended(database, town, monkeypatch, capsys):
    of_town = ("--authority", town.slug)
    cause_id = str(add_cause(database))
    for step, state in (("pause", "paused"), ("resume", "active"), ("end", "ended")):
        succeed(database, "causes", step, cause_id, *of_town)
        [told] = json.loads(succeed(database, "causes", "list", *of_town, "--all", "--json").output)
        assert told["state"] == state
    assert run_main(monkeypatch, capsys, database, "causes", "resume", cause_id, *of_town) == (
        1,
        f"bontri: cause {cause_id} is ended: nothing was changed (cause_state_wrong)\n",
    )
    assert code_of(run(database, "causes", "end", str(new_id()), *of_town)) == "cause_missing"
    add = ("causes", "add", "X", *of_town, "--description", "x")
    assert code_of(run(database, *add, "--siret", "12345678200029")) == "cause_number_wrong"
    nobody = run(database, *add, "--cents-per-100-points", "5", "--funder", "Nobody")
    assert code_of(nobody) == "funder_unknown"
    assert run(database, *add, "--funder", "Nobody").exit_code == 2


def test_a_goal_is_set_shown_and_closed(database, town, now):
    of_town = ("--authority", town.slug)
    assert succeed(database, "goals", "list", *of_town).output == "No goal runs.\n"
    add = (
        *("goals", "add", "Un verger", *of_town, "--kind", "school", "--group", "Jean-Jaurès", "--target", "50"),
        *("--reward", "Cinq arbres", "--from", "2020-01-01"),
    )
    added = succeed(database, *add, "--until", "2099-06-30", "--cause", str(add_cause(database)))
    assert added.output.endswith("open from 2020-01-01 00:00 until 2099-06-30 00:00\n")
    goal_id = added.output.split()[0]
    with database.engine().begin() as connection:
        holder = build_holder(connection, town, points=20, now=now)
        tenant = {"authority_id": town.authority_id, "wallet_id": holder.wallet_id}
        donate_to_goal(connection, UUID(goal_id), **tenant, points=20, now=now)
    line = f"{goal_id}  open     Un verger, Jean-Jaurès: 20 of 50 points (40 %), until 2099-06-30\n"
    assert succeed(database, "goals", "list", *of_town).output == line
    shown = succeed(database, "goals", "show", goal_id, *of_town).output
    assert "for Jean-Jaurès (school): Cinq arbres" in shown
    assert "from 2020-01-01 00:00 until 2099-06-30 00:00" in shown
    assert "given by fewer than 11 wallets" in shown
    assert "the points go to Jardins partagés" in shown
    told = json.loads(succeed(database, "goals", "show", goal_id, *of_town, "--json").output)
    assert (told["points"], told["share_percent"], told["givers"]) == (20, 40, None)
    closed = succeed(database, "goals", "close", goal_id, *of_town)
    assert closed.output.startswith("Missed; 20 points go back with the next run of")
    assert succeed(database, "jobs", "once", "close-goals").output == "close-goals: 0 goals, 1 donations.\n"
    assert code_of(run(database, "goals", "close", goal_id, *of_town)) == "goal_state_wrong"
    assert code_of(run(database, "goals", "show", str(new_id()), *of_town)) == "goal_missing"
    assert json.loads(succeed(database, "goals", "list", *of_town, "--json").output) == []
    [told] = json.loads(succeed(database, "goals", "list", *of_town, "--all", "--json").output)
    assert told["state"] == "missed"
    over = run(database, *add, "--until", "2020-02-01")
    assert (over.exit_code, "--until is over" in over.output) == (2, True)
