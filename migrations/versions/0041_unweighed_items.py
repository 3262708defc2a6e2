"""Items that no bin weighed are summed apart, so that months tell what grams have to be estimated of.

Revision ID: 0041
Revises: 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"

TABLES = ("daily_deposits", "monthly_deposits")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("unweighed_items", sa.BigInteger(), server_default="0", nullable=False))
        # As figures took it until now; where a bin weighed some deposits of a day alone, a rebuild tells.
        op.execute(f"UPDATE {table} SET unweighed_items = items WHERE mass_g = 0")


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "unweighed_items")
