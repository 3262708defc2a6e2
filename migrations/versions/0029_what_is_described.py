"""Agents describe causes and goals again: names and descriptions, nothing givers or funders were promised.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"

GRANTS = {"UPDATE (name, description)": "causes", "UPDATE (title, group_name)": "goals"}


def upgrade() -> None:
    for right, table in GRANTS.items():
        op.execute(f"GRANT {right} ON {table} TO bontri_operator")


def downgrade() -> None:
    for right, table in GRANTS.items():
        op.execute(f"REVOKE {right} ON {table} FROM bontri_operator")
