"""The days on which bins gave a sign are folded into months, so that silences of years are found quickly.

Revision ID: 0044
Revises: 0043
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import protect_tenants

revision = "0044"
down_revision = "0043"

CHECKS = {
    "month_begins": "extract(day FROM month) = 1",
    "days_of_a_month": "heard_days >= 0 AND deposit_days >= 0",
    "a_sign_was_given": "heard_days | deposit_days > 0",
}
GRANTS = {
    "bontri_ingest": "SELECT, INSERT, UPDATE",
    "bontri_operator": "SELECT, INSERT, UPDATE, DELETE",
    "bontri_api": "SELECT",
    "bontri_reader": "SELECT",
}
FILLED_PERCENT = 70
FOLD = """
    INSERT INTO bin_months (authority_id, month, bin_id, heard_days, deposit_days)
    SELECT t.authority_id, CAST(date_trunc('month', CAST(t.day AS timestamp)) AS date) AS month, t.bin_id,
           bit_or(t.heard << CAST(extract(day FROM t.day) AS integer) - 1),
           bit_or(t.dropped << CAST(extract(day FROM t.day) AS integer) - 1)
      FROM (SELECT authority_id, day, bin_id, 1 AS heard, 0 AS dropped FROM bin_days
            UNION ALL
            SELECT authority_id, day, bin_id, 0, 1 FROM daily_deposits) AS t
      JOIN folded_days f ON f.authority_id = t.authority_id AND t.day < f.folded_before
     GROUP BY 1, 2, 3
"""


def upgrade() -> None:
    op.create_table(
        "bin_months",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("heard_days", sa.Integer(), nullable=False),
        sa.Column("deposit_days", sa.Integer(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_bin_months_{name}")) for name, rule in CHECKS.items()),
        sa.PrimaryKeyConstraint("authority_id", "month", "bin_id", name=op.f("pk_bin_months")),
        info={"citus": "distributed"},
    )
    # Rows of this month are updated once a day: as in 0004.
    op.execute(f"ALTER TABLE bin_months SET (fillfactor = {FILLED_PERCENT})")
    op.execute(FOLD)
    protect_tenants("bin_months")
    for role, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON bin_months TO {role}")


def downgrade() -> None:
    op.drop_table("bin_months")
