"""``bontri corrections`` and ``bontri ledger`` as an operator types them."""

import csv
import io
import json
from uuid import UUID

import pytest
from sqlalchemy import text

from rewards.expiry import expire_points, first_position
from rewards.ids import new_id
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit
from tests.operator_commands import code_of, run, run_main, succeed


@pytest.fixture
def town(database: Database, keyring, now) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        build_citizen(connection, town, badge="B")
        deposit(connection, town, badge="B", items=8, now=now)
    return town


def credit_of(database: Database) -> UUID:
    with database.engine().connect() as connection:
        return connection.execute(text("SELECT transfer_id FROM transfers")).scalar_one()


def ask(database: Database, town: Town, *more: str) -> str:
    asked = succeed(
        database,
        *("corrections", "request", str(credit_of(database)), "--authority", town.slug),
        *("--reason", "bin_fault", "--note", " counted twice ", "--by", "ada", *more),
    )
    return asked.output.split()[0]


def test_two_people_take_a_credit_back(database, town):
    of_town = ("--authority", town.slug)
    assert succeed(database, "corrections", "list", *of_town).output == "Nothing is to be decided.\n"
    correction_id = ask(database, town)
    [listed] = succeed(database, "corrections", "list", *of_town).output.splitlines()
    assert listed.endswith(f"{correction_id}  reversal of 8 points, bin_fault, asked for by ada: counted twice")
    refused = run(database, "corrections", "approve", correction_id, *of_town, "--by", "ada")
    assert code_of(refused) == "second_person_required"
    approved = succeed(database, "corrections", "approve", correction_id, *of_town, "--by", "grace", "--json")
    assert json.loads(approved.output) == {"taken_points": 8, "lost_points": 0, "expired_points": 0}
    [told] = json.loads(succeed(database, "corrections", "list", *of_town, "--all", "--json").output)
    assert (told["state"], told["decided_by"], told["note"]) == ("approved", "grace", "counted twice")
    assert code_of(run(database, "corrections", "reject", correction_id, *of_town)) == "correction_decided"


def test_what_is_no_correction_is_said_in_a_sentence(database, town, monkeypatch, capsys):
    unknown = str(new_id())
    code, words = run_main(
        monkeypatch, capsys, database, "corrections", "approve", unknown, "--authority", town.slug, "--by", "ada"
    )
    assert (code, words.strip()) == (
        1,
        f"bontri: there is no correction {unknown}: see bontri corrections list (correction_unknown)",
    )
    nobody = run(database, "corrections", "list", "--authority", "nowhere")
    assert code_of(nobody) == "authority_missing"
    long = run(
        database,
        *("corrections", "request", unknown, "--authority", town.slug, "--reason", "fraud", "--note", "x" * 501),
    )
    assert long.exit_code == 2
    assert "must have 1 to 500 characters" in long.output
    assert run(database, "corrections", "approve", "not-an-id", "--authority", town.slug).exit_code == 2


def test_accounts_balances_and_statements_are_read(database, town, now):
    of_town = ("--authority", town.slug)
    accounts = json.loads(succeed(database, "ledger", "accounts", *of_town, "--json").output)
    assert {each["kind"] for each in accounts} == {
        "issuing",
        "shop",
        "bonus",
        "expired",
        "forfeited",
        "loss",
        "network",
        "settled",
    }
    giver = next(each for each in accounts if each["posted_points"] == -8)
    assert giver["owner"] in town.bin_ids
    assert f"{giver['owner']}" in succeed(database, "ledger", "accounts", *of_town, "--kind", "issuing").output
    [lot] = json.loads(succeed(database, "ledger", "accounts", *of_town, "--kind", "lot", "--json").output)
    assert lot["owner"] is None
    balance = ("ledger", "balance", lot["account_id"], *of_town)
    assert succeed(database, *balance).output == "8 points\n"
    # The deposit was at ten in the morning, in Paris.
    assert succeed(database, *balance, "--at", "2026-11-21").output == "0 points\n"
    told = json.loads(succeed(database, *balance, "--at", "2026-11-21T10:00:00", "--json").output)
    assert told == {"at": "2026-11-21T09:00:00.000000Z", "posted_points": 8, "pending_points": 0}
    statement = ("ledger", "statement", lot["account_id"], *of_town)
    [line] = succeed(database, *statement).output.splitlines()
    assert line.split() == ["2026-11-21", "10:00:00", "single", "+8", "8", "+0", "deposit", "1-1"]
    [row] = csv.DictReader(io.StringIO(succeed(database, *statement, "--csv").output))
    assert (row["why"], row["points"], row["posted_points"]) == ("deposit 1-1", "8", "8")
    [entry] = json.loads(succeed(database, *statement, "--json").output)
    assert (entry["other_account_id"], entry["seq"]) == (giver["account_id"], 1)
    assert succeed(database, *statement, "--until", "2026-11-21").output == "No entry in this period.\n"
    assert code_of(run(database, "ledger", "balance", str(new_id()), *of_town)) == "account_unknown"
    reversed_ = run(database, *statement, "--from", "2026-11-21", "--until", "2026-11-20")
    assert (reversed_.exit_code, "--until is not after --from" in reversed_.output) == (2, True)


