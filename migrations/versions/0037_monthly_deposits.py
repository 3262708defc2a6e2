"""Whole days of deposits are folded into months; operators can put the sums right.

Revision ID: 0037
Revises: 0036
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import protect_tenants

revision = "0037"
down_revision = "0036"

COUNTERS = ("deposits", "credited_deposits", "items", "mass_g", "refused", "points")
GRANTS = {
    "bontri_ingest": {
        "SELECT, INSERT": "monthly_deposits, folded_days",
        # The right to hold the row of folded days; nothing of the ingest changes it.
        "UPDATE": "monthly_deposits, folded_days",
    },
    "bontri_operator": {
        "SELECT, INSERT, UPDATE, DELETE": "daily_deposits, monthly_deposits",
        "SELECT": "events, transfers, capped_deposits",
        "SELECT, INSERT, UPDATE": "folded_days",
    },
    "bontri_api": {"SELECT": "monthly_deposits, folded_days"},
    "bontri_reader": {"SELECT": "monthly_deposits, folded_days"},
}
FILLED_PERCENT = 70


def upgrade() -> None:
    op.create_table(
        "monthly_deposits",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTERS),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_monthly_deposits_month_begins")),
        sa.PrimaryKeyConstraint(
            "authority_id", "month", "bin_id", "site_id", "material", name=op.f("pk_monthly_deposits")
        ),
        info={"citus": "distributed"},
    )
    op.create_table(
        "folded_days",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("folded_before", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("authority_id", name=op.f("pk_folded_days")),
        info={"citus": "distributed"},
    )
    # Rows of this month are updated once a day: as in 0004.
    op.execute(f"ALTER TABLE monthly_deposits SET (fillfactor = {FILLED_PERCENT})")
    protect_tenants("monthly_deposits", "folded_days")
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def downgrade() -> None:
    op.execute("REVOKE INSERT, UPDATE, DELETE ON daily_deposits FROM bontri_operator")
    op.drop_table("folded_days")
    op.drop_table("monthly_deposits")
