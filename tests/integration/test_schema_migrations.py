"""The migrated database is what the models say, and what may not be done in it cannot be done."""

import datetime
from collections.abc import Iterator
from importlib.resources import files

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from rewards.database import DatabaseRole, migrate
from rewards.errors import violates
from rewards.keyring import Keyring
from rewards.schema.whole import Base
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit

INSUFFICIENT_PRIVILEGE = "42501"
APPEND_ONLY = (
    "events",
    "transfers",
    "capped_deposits",
    "redemption_attempts",
    "quarantined_events",
    "settlement_lines",
    "bin_calibrations",
)
ROLES: tuple[DatabaseRole, ...] = ("bontri_ingest", "bontri_api", "bontri_reader")


@pytest.fixture
def town(database: Database, keyring: Keyring, now: datetime.datetime) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        build_citizen(connection, town, badge="BADGE", email="a@example.org")
        deposit(connection, town, badge="BADGE", items=5, now=now)
    return town


@pytest.fixture
def connection(database: Database, town: Town) -> Iterator[Connection]:
    with database.engine().connect() as connection:
        yield connection


def list_differences(connection: Connection) -> list[object]:
    """List what ``alembic check`` would: types and server defaults are compared too."""
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def list_checks(connection: Connection) -> dict[str, set[str]]:
    """List the names of CHECK and exclusion constraints by table; autogenerate does not look at them."""
    rows = connection.execute(
        text(
            "SELECT c.relname, n.conname FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid"
            " WHERE n.contype IN ('c', 'x') AND c.relnamespace = 'public'::regnamespace"
        )
    )
    checks: dict[str, set[str]] = {name: set() for name in Base.metadata.tables}
    for row in rows:
        checks[row.relname].add(row.conname)
    return checks


def wanted_checks() -> dict[str, set[str]]:
    return {
        name: {
            str(constraint.name)
            for constraint in table.constraints
            if type(constraint).__name__ in ("CheckConstraint", "ExcludeConstraint")
        }
        for name, table in Base.metadata.tables.items()
    }


def test_models_and_migrations_describe_the_same_database(connection: Connection) -> None:
    assert list_differences(connection) == []
    assert list_checks(connection) == wanted_checks()


