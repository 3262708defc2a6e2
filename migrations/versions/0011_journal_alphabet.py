"""The alphabet of journals checked without a regular expression, since every deposit updates a journal.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    replace_check("octet_length(journal) = 32 AND translate(journal, '0123456789abcdef', '') = ''")


def downgrade() -> None:
    replace_check("journal ~ '^[0-9a-f]{32}$'")


def replace_check(rule: str) -> None:
    op.drop_constraint("ck_bin_journals_journal_hex", "bin_journals")
    op.create_check_constraint("journal_hex", "bin_journals", rule)
