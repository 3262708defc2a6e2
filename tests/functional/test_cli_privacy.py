"""``bontri privacy`` as an operator or a data-protection officer types it."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bontri.cli import cli
from rewards.privacy import ErasureRegister
from rewards.verify import verify
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit
from tests.ingest_scene import KEYRING, scalar
from tests.operator_commands import code_of, environment_of, run, succeed


@pytest.fixture
def town(database: Database, now) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        for badge, email in (("A", "ada@example.org"), ("B", "bob@example.org")):
            build_citizen(connection, town, badge=badge, email=email)
            deposit(connection, town, badge=badge, items=30, now=now)
    return town


def test_a_citizen_is_erased_once_it_is_confirmed_and_again_after_a_restore(database, town, tmp_path):
    path = tmp_path / "erasures.jsonl"
    erase = ("privacy", "erase", "email:ada@example.org", "--authority", town.slug, "--by", "grace")
    refused = run(database, *erase, "--yes")
    assert "BONTRI_ERASURE_REGISTER is not set" in str(refused.exception)
    settings = {"BONTRI_ERASURE_REGISTER": str(path)}
    asked = CliRunner().invoke(cli, erase, input="n\n", env=environment_of(database, **settings))
    assert asked.exit_code == 1
    assert not path.exists()
    done = succeed(database, *erase, "--yes", **settings)
    assert done.output == "Erased; 30 points forfeited, 0 vouchers cancelled.\n"
    assert code_of(run(database, *erase, "--yes", **settings)) == "citizen_unknown"
    [registered] = ErasureRegister(path).read()
    assert (registered.authority_id, registered.asked_by) == (7, "grace")
    again = ("privacy", "erase", f"citizen:{registered.citizen_id}", "--authority", town.slug, "--yes")
    assert succeed(database, *again, **settings).output == "Erased before; nothing is left of them.\n"
    reapply = ("privacy", "reapply", "--json")
    assert json.loads(succeed(database, *reapply, **settings).output) == {"erasures": 1, "again": 0}
    # As if a restore had brought Bob back.
    bob = json.loads(
        succeed(database, "wallets", "show", "email:bob@example.org", "--authority", town.slug, "--json").output
    )
    with path.open("a") as file:
        file.write(json.dumps({**json.loads(path.read_text()), "citizen_id": bob["citizen_id"]}) + "\n")
    told = succeed(database, "privacy", "reapply", **settings).output
    assert told == "2 erasures are registered; 1 citizens had come back and are erased.\n"
    # Ada was told, Bob had been told before the restore.
    assert scalar(database, "SELECT count(*) FROM outbox WHERE kind = 'account_erased'") == 1
    assert verify(database.engine("bontri_reader")).is_sound


def test_who_waits_to_be_erased_is_shown_and_the_job_does_it(database, town, tmp_path):
    requests = ("privacy", "requests", "--authority", town.slug)
    assert succeed(database, *requests).output == "Nobody waits to be erased.\n"
    with database.engine().begin() as connection:
        connection.execute(
            text("INSERT INTO erasure_requests SELECT 7, citizen_id, now(), now() FROM contacts LIMIT 1")
        )
    [waiting] = json.loads(succeed(database, *requests, "--json").output)
    assert waiting["state"] == "asked"
    with database.engine().begin() as connection:
        late = "UPDATE erasure_requests SET asked_at = now() - interval '1 day', due_at = now() - interval '23 hours'"
        connection.execute(text(late))
    overdue = run(database, *requests)
    assert (overdue.exit_code, f"citizen:{waiting['citizen_id']} asked, due " in overdue.output) == (1, True)
    settings = {"BONTRI_ERASURE_REGISTER": str(tmp_path / "erasures.jsonl")}
    done = succeed(database, "jobs", "once", "erase-requested", **settings)
    assert done.output == "erase-requested: 1 erased.\n"
    assert succeed(database, *requests).output == "Nobody waits to be erased.\n"


def test_what_is_held_is_written_into_a_new_private_file(database, town, tmp_path):
    out = tmp_path / "ada.json"
    export = ("privacy", "export", "card:A", "--authority", town.slug, "--out", out, "--language", "en")
    told = succeed(database, *export).output
    assert told == f"Wrote 1 movements and all else that is held to {out}.\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(out.read_text())["citizen"]["email"] == "ada@example.org"
    assert run(database, *export).exit_code == 2


def test_the_register_of_processing_is_printed(database):
    assert succeed(database, "privacy", "register").output.startswith("# Register of processing activities\n")
    titles = [each["title"] for each in json.loads(succeed(database, "privacy", "register", "--json").output)]
    assert "Accounts of citizens" in titles


def test_an_authority_says_when_who_does_nothing_is_erased(database, town):
    inactive = ("privacy", "inactive", "--authority", town.slug)
    assert succeed(database, *inactive).output == "Nobody is erased for doing nothing.\n"
    assert succeed(database, *inactive, "--after-months", "36").output == "Erased after 36 idle months.\n"
    assert json.loads(succeed(database, *inactive, "--json").output) == {"inactive_after_months": 36}
    assert run(database, *inactive, "--after-months", "6").exit_code == 2
    assert run(database, *inactive, "--after-months", "36", "--never").exit_code == 2
    succeed(database, *inactive, "--never")
    jobs = succeed(database, "jobs", "once", "retain").output
    assert jobs == "retain: 0 rows, 0 links cut, 0 erasures finished.\n"
    refused = run(database, "jobs", "once", "erase-inactive")
    assert "BONTRI_ERASURE_REGISTER is not set" in str(refused.exception)


def test_an_authority_says_how_long_deposits_are_a_citizen_s(database, town):
    history = ("privacy", "history", "--authority", town.slug)
    assert json.loads(succeed(database, *history, "--json").output) == {"history_kept_months": 24}
    told = succeed(database, *history, "--kept-months", "12").output
    assert told == "Deposits stay a citizen's for 12 months after the points of their month are gone.\n"
    assert run(database, *history, "--kept-months", "6").exit_code == 2


def test_what_is_encrypted_is_encrypted_anew_by_a_command(database, town):
    rotated = {"BONTRI_ENCRYPTION_KEY": "ab" * 32, "BONTRI_ENCRYPTION_KEY_NO": "2"}
    told = succeed(database, "privacy", "reencrypt", **rotated).stdout.splitlines()
    assert told == ["2 encrypted anew.", "cards under pepper 1: 2", "under key 2: 2"]
    again = json.loads(succeed(database, "privacy", "reencrypt", "--json", **rotated).stdout)
    counts = {"cards_by_pepper": {"1": 2}, "encrypted_by_key": {"2": 2}}
    assert again == {"reencrypted": 0, **counts, "unreadable": {}}
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE contacts SET email_encrypted = repeat('lost', 9)::bytea"))
    lost = run(database, "privacy", "reencrypt", **rotated)
    assert (lost.exit_code, "contacts.email_encrypted: 2 under no key that is given" in lost.output) == (1, True)