def test_control_a_column_nobody_migrated_is_a_difference(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE shops ADD COLUMN forgotten text"))
    connection.execute(text("ALTER TABLE accounts DROP CONSTRAINT ck_accounts_no_overdraft"))
    assert len(list_differences(connection)) == 1
    assert list_checks(connection) != wanted_checks()


def test_going_down_and_up_again_leads_to_the_same_database(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    with database.engine().connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        migrate(connection)
        migrate(connection)
        assert list_differences(connection) == []
        assert list_checks(connection) == wanted_checks()
    with database.engine("bontri_ingest").connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM events")) == 0


def test_a_database_with_reviews_does_not_go_back_to_where_they_are_unknown(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    with database.engine().connect() as connection:
        connection.execute(
            text(
                "INSERT INTO reviews (authority_id, transfer_id, rule, due_at)"
                " VALUES (7, '00000000-0000-7000-8000-000000000001', 'large_deposit', '2026-11-28')"
            )
        )
        config.attributes["connection"] = connection
        with pytest.raises(RuntimeError, match="cannot go back before 0014"):
            command.downgrade(config, "0013")


OLD_TOWN = """
    INSERT INTO authorities (authority_id, slug, name, timezone, created_at)
    VALUES (7, 'val', 'Val', 'Europe/Paris', '2026-01-01');
    INSERT INTO communes VALUES (7, '13001', 'Val', 9000, 2021);
    INSERT INTO accounts (authority_id, account_id, kind, expires_on, created_at)
    VALUES (7, '00000000-0000-7000-8000-000000000001', 'issuing', NULL, '2026-01-01'),
           (7, '00000000-0000-7000-8000-000000000002', 'lot', '2028-12-01', '2026-01-01'),
           (7, '00000000-0000-7000-8000-000000000003', 'shop', NULL, '2026-01-01');
    INSERT INTO wallets VALUES (7, '00000000-0000-7000-8000-000000000004', '2026-01-01');
    INSERT INTO citizens (authority_id, citizen_id, wallet_id, state, created_at)
    VALUES (7, '00000000-0000-7000-8000-000000000005', '00000000-0000-7000-8000-000000000004', 'active', '2026-01-01');
    INSERT INTO wallet_accounts
    VALUES (7, '00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000004', '2026-11-01');
    INSERT INTO transfers (authority_id, transfer_id, phase, debit_account_id, credit_account_id, points, recorded_at,
                           journal_no, seq)
    VALUES (7, '00000000-0000-7000-8000-000000000006', 'single', '00000000-0000-7000-8000-000000000001',
            '00000000-0000-7000-8000-000000000002', 12, '2026-11-20 23:30+00', 1, 1);
    INSERT INTO shops VALUES (7, '00000000-0000-7000-8000-000000000007', '00000000-0000-7000-8000-000000000003',
                              'Bakery', '', '13001', 'active', '2026-01-01');
    INSERT INTO offers (authority_id, offer_id, shop_id, title, price_points, value_cents, voucher_valid_days, state)
    VALUES (7, '00000000-0000-7000-8000-000000000008', '00000000-0000-7000-8000-000000000007', 'A loaf', 10, 120, 30,
            'published');
    INSERT INTO vouchers (authority_id, voucher_id, offer_id, shop_id, price_points, value_cents, status, code_digest,
                          issued_at, expires_at, ended_at, redemption_key)
    VALUES (7, '00000000-0000-7000-8000-000000000009', '00000000-0000-7000-8000-000000000008',
            '00000000-0000-7000-8000-000000000007', 10, 120, 'redeemed', 'x', '2026-11-21', '2026-12-21', '2026-11-22',
            'k')
"""
"""A town as it was before points expired, campaigns ran and offers had funders."""


def test_a_town_of_an_earlier_version_is_taken_along(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    with database.engine().connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
        connection.execute(text(OLD_TOWN))
        connection.commit()
        command.upgrade(config, "head")
        connection.commit()
        told = {
            name: connection.execute(text(query)).all()
            for name, query in {
                "own accounts": "SELECT kind FROM authority_accounts ORDER BY kind",
                "first credit": "SELECT CAST(first_credited_on AS text) FROM citizens",
                "redeemed by": "SELECT redeemed_by_shop_id = shop_id FROM vouchers",
                "funders": "SELECT f.name FROM offers JOIN funders f USING (authority_id, funder_id)",
            }.items()
        }
    assert told == {
        "own accounts": [("bonus",), ("expired",), ("forfeited",), ("loss",), ("network",), ("settled",)],
        "first credit": [("2026-11-21",)],
        "redeemed by": [(True,)],
        "funders": [("Val",)],
    }


@pytest.mark.usefixtures("town")
def test_an_offer_paused_before_it_was_noted_by_whom_is_the_authoritys_to_resume(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    with database.engine().connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0024")
        connection.execute(text("UPDATE offers SET state = 'paused'"))
        connection.commit()
        command.upgrade(config, "head")
        connection.commit()
        assert connection.execute(text("SELECT state, paused_by FROM offers")).all() == [("paused", "authority")]


def test_no_table_has_a_trigger_a_sequence_or_a_rule(connection: Connection) -> None:
    queries = {
        "triggers": "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
        "sequences": "SELECT count(*) FROM pg_class WHERE relkind = 'S'",
        "rules": "SELECT count(*) FROM pg_rules WHERE schemaname = 'public'",
    }
    assert {name: connection.scalar(text(query)) for name, query in queries.items()} == dict.fromkeys(queries, 0)


def assert_forbidden(database: Database, role: DatabaseRole, statement: str) -> None:
    with database.engine(role).connect() as connection, pytest.raises(ProgrammingError) as refusal:
        connection.execute(text(statement))
    assert refusal.value.orig.sqlstate == INSUFFICIENT_PRIVILEGE, refusal.value.orig


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("role", ROLES)
def test_nobody_at_work_can_change_or_delete_what_is_append_only(database: Database, role: DatabaseRole) -> None:
    for table in APPEND_ONLY:
        assert_forbidden(database, role, f"UPDATE {table} SET authority_id = authority_id")
        assert_forbidden(database, role, f"DELETE FROM {table}")
        assert_forbidden(database, role, f"TRUNCATE {table}")
    with database.engine().connect() as connection:
        assert connection.scalar(text("SELECT sum(points) FROM transfers")) == 5


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("role", ROLES)
def test_nobody_at_work_can_delete_anything_at_all(database: Database, role: DatabaseRole) -> None:
    for table in Base.metadata.tables:
        assert_forbidden(database, role, f"DELETE FROM {table}")


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("table", ["contacts", "sessions", "sign_in_codes", "api_keys", "vouchers", "wallets"])
def test_the_ingest_cannot_read_who_somebody_is_nor_what_lets_them_in(database: Database, table: str) -> None:
    assert_forbidden(database, "bontri_ingest", f"SELECT * FROM {table}")


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("table", ["contacts", "badges", "sessions", "sign_in_codes", "api_keys"])
def test_a_reader_of_figures_cannot_read_addresses_badges_or_secrets(database: Database, table: str) -> None:
    assert_forbidden(database, "bontri_reader", f"SELECT * FROM {table}")


@pytest.mark.usefixtures("town")
def test_the_api_can_neither_read_badges_nor_write_events_or_accounts(database: Database) -> None:
    assert_forbidden(database, "bontri_api", "SELECT * FROM badges")
    assert_forbidden(database, "bontri_api", "INSERT INTO events SELECT * FROM events")
    assert_forbidden(database, "bontri_api", "INSERT INTO accounts SELECT * FROM accounts")
    assert_forbidden(database, "bontri_api", "UPDATE accounts SET kind = 'issuing'")
    assert_forbidden(database, "bontri_api", "UPDATE vouchers SET price_points = 1")


@pytest.mark.usefixtures("town")
def test_the_api_and_the_counter_learn_whose_a_card_is_and_no_more(database: Database) -> None:
    for role in ("bontri_api", "bontri_operator"):
        with database.engine(role).connect() as connection:
            found = (
                "SELECT citizen_id FROM badges WHERE authority_id = 7 AND badge_digest = '\\x00' AND state = 'active'"
            )
            assert connection.execute(text(found)).all() == []
        assert_forbidden(database, role, "SELECT pepper_no FROM badges")
        assert_forbidden(database, role, "UPDATE badges SET badge_digest = ''")
        assert_forbidden(database, role, "UPDATE wallet_changes SET points = 0")
    assert_forbidden(database, "bontri_operator", "SELECT card_id, label_encrypted FROM badges")
    assert_forbidden(database, "bontri_api", "INSERT INTO accounts (authority_id, credits_posted) VALUES (7, 10)")
    assert_forbidden(database, "bontri_operator", "SELECT email_encrypted FROM contacts")


@pytest.mark.usefixtures("town")
def test_the_ingest_can_only_move_the_counters_of_accounts(database: Database) -> None:
    for column, value in (("kind", "'issuing'"), ("expires_on", "NULL"), ("account_id", "account_id")):
        assert_forbidden(database, "bontri_ingest", f"UPDATE accounts SET {column} = {value}")
    assert_forbidden(database, "bontri_ingest", "UPDATE bins SET state = 'live'")
    assert_forbidden(database, "bontri_ingest", "UPDATE quarantined_messages SET payload_encrypted = ''")
    assert_forbidden(database, "bontri_ingest", "UPDATE tariff_lines SET points = 100")


def test_an_overdraft_is_refused_whatever_the_code_does(connection: Connection) -> None:
    for counter in ("debits_posted", "debits_pending"):
        with pytest.raises(IntegrityError) as refusal, connection.begin_nested():
            connection.execute(text(f"UPDATE accounts SET {counter} = 6 WHERE kind = 'lot'"))
        assert violates(refusal.value, "ck_accounts_no_overdraft")
    with pytest.raises(IntegrityError) as refusal, connection.begin_nested():
        connection.execute(text("UPDATE accounts SET debits_posted = 3, debits_pending = 3 WHERE kind = 'lot'"))
    assert violates(refusal.value, "ck_accounts_no_overdraft")
    connection.execute(text("UPDATE accounts SET debits_posted = 3, debits_pending = 2 WHERE kind = 'lot'"))


def test_control_without_the_check_an_overdraft_goes_through(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE accounts DROP CONSTRAINT ck_accounts_no_overdraft"))
    assert connection.execute(text("UPDATE accounts SET debits_posted = 6 WHERE kind = 'lot'")).rowcount == 1


def place(connection: Connection, placed_at: str, removed_at: str | None) -> None:
    """Place the town's first bin once more, at the other site."""
    connection.execute(
        text(
            "INSERT INTO placements SELECT authority_id, gen_random_uuid(), bin_id,"
            " (SELECT site_id FROM sites WHERE reference = 'B'), :placed_at, :removed_at"
            " FROM bins ORDER BY bin_id LIMIT 1"
        ),
        {"placed_at": placed_at, "removed_at": removed_at},
    )


@pytest.mark.parametrize(
    ("placed_at", "removed_at"),
    [
        ("2026-02-01", None),
        ("2026-02-01", "2026-03-01"),
        ("2025-12-01", "2026-01-01 00:00:01+00"),
        ("2025-12-01", None),
        ("2026-01-01 00:00:00+00", None),
    ],
)
def test_a_bin_cannot_stand_at_two_places_at_once(
    connection: Connection, placed_at: str, removed_at: str | None
) -> None:
    with pytest.raises(IntegrityError) as refusal:
        place(connection, placed_at, removed_at)
    assert violates(refusal.value, "ex_placements_one_at_a_time")


def test_a_bin_can_move_on_the_instant(connection: Connection) -> None:
    connection.execute(text("UPDATE placements SET removed_at = '2026-06-01 00:00:00+00'"))
    place(connection, "2026-06-01 00:00:00+00", None)
    place(connection, "2025-06-01 00:00:00+00", "2026-01-01 00:00:00+00")


def test_a_placement_cannot_end_before_it_begins(connection: Connection) -> None:
    with pytest.raises(DBAPIError) as refusal:
        place(connection, "2025-06-01", "2025-05-01")
    assert refusal.value.orig.sqlstate in ("22000", "23514")


def test_a_deposit_can_be_credited_once_and_a_pending_transfer_ended_once(connection: Connection) -> None:
    again = "INSERT INTO transfers SELECT authority_id, gen_random_uuid(), phase, debit_account_id, credit_account_id,"
    with pytest.raises(IntegrityError) as refusal, connection.begin_nested():
        connection.execute(
            text(f"{again} points, pending_id, recorded_at, journal_no, seq, tariff_line_id FROM transfers")
        )
    assert violates(refusal.value, "uq_transfers_event")
    ending = text(
        "INSERT INTO transfers (authority_id, transfer_id, phase, debit_account_id, credit_account_id, points,"
        " pending_id, recorded_at, reason) SELECT authority_id, gen_random_uuid(), 'void', debit_account_id,"
        " credit_account_id, points, transfer_id, recorded_at, 'adjustment' FROM transfers WHERE pending_id IS NULL"
    )
    connection.execute(ending)
    with pytest.raises(IntegrityError) as refusal, connection.begin_nested():
        connection.execute(ending)
    assert violates(refusal.value, "uq_transfers_pending")
