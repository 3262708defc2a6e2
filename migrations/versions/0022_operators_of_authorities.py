"""Operators add authorities and name them anew, over the API.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

revision = "0022"
down_revision = "0021"

RIGHTS = {"INSERT": "authorities, funders", "UPDATE (name)": "authorities"}


def upgrade() -> None:
    for right, tables in RIGHTS.items():
        op.execute(f"GRANT {right} ON {tables} TO bontri_operator")


def downgrade() -> None:
    for right, tables in RIGHTS.items():
        op.execute(f"REVOKE {right} ON {tables} FROM bontri_operator")