def test_credits_in_review_are_listed_approved_and_rejected(database, town, now):
    of_town = ("--authority", town.slug)
    shown = succeed(database, "reviews", "rules", *of_town).output
    assert shown == "No deposit is held for a review.\n"
    set_ = ("--over-items", "20", "--over-grams", "9000", "--doubtful-clocks")
    assert succeed(database, "reviews", "rules", *of_town, *set_).output == (
        "Held for a review are deposits"
        " of more than 20 items, of more than 9,000 g, of bins that cannot tell the time.\n"
    )
    rules = succeed(database, "reviews", "rules", *of_town, "--over-grams", "0", "--any-clock", "--json").output
    assert json.loads(rules) == {"over_items": 20, "over_mass_g": None, "holds_doubtful_clocks": False}
    assert succeed(database, "reviews", "list", *of_town).output == "No credit waits for a review.\n"
    with database.engine().begin() as connection:
        for items in (21, 22, 23):
            deposit(connection, town, badge="B", items=items, now=now)
    lines = succeed(database, "reviews", "list", *of_town).output.splitlines()
    assert lines[0].endswith("21 points for 21 items of glass at BIN-0007-A; posts itself on 2026-11-28 10:00")
    first, second, _ = [each["transfer_id"] for each in json.loads(list_reviews_as_json(database, town))]
    assert succeed(database, "reviews", "approve", first, *of_town, "--by", "ada").output == "21 points posted.\n"
    why = ("--reason", "bin_fault", "--note", "rain", "--by", "ada")
    assert json.loads(succeed(database, "reviews", "reject", second, *of_town, *why, "--json").output) == {
        "voided_points": 22
    }
    assert code_of(run(database, "reviews", "approve", second, *of_town)) == "review_decided"
    assert code_of(run(database, "reviews", "reject", str(new_id()), *of_town, *why)) == "review_unknown"
    told = succeed(database, "reviews", "list", *of_town, "--all").output
    assert "rejected by ada: bin_fault, rain" in told
    assert "approved by ada" in told
    # The clock of the machine may be behind that of the test: what lapsed depends on it, that it runs does not.
    assert set(json.loads(succeed(database, "jobs", "once", "post-reviewed-credits", "--json").output)) == {
        *("reviews", "points")
    }


def list_reviews_as_json(database: Database, town: Town) -> str:
    return succeed(database, "reviews", "list", "--authority", town.slug, "--json").output


def test_expired_points_are_given_back_from_the_command_line(database, town, now):
    of_town = ("--authority", town.slug)
    why = ("--reason", "outage", "--note", "no till worked", "--by", "ada")
    refused = run(database, "corrections", "reinstate", str(credit_of(database)), *of_town, *why)
    assert code_of(refused) == "transfer_not_reinstatable"
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE accounts SET expires_on = '2026-11-21' WHERE kind = 'lot'"))
        position = first_position(connection, authority_id=town.authority_id)
        expire_points(connection, authority_id=town.authority_id, now=now, after=position)
        expiry = connection.scalar(text("SELECT transfer_id FROM transfers WHERE reason = 'expiry'"))
    asked = json.loads(succeed(database, "corrections", "reinstate", str(expiry), *of_town, *why, "--json").output)
    [listed] = succeed(database, "corrections", "list", *of_town).output.splitlines()
    assert "reinstatement of 8 points, outage" in listed
    approved = succeed(database, "corrections", "approve", asked["correction_id"], *of_town, "--by", "grace")
    assert approved.output == "8 points given back.\n"


def test_a_database_of_another_version_is_one_sentence_that_says_so(database, town, monkeypatch, capsys):
    with database.engine().begin() as connection:
        connection.execute(text("DROP TABLE bin_days"))
    code, said = run_main(monkeypatch, capsys, database, "stats", "bins", "--authority", town.slug)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(
        'bontri: the database of DATABASE_URL is of another version of Bontri (relation "bin_days" does not exist)'
    )
