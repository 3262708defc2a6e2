"""The second belt: a statement of the API that forgets the tenant finds and changes one authority's rows alone.

Two towns with the same things in them; every refusal has a control in which the policy is gone.
"""

import contextlib
import datetime
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from bontri.jobs.expiring import expire_vouchers_of, for_all
from migrations.tenancy import IS_OWN
from partners_api.app import ApiConfig, create_app
from rewards.access import find_principal
from rewards.database import migrate, open_engine
from rewards.keyring import Keyring
from rewards.tenancy import enter_tenant
from tests.api_client import Api, start_api
from tests.databases import Database, DatabasePool
from tests.ingest_scene import scalar

SEEN_BY_ALL = ("authorities",)
"""Names, by which a request finds its tenant; nothing of anybody's."""

POLICY_VIOLATED = "42501"
OURS, THEIRS = 1, 2
NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)

LIST_TENANT_TABLES = text("""
    SELECT c.relname AS name, c.relrowsecurity AS is_on,
           ARRAY(SELECT concat_ws(' ', p.policyname, p.permissive, p.cmd, p.roles, p.qual) FROM pg_policies p
                  WHERE p.schemaname = 'public' AND p.tablename = c.relname ORDER BY p.policyname) AS policies
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'authority_id' AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
     ORDER BY c.relname
""")
LIST_READABLE = text("""
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'authority_id'
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
       AND has_column_privilege('bontri_api', c.oid, a.attnum, 'SELECT')
     ORDER BY c.relname
""")


class Two:
    """Two towns in one database, and what the API's role can do there."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self.database, self.keyring = database, keyring
        self.ours, self.theirs = (start_api(database, keyring, NOW, town_no=town_no) for town_no in (OURS, THEIRS))
        self.voucher_ids = {}
        for town in (self.ours, self.theirs):
            town.earn(30)
            self.voucher_ids[town.town.authority_id] = town.buy()["voucher_id"]
            town.call("shop", "POST", "/shop/redemptions", key="k", json={"code": "unknown"})

    @property
    def owner(self) -> Engine:
        return self.database.engine()

    def forgetting(self, statement: str, *, of: int | None = OURS, **values: Any) -> Any:
        """Execute a statement that names no authority as the API's role, and roll it back."""
        with self.database.engine("bontri_api", of=of).connect() as connection:
            return connection.execute(text(statement), values)

    def api_of_one_connection(self) -> tuple[Engine, Api, Api]:
        """Return both towns' APIs over one pool that holds a single connection."""
        engine = open_engine(self.database.url, role="bontri_api", pool_size=1)
        app = create_app(
            ApiConfig(),
            engine=engine,
            agents_engine=engine,
            keyring=self.keyring,
            send_codes=lambda _: None,
            render_statement=statement_as_pdf,
            render_annual_report=annual_report_as_pdf,
            render_public_report=public_report_as_pdf,
            clock=lambda: NOW,
        )
        return engine, *(
            Api(app, self.owner, each.town, each.citizen, each.tokens, each.sent, NOW)
            for each in (self.ours, self.theirs)
        )


@pytest.fixture(scope="module")
def two(databases: DatabasePool) -> Iterator[Two]:
    keyring = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    with databases.lend() as database:
        yield Two(database, keyring)


@contextlib.contextmanager
def without_policies(connection: Connection, *tables: str) -> Iterator[None]:
    """The belt taken off, until the transaction is rolled back."""
    for table in tables:
        connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
    connection.execute(text("SET LOCAL ROLE bontri_api"))
    enter_tenant(connection, authority_id=OURS)
    yield
    connection.execute(text("RESET ROLE"))


def list_unprotected(connection: Connection) -> list[str]:
    """List the lines that a migration still needs."""
    wanted = [
        "every_authority PERMISSIVE ALL {public} true",
        f"own_authority RESTRICTIVE ALL {{bontri_api}} {IS_OWN}",
    ]
    return [
        f'protect_tenants("{table.name}")'
        for table in connection.execute(LIST_TENANT_TABLES)
        if table.name not in SEEN_BY_ALL
        and not (table.is_on and list(map(bare, table.policies)) == list(map(bare, wanted)))
    ]


def bare(policy: str) -> str:
    """Return a policy without what PostgreSQL adds when it shows one: brackets and casts."""
    return re.sub(r"::text|[()]", "", policy)


def test_no_table_of_a_tenant_is_without_its_policy(two: Two) -> None:
    with two.owner.connect() as connection:
        assert list_unprotected(connection) == [], "lines for the migration that makes these tables"


