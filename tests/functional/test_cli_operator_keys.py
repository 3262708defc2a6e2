"""The first key of an operator is made on the machine, and can be taken back there."""

import json

from rewards.access import Operator, find_principal
from tests.databases import Database
from tests.ingest_scene import KEYRING
from tests.operator_commands import succeed


def test_key_made_on_the_machine_speaks_for_an_operator_until_it_is_revoked(database: Database, now) -> None:
    made = json.loads(succeed(database, "operator-keys", "add", "grace, laptop", "--json").output)

    def finds() -> bool:
        with database.engine("bontri_agent", of=None).connect() as connection:
            return isinstance(find_principal(connection, KEYRING, token=made["secret"], now=now), Operator)

    assert finds()
    listed = succeed(database, "operator-keys", "list").output
    assert "grace, laptop" in listed
    assert made["secret"] not in listed
    [row] = json.loads(succeed(database, "operator-keys", "list", "--json").output)
    assert row["operator_key_id"] == made["operator_key_id"]
    assert "refused from now on" in succeed(database, "operator-keys", "revoke", row["operator_key_id"]).output
    assert not finds()
    assert "nothing left" in succeed(database, "operator-keys", "revoke", row["operator_key_id"]).output
