"""``bontri wallets`` and ``bontri cards`` as the town hall types them."""

import json

import pytest
from click.testing import CliRunner

from bontri.cli import cli
from rewards.verify import verify
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit
from tests.ingest_scene import KEYRING
from tests.operator_commands import code_of, environment_of, run, run_main, succeed


@pytest.fixture
def town(database: Database, now) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        build_citizen(connection, town, badge="A", email="ada@example.org")
        for badge, items in (("B", 30), ("C", 12)):
            build_citizen(connection, town, badge=badge)
            deposit(connection, town, badge=badge, items=items, now=now)
    return town


def test_a_wallet_is_read_out_merged_and_split(database, town):
    of_town = ("--authority", town.slug)
    [line, lot] = succeed(database, "wallets", "show", "card:B", *of_town).output.splitlines()
    assert line == "30 points; one citizen, 1 card in use."
    assert lot.split() == ["30", "until", "2028-12-01"]
    merge = ("wallets", "merge", "--from", "card:B", "--into", "email:ada@example.org", *of_town, "--by", "grace")
    assert succeed(database, *merge).output == "30 points brought in; they share one wallet now.\n"
    assert succeed(database, *merge).output == "They share a wallet already; nothing was changed.\n"
    told = json.loads(succeed(database, "wallets", "show", "email:ada@example.org", *of_town, "--json").output)
    assert (told["points"], told["members"], told["cards"]) == (30, 2, 2)
    assert "ada" not in json.dumps(told)
    split = ("wallets", "split", f"citizen:{told['citizen_id']}", *of_town)
    assert code_of(run(database, *split, "--points", "31")) == "share_too_large"
    assert succeed(database, *split, "--points", "10").output == "Left with 10 points, in a wallet of their own.\n"
    assert code_of(run(database, *split)) == "wallet_not_shared"
    assert json.loads(succeed(database, *merge, "--json").output)["points"] == 20
    assert verify(database.engine("bontri_reader")).is_sound


def test_cards_are_blocked_replaced_and_claimed(database, town):
    of_town = ("--authority", town.slug)
    replaced = succeed(database, "cards", "replace", "B", "N", *of_town)
    assert replaced.output == "The lost card is blocked, the new one stands in for it.\n"
    again = json.loads(succeed(database, "cards", "replace", "B", "C", *of_town, "--json").output)
    assert again == {"points": 12}
    claim = ("cards", "claim", "N", "--for", "email:ada@example.org", *of_town)
    assert succeed(database, *claim).output == "The card is theirs; 42 points came with it.\n"
    assert succeed(database, "cards", "block", "N", *of_town).output == "Blocked; its points wait for a new card.\n"
    assert json.loads(succeed(database, "cards", "block", "N", *of_town, "--json").output) == {"is_changed": False}
    assert code_of(run(database, "cards", "block", "X", *of_town)) == "card_unknown"
    asked = CliRunner().invoke(
        cli, ["cards", "block", "-", *of_town], input="C\n", env=environment_of(database), catch_exceptions=False
    )
    assert asked.output == "Blocked; its points wait for a new card.\n"  # no word of a terminal that echoes
    assert verify(database.engine("bontri_reader")).is_sound


def test_what_is_refused_is_said_in_a_sentence(database, town, monkeypatch, capsys):
    of_town = ("--authority", town.slug)
    for said in ("B", "badge:B", "card:", "citizen:x"):
        assert run(database, "wallets", "show", said, *of_town).exit_code == 2
    code, words = run_main(monkeypatch, capsys, database, "wallets", "split", "card:B", *of_town)
    assert (code, words.strip()) == (
        1,
        "bontri: Nobody shares the wallet: there is nothing to leave (wallet_not_shared)",
    )
    code, words = run_main(monkeypatch, capsys, database, "wallets", "show", "email:x@example.org", *of_town)
    assert words.strip() == "bontri: there is no citizen by this address (citizen_unknown)"