def test_control_a_table_nobody_protected_is_found(two: Two) -> None:
    with two.owner.connect() as connection:
        connection.execute(text("CREATE TABLE stickers (authority_id integer PRIMARY KEY)"))
        connection.execute(text("ALTER TABLE sessions DISABLE ROW LEVEL SECURITY"))
        connection.execute(text("ALTER POLICY own_authority ON vouchers USING (true)"))
        connection.execute(text("DROP POLICY own_authority ON citizens"))
        assert list_unprotected(connection) == [
            f'protect_tenants("{table}")' for table in ("citizens", "sessions", "stickers", "vouchers")
        ]


def test_a_query_that_forgets_the_tenant_finds_own_rows_alone(two: Two) -> None:
    with two.owner.connect() as connection:
        tables = [name for name in connection.scalars(LIST_READABLE) if name not in SEEN_BY_ALL]
        theirs = [
            table
            for table in tables
            if connection.scalar(text(f"SELECT count(*) FROM {table} WHERE authority_id = {THEIRS}"))
        ]
        # Tokens, keys and codes, points, vouchers, addresses: there is something to be found.
        assert {
            "sessions",
            "api_keys",
            "sign_in_codes",
            "contacts",
            "wallets",
            "accounts",
            "transfers",
            "vouchers",
        } <= {*theirs}
        for table in tables:
            found = two.forgetting(f"SELECT DISTINCT authority_id FROM {table}").scalars().all()
            assert set(found) <= {OURS}, table
        with without_policies(connection, *theirs):
            for table in theirs:
                seen = connection.scalars(text(f"SELECT DISTINCT authority_id FROM {table}")).all()
                assert THEIRS in seen, f"control: without the policy {table} shows the neighbours"


def test_a_join_that_forgets_the_tenant_does_not_meet_the_neighbours(two: Two) -> None:
    joined = "SELECT count(*) FROM sessions s JOIN citizens c ON true JOIN wallets w ON true"
    assert two.forgetting(joined).scalar() == 1
    with two.owner.connect() as connection, without_policies(connection, "sessions", "citizens", "wallets"):
        assert connection.scalar(text(joined)) == 8


def test_a_connection_of_no_authority_sees_and_changes_nothing(two: Two) -> None:
    with two.owner.connect() as connection:
        tables = [name for name in connection.scalars(LIST_READABLE) if name not in SEEN_BY_ALL]
    for table in tables:
        assert two.forgetting(f"SELECT count(*) FROM {table}", of=None).scalar() == 0, table
    assert two.forgetting("UPDATE vouchers SET status = 'cancelled', ended_at = now()", of=None).rowcount == 0
    assert two.forgetting("SELECT count(*) FROM authorities", of=None).scalar() == 2


CHANGES = {
    "sessions": "UPDATE sessions SET revoked_at = '2026-11-21'",
    "accounts": "UPDATE accounts SET debits_posted = debits_posted",
    "vouchers": "UPDATE vouchers SET status = 'cancelled', ended_at = '2026-11-21' WHERE status = 'issued'",
    "authorities": "UPDATE authorities SET points_expired_on = '2026-11-21'",
}


@pytest.mark.parametrize("table", CHANGES)
def test_a_change_that_forgets_the_tenant_stays_at_home(two: Two, table: str) -> None:
    found = f"SELECT count(*) FROM {table} WHERE authority_id = {{}}"
    if table == "vouchers":
        found += " AND status = 'issued'"
    with two.owner.connect() as connection:
        ours, theirs = (connection.scalar(text(found.format(authority_id))) for authority_id in (OURS, THEIRS))
        assert two.forgetting(CHANGES[table]).rowcount == ours > 0
        with without_policies(connection, table):
            assert connection.execute(text(CHANGES[table])).rowcount == ours + theirs


INSERT = """
    INSERT INTO idempotent_requests (authority_id, principal_id, idempotency_key, request_digest, answer, created_at)
    VALUES (:authority_id, gen_random_uuid(), 'k', '', '{}', '2026-11-21')
"""


def test_a_row_for_another_authority_is_refused(two: Two) -> None:
    assert two.forgetting(INSERT, authority_id=OURS).rowcount == 1
    for of in (OURS, None):
        with pytest.raises(DBAPIError) as refusal:
            two.forgetting(INSERT, of=of, authority_id=THEIRS)
        assert refusal.value.orig.sqlstate == POLICY_VIOLATED
    assert scalar(two.database, f"SELECT count(*) FROM idempotent_requests WHERE authority_id = {THEIRS}") == 1
    with two.owner.connect() as connection, without_policies(connection, "idempotent_requests"):
        assert connection.execute(text(INSERT), {"authority_id": THEIRS}).rowcount == 1


