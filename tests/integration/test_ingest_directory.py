"""What the ingest remembers of authorities and bins, and how soon it notices that something has changed."""

import datetime

import pytest
from sqlalchemy import text

import ingest.directory
from ingest.directory import REMEMBERED_S, Directory
from ingest.topics import UpTopic
from rewards.bins import NewBin, add_bins, revoke_bin
from rewards.keyring import Keyring
from tests.databases import Database
from tests.factories import START, Town, build_town


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


@pytest.fixture
def directory(database: Database) -> Directory:
    return Directory(database.engine("bontri_ingest"))


def topic_of(town: Town, bin_id: str | None = None, *, authority: str | None = None) -> UpTopic:
    return UpTopic(authority or town.slug, bin_id or town.bin_ids[0], "events")


def state_at(directory: Directory, topic: UpTopic, second: float) -> str | None:
    """Return the state of a bin as a batch at this second sees it."""
    directory.load([topic], monotonic_s=second)
    known = directory.find_bin(topic)
    return known.state if known else None


def test_a_bin_is_known_with_its_rules_keys_and_places(directory: Directory, town: Town) -> None:
    topic = topic_of(town)
    directory.load([topic, None], monotonic_s=0)
    rules, known = directory.find_rules(topic), directory.find_bin(topic)
    assert rules is not None
    assert known is not None
    assert (rules.authority_id, rules.slug) == (town.authority_id, town.slug)
    assert (known.bin_id, known.state, known.key_states) == (town.bin_ids[0], "live", {1: "valid"})
    assert [placed_at for placed_at, _, _ in known.placements] == [START]


def test_a_revocation_takes_effect_within_a_second(directory: Directory, town: Town, database: Database) -> None:
    topic = topic_of(town)
    assert state_at(directory, topic, 0) == "live"
    with database.engine().begin() as connection:
        assert revoke_bin(connection, town.bin_ids[0], authority_id=town.authority_id)
    assert state_at(directory, topic, REMEMBERED_S + 0.001) == "revoked"


def test_a_bin_provisioned_after_it_was_heard_is_known_within_a_second(
    directory: Directory, town: Town, database: Database
) -> None:
    topic = topic_of(town, "NEW-00001")
    assert state_at(directory, topic, 0) is None
    with database.engine().begin() as connection:
        site_id = connection.scalar(text("SELECT site_id FROM sites LIMIT 1"))
        add_bins(connection, [NewBin("NEW-00001", site_id, START)], authority_id=town.authority_id, now=START)
    assert state_at(directory, topic, REMEMBERED_S + 0.001) == "live"


def test_an_authority_created_after_it_was_heard_is_known_within_a_second(
    directory: Directory, town: Town, database: Database, keyring: Keyring
) -> None:
    topic = topic_of(town, "BIN-0008-A", authority="grand-lyon")
    assert state_at(directory, topic, 0) is None
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=8, slug="grand-lyon")
    assert state_at(directory, topic, REMEMBERED_S + 0.001) == "live"


def test_a_bin_of_one_authority_is_a_stranger_in_another(
    directory: Directory, town: Town, database: Database, keyring: Keyring
) -> None:
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=8, slug="grand-lyon")
    assert state_at(directory, topic_of(town, authority="grand-lyon"), 0) is None


def test_a_flood_of_strangers_does_not_make_a_known_bin_a_stranger(
    directory: Directory, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.directory, "MOST_REMEMBERED", 20)
    topic = topic_of(town)
    assert state_at(directory, topic, 0) == "live"
    for flood in range(3):
        strangers = [topic_of(town, f"STRANGER-{flood}-{number}") for number in range(20)]
        elsewhere = [topic_of(town, authority=f"nowhere-{flood}-{number}") for number in range(20)]
        # What this batch still remembers freshly must not be forgotten to make room for what it asks about.
        directory.load([*strangers, topic, *elsewhere], monotonic_s=0.01 * flood)
        assert directory.find_bin(topic) is not None
        assert directory.find_rules(topic) is not None
    directory.load([topic], monotonic_s=0.1)
    assert len(directory._bins) + len(directory._rules) <= 20


def test_what_is_remembered_is_not_asked_again(directory: Directory, town: Town, database: Database) -> None:
    topic = topic_of(town)
    assert state_at(directory, topic, 0) == "live"
    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE authorities RENAME TO gone"))
    assert state_at(directory, topic, REMEMBERED_S / 2) == "live"


def test_only_a_change_of_the_fleet_has_its_bins_read_again(
    directory: Directory, town: Town, database: Database, now: datetime.datetime
) -> None:
    topic = topic_of(town)
    assert state_at(directory, topic, 0) == "live"
    first = directory.find_bin(topic)
    assert state_at(directory, topic, 10) == "live"
    assert directory.find_bin(topic) is first
    with database.engine().begin() as connection:
        site_id = connection.scalar(text("SELECT site_id FROM sites LIMIT 1"))
        add_bins(connection, [NewBin("NEW-00001", site_id, START)], authority_id=town.authority_id, now=now)
    assert state_at(directory, topic, 20) == "live"
    assert directory.find_bin(topic) is not first
