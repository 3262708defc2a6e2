"""Operators put offers on sale and moderate those of shops.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"

STATE = "state, moderated_by, moderated_at, note"


def upgrade() -> None:
    op.execute("GRANT INSERT ON offers TO bontri_operator")
    op.execute(f"GRANT UPDATE ({STATE}) ON offers TO bontri_operator")


def downgrade() -> None:
    op.execute("REVOKE INSERT ON offers FROM bontri_operator")
    op.execute(f"REVOKE UPDATE ({STATE}) ON offers FROM bontri_operator")