def test_a_row_cannot_be_given_to_another_authority(two: Two) -> None:
    given = f"UPDATE sessions SET authority_id = {THEIRS}, citizen_id = '{two.theirs.citizen.citizen_id}'"
    with two.owner.connect() as connection:
        connection.execute(text("GRANT UPDATE ON sessions TO bontri_api"))
        with without_policies(connection, "sessions"):
            assert connection.execute(text(f"{given} WHERE authority_id = {OURS}")).rowcount == 1, "control"
        connection.rollback()
        connection.execute(text("GRANT UPDATE ON sessions TO bontri_api"))
        connection.execute(text("SET LOCAL ROLE bontri_api"))
        enter_tenant(connection, authority_id=OURS)
        with pytest.raises(DBAPIError) as refusal:
            connection.execute(text(given))
        assert refusal.value.orig.sqlstate == POLICY_VIOLATED
        assert "row-level security" in str(refusal.value.orig)


@pytest.mark.parametrize("role", ["bontri_ingest", "bontri_operator", "bontri_reader"])
def test_worker_operators_and_readers_work_on_all_authorities(two: Two, role: Any) -> None:
    with two.database.engine(role, of=OURS).connect() as connection:
        assert set(connection.scalars(text("SELECT authority_id FROM citizens"))) == {OURS, THEIRS}


def test_the_owner_works_on_all_authorities_whatever_roles_it_is_in(two: Two) -> None:
    roles = "bontri_ingest, bontri_api, bontri_reader, bontri_privacy, bontri_operator"
    name = f"bontri_owner_{two.database.url[-12:]}"
    with two.owner.connect() as connection:
        # As docs/operators.md has it made: no superuser, and a member of every role, the API's among them.
        connection.execute(text(f"CREATE ROLE {name} LOGIN IN ROLE {roles}"))
        connection.execute(text(f"ALTER TABLE sessions OWNER TO {name}"))
        connection.execute(text(f"ALTER TABLE citizens OWNER TO {name}"))
        connection.execute(text(f"SET LOCAL ROLE {name}"))
        assert connection.scalar(text("SELECT count(DISTINCT authority_id) FROM sessions")) == 2
        connection.execute(text("SET LOCAL ROLE bontri_privacy"))
        assert connection.scalar(text("SELECT count(DISTINCT authority_id) FROM contacts")) == 2


def test_jobs_of_the_api_s_role_work_through_all_authorities_one_by_one(two: Two) -> None:
    engine = two.database.engine("bontri_api", of=None)
    seen: dict[int, list[int]] = {}

    def work(engine: Engine, authority_id: int) -> dict[str, int]:
        with engine.begin() as connection:
            seen[authority_id] = list(connection.scalars(text("SELECT DISTINCT authority_id FROM vouchers")))
        return expire_vouchers_of(engine, authority_id)

    assert for_all(engine, work, role="bontri_api") == {"vouchers": 0}
    assert seen == {OURS: [OURS], THEIRS: [THEIRS]}

    def fail(_: Engine, authority_id: int) -> dict[str, int]:
        failed.append(authority_id)
        raise LookupError(authority_id)

    failed: list[int] = []
    with pytest.raises(LookupError, match=str(OURS)):
        for_all(engine, fail, role="bontri_api")
    assert failed == [OURS, THEIRS]


def test_a_pooled_connection_forgets_whom_it_worked_for(two: Two) -> None:
    engine, ours, theirs = two.api_of_one_connection()
    try:
        for api in (ours, theirs, ours):
            assert api.call("citizen", "GET", "/citizen/wallet").status_code == 200
            with engine.connect() as connection:
                assert connection.scalar(text("SELECT count(*) FROM sessions")) == 0
            with engine.begin() as connection:
                enter_tenant(connection, authority_id=THEIRS)
                assert set(connection.scalars(text("SELECT authority_id FROM sessions"))) == {THEIRS}
            with engine.connect() as connection:
                assert connection.scalar(text("SELECT count(*) FROM sessions")) == 0
                connection.rollback()
                assert connection.scalar(text("SELECT count(*) FROM sessions")) == 0
    finally:
        engine.dispose()


