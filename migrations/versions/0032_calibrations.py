"""What counted grams of a bin are multiplied by, from which month on, decided by whom.

Revision ID: 0032
Revises: 0031
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0032"
down_revision = "0031"

CHECKS = {
    "from_the_first_of_a_month": "EXTRACT(day FROM valid_from) = 1",
    "factor_positive": "factor > 0",
    "rounds_positive": "rounds > 0",
    "weighed_and_counted": "counted_g > 0 AND weighed_g > 0",
    "decided_by_somebody": "char_length(decided_by) BETWEEN 1 AND 100",
}
GRANTS = {
    "bontri_api": "SELECT",
    "bontri_reader": "SELECT",
    "bontri_operator": "SELECT, INSERT",
}


def upgrade() -> None:
    op.create_table(
        "bin_calibrations",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("factor", sa.Numeric(6, 4), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("counted_g", sa.BigInteger(), nullable=False),
        sa.Column("weighed_g", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_bin_calibrations_{name}")) for name, rule in CHECKS.items()),
        *(
            sa.ForeignKeyConstraint(
                ["authority_id", column],
                [f"{table}.authority_id", f"{table}.{column}"],
                name=op.f(f"fk_bin_calibrations_authority_id_{column}"),
            )
            for table, column in (("bins", "bin_id"), ("materials", "material"))
        ),
        sa.PrimaryKeyConstraint("authority_id", "bin_id", "material", "valid_from", name=op.f("pk_bin_calibrations")),
        info={"citus": "distributed"},
    )
    protect_tenants("bin_calibrations")
    for role, right in GRANTS.items():
        op.execute(f"GRANT {right} ON bin_calibrations TO {role}")


def downgrade() -> None:
    op.drop_table("bin_calibrations")
