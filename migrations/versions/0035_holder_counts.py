"""Holders are counted for months and years, and kept as numbers; households served are entered.

Revision ID: 0035
Revises: 0034
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0035"
down_revision = "0034"

INSTANT = postgresql.TIMESTAMP(timezone=True)
OF_COUNTS = {
    "granularity_known": "granularity IN ('month', 'year')",
    "level_known": "level IN ('authority', 'commune', 'site')",
    "places_named": "(level = 'authority') = (code = '')",
    "first_day_of_month": "extract(day FROM first_day) = 1",
    "new_holders_range": "new_holders BETWEEN 0 AND holders",
    "credited_deposits_range": "credited_deposits BETWEEN 0 AND deposits",
}
OF_HOUSEHOLDS = {
    "year_range": "year BETWEEN 2000 AND 2100",
    "households_positive": "households > 0",
    "source_length": "char_length(source) BETWEEN 1 AND 200",
}
GRANTS = {
    # Counted anew, they replace those of before.
    "bontri_operator": {
        "SELECT": "daily_deposits",
        "SELECT, INSERT, DELETE": "holder_counts",
        "SELECT, INSERT, UPDATE": "served_households",
    },
    "bontri_api": {"SELECT": "holder_counts, served_households"},
    "bontri_reader": {"SELECT": "holder_counts, served_households"},
}


def upgrade() -> None:
    op.create_table(
        "holder_counts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("granularity", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("holders", sa.Integer(), nullable=False),
        sa.Column("new_holders", sa.Integer(), nullable=False),
        sa.Column("deposits", sa.BigInteger(), nullable=False),
        sa.Column("credited_deposits", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", INSTANT, nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_holder_counts_{name}")) for name, rule in OF_COUNTS.items()),
        sa.PrimaryKeyConstraint(
            "authority_id", "granularity", "first_day", "level", "code", "material", name=op.f("pk_holder_counts")
        ),
        info={"citus": "distributed"},
    )
    op.create_table(
        "served_households",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("insee_code", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("households", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_served_households_{name}")) for name, rule in OF_HOUSEHOLDS.items()),
        sa.ForeignKeyConstraint(
            ["authority_id", "insee_code"],
            ["communes.authority_id", "communes.insee_code"],
            name=op.f("fk_served_households_authority_id_insee_code"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "insee_code", "year", name=op.f("pk_served_households")),
        info={"citus": "distributed"},
    )
    protect_tenants("holder_counts", "served_households")
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def downgrade() -> None:
    op.execute("REVOKE SELECT ON daily_deposits FROM bontri_operator")
    op.drop_table("served_households")
    op.drop_table("holder_counts")