def test_control_a_connection_that_is_not_put_right_still_works_for_whoever_called_last(two: Two) -> None:
    engine, ours, _ = two.api_of_one_connection()
    try:
        assert ours.call("citizen", "GET", "/citizen/wallet").status_code == 200
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
        assert ours.call("citizen", "GET", "/citizen/wallet").status_code == 200
        assert driver.execute("SELECT DISTINCT authority_id FROM sessions").fetchall() == [(OURS,)]
        driver.rollback()
    finally:
        engine.dispose()


def test_a_token_of_no_authority_leaves_the_connection_to_none(two: Two) -> None:
    engine, ours, _ = two.api_of_one_connection()
    try:
        with engine.connect() as connection:
            told = (ours.tokens["citizen"], 1), ("nowhere.secret", 0), ("town-1.secret", 1), ("nonsense", 0)
            for token, count in told:
                find_principal(connection, two.keyring, token=token, now=NOW)
                assert connection.scalar(text("SELECT count(*) FROM sessions")) == count
    finally:
        engine.dispose()


def test_tokens_of_two_towns_are_told_apart_on_one_connection_however_the_statement_is_planned(two: Two) -> None:
    with two.database.engine("bontri_api", of=None).connect() as connection:
        for plans in ("force_custom_plan", "force_generic_plan", "auto"):
            connection.execute(text(f"SET plan_cache_mode = {plans}"))
            for _ in range(4):
                for api in (two.ours, two.theirs):
                    for who in ("citizen", "shop", "authority"):
                        found = find_principal(connection, two.keyring, token=api.tokens[who], now=NOW)
                        assert found is not None
                        assert (found.audience, found.authority_id) == (who, api.town.authority_id)


def test_the_token_s_authority_decides_and_not_the_one_before(two: Two) -> None:
    """A session's secret under the name of another town is nobody's there."""
    _, _, secret = two.theirs.tokens["citizen"].partition(".")
    assert two.ours.call(f"town-1.{secret}", "GET", "/citizen/wallet").status_code == 401
    assert two.ours.call(two.theirs.tokens["citizen"], "GET", "/citizen/wallet").status_code == 200


def test_what_is_recorded_after_a_roll_back_is_of_the_caller_s_authority(two: Two) -> None:
    engine, ours, theirs = two.api_of_one_connection()
    refused = f"SELECT count(*) FROM redemption_attempts WHERE authority_id = {OURS}"
    before = scalar(two.database, refused)
    try:
        # The setting the roll-back brings back is the neighbours'.
        assert theirs.call("citizen", "GET", "/citizen/wallet").status_code == 200
        answer = ours.call("shop", "POST", "/shop/redemptions", key="again", json={"code": "unknown"})
        assert (answer.status_code, answer.json["code"]) == (404, "voucher_unknown")
    finally:
        engine.dispose()
    assert scalar(two.database, refused) == before + 1


def count_round_trips(two: Two, call: Callable[[Api], TestResponse]) -> tuple[int, int]:
    """Return how many statements a call executes, and how often its driver waits for an answer."""
    engine, ours, _ = two.api_of_one_connection()
    statements: list[Any] = []

    class CountingCursor(psycopg.Cursor[Any]):
        """Also counts what the domain gives the driver past SQLAlchemy."""

        def execute(self, query: Any, *rest: Any, **options: Any) -> Any:
            statements.append(query)
            return super().execute(query, *rest, **options)

    try:
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
        driver.cursor_factory = CountingCursor
        with tempfile.TemporaryFile("w+") as said:
            driver.pgconn.trace(said.fileno())
            answer = call(ours)
            driver.pgconn.untrace()
            said.seek(0)
            waits = sum(re.search(r"\bF\b.*\b(Sync|Query)\b", line) is not None for line in said)
    finally:
        engine.dispose()
    assert answer.status_code == 200, answer.text
    return len(statements), waits


def test_saying_the_tenant_costs_reading_no_round_trip(two: Two) -> None:
    statements, waits = count_round_trips(two, lambda api: api.call("citizen", "GET", "/citizen/wallet"))
    assert waits == statements == 2


def test_saying_the_tenant_costs_a_till_no_round_trip(two: Two) -> None:
    code = two.ours.call("citizen", "GET", f"/citizen/vouchers/{two.voucher_ids[OURS]}").json["code"]
    entered = {"json": {"code": code}}
    statements, waits = count_round_trips(two, lambda api: api.call("shop", "POST", "/shop/vouchers/lookup", **entered))
    assert waits == statements + len(["BEGIN", "COMMIT"])


def test_migrating_twice_leaves_the_policies(two: Two) -> None:
    with two.owner.connect() as connection:
        migrate(connection)
        assert list_unprotected(connection) == []
