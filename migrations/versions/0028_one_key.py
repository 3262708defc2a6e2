"""Everything that is encrypted follows the encryption key; what is left under which is told by opening it.

The numbers beside addresses go: they said nothing of names and labels in the same row, nor of what else is encrypted.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

NUMBERED = ("agents", "contacts", "shop_contacts")
GRANTS = {
    "bontri_privacy": {
        "UPDATE (label_encrypted)": "badges, sessions",
        "UPDATE (display_name_encrypted)": "contacts",
        "UPDATE (words_encrypted)": "disputes",
        "UPDATE (address_encrypted, facts_encrypted)": "outbox",
        "UPDATE (email_encrypted)": "sign_in_codes",
        "SELECT (authority_id, message_digest, payload_encrypted)": "quarantined_messages",
        "UPDATE (payload_encrypted)": "quarantined_messages",
        "UPDATE (oldest_key_no)": "authorities",
    },
}
GRANTS_OF_NUMBERS = {
    "bontri_operator": {"UPDATE (key_no)": "agents, shop_contacts"},
    "bontri_privacy": {"SELECT (key_no)": "agents, shop_contacts", "UPDATE (key_no)": ", ".join(NUMBERED)},
}


def upgrade() -> None:
    number = sa.Column("oldest_key_no", sa.SmallInteger(), server_default=sa.text("1"), nullable=False)
    op.add_column("authorities", number)
    for table in NUMBERED:
        op.drop_column(table, "key_no")
    grant(GRANTS)


def grant(grants: dict[str, dict[str, str]]) -> None:
    for role, rights in grants.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def downgrade() -> None:
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"REVOKE {right} ON {tables} FROM {role}")
    for table in NUMBERED:
        op.add_column(table, sa.Column("key_no", sa.SmallInteger(), server_default=sa.text("1"), nullable=False))
        op.execute(f"UPDATE {table} SET key_no = (SELECT max(oldest_key_no) FROM authorities)")
    grant(GRANTS_OF_NUMBERS)
    op.drop_column("authorities", "oldest_key_no")
