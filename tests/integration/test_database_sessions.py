"""What sessions of a role are started with."""

import pytest
from sqlalchemy import text

from rewards.database import DatabaseRole, open_engine
from tests.databases import Database, DatabasePool

ASK = text("SELECT count(*) FROM communes WHERE authority_id = :authority_id")
TIMES = 30
"""The driver prepares what it sends for the sixth time, of which PostgreSQL plans the first five with their values."""
PLANS = text("""
    SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%FROM communes%'
""")


def plans_of(database: Database, role: DatabaseRole) -> tuple[int, int]:
    engine = open_engine(database.url, role=role, authority_id=1)
    try:
        with engine.connect() as connection:
            for authority_id in range(TIMES):
                connection.execute(ASK, {"authority_id": authority_id})
            generic, custom = connection.execute(PLANS).one()
            return generic, custom
    finally:
        engine.dispose()


@pytest.mark.parametrize("role", ["bontri_agent", "bontri_reader", "bontri_operator"])
def test_who_asks_about_any_period_has_each_statement_planned_for_it(databases: DatabasePool, role: DatabaseRole):
    with databases.lend() as database:
        generic, custom = plans_of(database, role)
    assert generic == 0
    assert custom > 5


def test_others_keep_a_plan_for_all_values(databases: DatabasePool):
    """The control: what PostgreSQL does by itself, and should where rows are found by their key."""
    with databases.lend() as database:
        generic, custom = plans_of(database, "bontri_api")
    assert generic > 0
    assert custom == 5
