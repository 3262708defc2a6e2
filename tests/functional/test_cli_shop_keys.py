"""``bontri shop-keys``: a till's key from its first day to its last, as an operator gives and takes it."""

import json

import pytest
from sqlalchemy import text

from rewards.access import find_principal
from rewards.ids import new_id
from rewards.keyring import Keyring
from tests.databases import Database
from tests.factories import START, Town, build_key, build_town
from tests.ingest_scene import KEYRING
from tests.operator_commands import code_of, run, succeed


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, KEYRING)


def find(database: Database, keyring: Keyring, secret: str):
    with database.engine("bontri_api").connect() as connection:
        return find_principal(connection, keyring, token=secret, now=START)


def test_a_key_is_made_listed_replaced_and_revoked(database: Database, town: Town):
    of_town = ("--authority", town.slug)
    scopes = ("--scope", "offers", "--scope", "staff")
    made = json.loads(succeed(database, "shop-keys", "add", "till 1", *of_town, "--shop", "Librairie", "--json").output)
    office = succeed(database, "shop-keys", "add", "office", *of_town, "--shop", "Librairie", *scopes)
    secret = office.output.split()[1]
    assert "shown this once" in office.output
    assert find(database, KEYRING, made["secret"]).scopes == ["redeem"]
    assert find(database, KEYRING, secret).scopes == ["offers", "staff"]
    replace = ("shop-keys", "replace", made["api_key_id"], *of_town, "--overlap-hours", "0", "--json")
    new = json.loads(succeed(database, *replace).output)
    assert code_of(run(database, *replace)) == "api_key_unknown"
    assert find(database, KEYRING, new["secret"]).scopes == ["redeem"]
    succeed(database, "shop-keys", "revoke", new["api_key_id"], *of_town)
    assert find(database, KEYRING, new["secret"]) is None
    assert code_of(run(database, "shop-keys", "revoke", new["api_key_id"], *of_town)) == "api_key_unknown"
    listed = json.loads(succeed(database, "shop-keys", "list", *of_town, "--json").output)
    assert [(each["shop"], each["label"]) for each in listed] == [
        ("Librairie", "till 1"),
        ("Librairie", "office"),
        ("Librairie", "till 1"),
    ]
    shown = succeed(database, "shop-keys", "list", *of_town, "--shop", "Librairie").output
    assert [word for word in ("revoked", "ended", "good", "Librairie", listed[0]["shop_id"]) if word not in shown] == []
    assert not [each for each in (secret, made["secret"], new["secret"]) if each in shown + str(listed)]


def test_what_is_no_key_of_a_shop_is_not_touched(database: Database, town: Town):
    of_town = ("--authority", town.slug)
    with database.engine().begin() as connection:
        program = build_key(connection, town, "authority")
        key_id = str(connection.scalar(text("SELECT api_key_id FROM api_keys")))
    for command in ("replace", "revoke"):
        for key in (key_id, str(new_id())):
            assert code_of(run(database, "shop-keys", command, key, *of_town)) == "api_key_unknown"
    assert find(database, KEYRING, program) is not None
    assert succeed(database, "shop-keys", "list", *of_town).output == "There is no such key.\n"
    nobodys = run(database, "shop-keys", "add", "x", *of_town, "--shop", "Nobody")
    assert code_of(nobodys) == "shop_unknown"
