"""Citizens, with or without a person behind the card."""

import datetime

import pytest
from sqlalchemy import text

from rewards.cards import get_card, register_cards
from rewards.citizens import BadgeTakenError, EmailTakenError, find_citizen_by_email, pair_badge, register_citizen
from tests.databases import Database
from tests.factories import build_town, deposit


@pytest.fixture
def connection(database: Database):
    with database.engine().connect() as connection:
        yield connection


@pytest.fixture
def town(connection, keyring):
    return build_town(connection, keyring)


def count_rows(connection):
    return [
        connection.scalar(text(f"SELECT count(*) FROM {table}"))
        for table in ("citizens", "wallets", "badges", "contacts")
    ]


def test_card_without_a_person_earns_points(connection, keyring, town, now):
    register_citizen(connection, keyring, authority_id=town.authority_id, badges=["04A2B9C1"], now=now)
    assert deposit(connection, town, badge="04A2B9C1", items=2, now=now).points == 2
    assert count_rows(connection) == [1, 1, 1, 0]


def test_address_is_found_however_it_is_written_and_in_its_authority_alone(connection, keyring, town, now):
    other = build_town(connection, keyring, authority_id=8, slug="other")
    tenant = {"authority_id": town.authority_id}
    citizen = register_citizen(connection, keyring, **tenant, email=" Ada@Example.org", now=now)
    assert find_citizen_by_email(connection, keyring, **tenant, email="ADA@example.org") == citizen.citizen_id
    assert find_citizen_by_email(connection, keyring, authority_id=other.authority_id, email="ada@example.org") is None


def test_badge_and_address_of_another_citizen_are_refused(connection, keyring, town, now):
    tenant = {"authority_id": town.authority_id}
    register_citizen(connection, keyring, **tenant, badges=["A"], email="ada@example.org", now=now)
    before = count_rows(connection)
    for refusal, code, facts in (
        (BadgeTakenError, "badge_taken", {"badges": ["A"]}),
        (EmailTakenError, "email_taken", {"email": "ada@example.org"}),
    ):
        savepoint = connection.begin_nested()
        with pytest.raises(refusal) as caught:
            register_citizen(connection, keyring, **tenant, **facts, now=now)
        savepoint.rollback()
        assert caught.value.code == code
    assert count_rows(connection) == before


def test_pairing_the_same_badge_again_changes_nothing(connection, keyring, town, now):
    tenant = {"authority_id": town.authority_id}
    citizen = register_citizen(connection, keyring, **tenant, badges=["A"], now=now)
    pair_badge(connection, keyring, **tenant, citizen_id=citizen.citizen_id, badge="A", now=now)
    assert count_rows(connection) == [1, 1, 1, 0]


def test_a_box_of_cards_is_registered_at_once_and_each_earns_for_itself(connection, keyring, town, now):
    tenant = {"authority_id": town.authority_id}
    handed_out = {f"CARD-{number}": now - datetime.timedelta(days=number) for number in range(3)}
    citizens = register_cards(connection, keyring, handed_out, **tenant)
    assert count_rows(connection) == [3, 3, 3, 0]
    for badge, citizen in citizens.items():
        assert get_card(connection, keyring, **tenant, badge=badge).citizen == citizen
    assert deposit(connection, town, badge="CARD-1", items=2, now=now).points == 2
    paired = connection.execute(text("SELECT paired_at FROM badges ORDER BY paired_at DESC")).scalars().all()
    assert paired == list(handed_out.values())
    assert register_cards(connection, keyring, {}, **tenant) == {}


def test_a_box_with_a_card_that_is_taken_is_refused_whole(connection, keyring, town, now):
    tenant = {"authority_id": town.authority_id}
    register_citizen(connection, keyring, **tenant, badges=["CARD-1"], now=now)
    before = count_rows(connection)
    with pytest.raises(BadgeTakenError), connection.begin_nested():
        register_cards(connection, keyring, {"CARD-0": now, "CARD-1": now}, **tenant)
    assert count_rows(connection) == before
