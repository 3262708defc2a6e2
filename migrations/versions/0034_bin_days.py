"""What bins say of themselves is kept by day: hours heard, hours full, the last fill level.

Revision ID: 0034
Revises: 0033
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0034"
down_revision = "0033"

CHECKS = {
    "heard_hours_of_a_day": "heard_hours BETWEEN 1 AND 33554431",
    "told_when_heard": "told_hours & heard_hours = told_hours",
    "full_when_told": "full_hours & told_hours = full_hours",
    "fill_pct_range": "fill_pct BETWEEN 0 AND 100",
    "level_when_told": "(fill_pct IS NULL) = (told_hours = 0)",
    "level_has_an_instant": "(fill_pct IS NULL) = (fill_at IS NULL)",
}
GRANTS = {
    "bontri_ingest": "SELECT, INSERT, UPDATE",
    "bontri_api": "SELECT",
    "bontri_operator": "SELECT",
    "bontri_reader": "SELECT",
}
FILLED_PERCENT = 40


def upgrade() -> None:
    op.create_table(
        "bin_days",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("heard_hours", sa.Integer(), nullable=False),
        sa.Column("told_hours", sa.Integer(), nullable=False),
        sa.Column("full_hours", sa.Integer(), nullable=False),
        sa.Column("fill_pct", sa.SmallInteger(), nullable=True),
        sa.Column("fill_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_bin_days_{name}")) for name, rule in CHECKS.items()),
        sa.PrimaryKeyConstraint("authority_id", "day", "bin_id", name=op.f("pk_bin_days")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_bin_days_bin", "bin_days", ["authority_id", "bin_id", "day"])
    # A row is updated by every report of its day: as in 0004.
    op.execute(f"ALTER TABLE bin_days SET (fillfactor = {FILLED_PERCENT})")
    protect_tenants("bin_days")
    for role, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON bin_days TO {role}")


def downgrade() -> None:
    op.drop_table("bin_days")
