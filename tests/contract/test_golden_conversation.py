"""The conversation of docs/golden-messages.json through the whole pipeline on a real database, receipt for receipt."""

import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from ingest.messages import Message, Outgoing
from ingest.pipeline import Pipeline
from rewards.bins import NewBin, add_bins
from rewards.citizens import register_citizen
from rewards.keyring import Keyring
from rewards.tariffs import add_tariff
from rewards.territory import NewSite, add_commune, add_materials, add_sites, create_authority
from tests.contract.golden import AUTHORITY, BIN, BY_NAME, DOCUMENT
from tests.databases import Database
from tests.factories import START
from tests.speaker import tell

TENANT = {"authority_id": 7}
KEYRING = Keyring(master_key=bytes.fromhex(DOCUMENT["master_key"]), badge_pepper=b"p" * 32, storage_key=b"s" * 32)

LEAVE = text(
    "UPDATE placements SET removed_at = '2026-06-01T00:00:00Z' WHERE authority_id = :authority_id AND bin_id = :bin_id"
)
RETURN = text(
    "INSERT INTO placements (authority_id, placement_id, bin_id, site_id, placed_at)"
    " VALUES (:authority_id, :placement_id, :bin_id, :site_id, '2026-07-01T00:00:00Z')"
)
ADD_KEY = text(
    "INSERT INTO bin_keys (authority_id, bin_id, key_number, state, created_at)"
    " VALUES (:authority_id, :bin_id, 2, 'valid', :now)"
)


def build_world(connection: Connection) -> None:
    """Build what the file says of the world."""
    create_authority(connection, **TENANT, slug=AUTHORITY, name="Golden", timezone="Europe/Paris", now=START)
    add_commune(connection, **TENANT, insee_code="93066", name="Saint-Denis", population=100_000, population_year=2023)
    add_materials(connection, {"glass": 300, "plastic": None}, **TENANT)
    sites = add_sites(connection, [NewSite("A", "93066", "1 rue A", 48.93, 2.35)], **TENANT)
    add_bins(connection, [NewBin(BIN, sites["A"], START)], **TENANT, now=START)
    bin_id = {**TENANT, "bin_id": BIN}
    connection.execute(LEAVE, bin_id)
    connection.execute(RETURN, {**bin_id, "placement_id": UUID(int=1), "site_id": sites["A"]})
    connection.execute(ADD_KEY, {**bin_id, "now": START})
    lines = {"glass": ("item", 1), "plastic": ("kilogram", 10)}
    add_tariff(connection, **TENANT, name="2026", valid_from=START, lines=lines, day_cap_points=5)
    register_citizen(connection, KEYRING, **TENANT, badges=[DOCUMENT["badge"]], email=None, now=START)


def say(pipeline: Pipeline, name: str, received_at: str) -> list[Outgoing]:
    """Let the pipeline process one golden message at its time; return what it answers."""
    golden, now = BY_NAME[name], datetime.datetime.fromisoformat(received_at)
    return tell(pipeline, [Message(golden.topic, golden.payload, now)], now=now)


def test_every_message_is_answered_with_the_receipt_of_the_file_byte_for_byte(database: Database):
    with database.engine("owner").begin() as connection:
        build_world(connection)
    pipeline = Pipeline(database.engine("bontri_ingest"), KEYRING)
    answered = 0
    for step in DOCUMENT["conversation"]["steps"]:
        said = say(pipeline, step["up"], step["received_at"])
        expected = [(BY_NAME[name].topic, BY_NAME[name].payload) for name in step["down"]]
        answers = [(sent.topic, sent.payload) for sent in said]
        assert answers == expected, step["up"]
        answered += len(answers)
    assert answered == 6


def test_without_the_citizen_of_the_world_the_receipts_are_others(database: Database):
    """Control: the receipts come from the database, not from the file."""
    with database.engine("owner").begin() as connection:
        build_world(connection)
        connection.execute(text("DELETE FROM badges WHERE authority_id = 7"))
    pipeline = Pipeline(database.engine("bontri_ingest"), KEYRING)
    answers = []
    for step in DOCUMENT["conversation"]["steps"][:4]:
        answers += say(pipeline, step["up"], step["received_at"])
    assert b'"state":"counted"' in answers[-1].payload
    assert answers[-1].payload != BY_NAME["receipt of the deposit under a free clock"].payload
