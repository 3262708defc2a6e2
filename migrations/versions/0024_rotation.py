"""Secrets that rotate: the number of the key an address is encrypted under, and badges stored anew when they are used.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

ADDRESSES = ("agents", "contacts", "shop_contacts")

GRANTS: dict[str, dict[str, str]] = {
    # A badge is known to a worker alone when it is used; it stays its citizen's.
    "bontri_ingest": {"UPDATE (badge_digest, pepper_no)": "badges"},
    "bontri_operator": {"UPDATE (key_no)": "agents, shop_contacts"},
    "bontri_privacy": {
        "SELECT (authority_id, agent_id, email_encrypted, key_no)": "agents",
        "SELECT (authority_id, shop_id, email_encrypted, key_no)": "shop_contacts",
        "UPDATE (email_encrypted, key_no)": ", ".join(ADDRESSES),
    },
}


def upgrade() -> None:
    for table in ADDRESSES:
        op.add_column(table, sa.Column("key_no", sa.SmallInteger(), server_default=sa.text("1"), nullable=False))
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def downgrade() -> None:
    # An earlier version decrypts under the storage key alone.
    for table in ADDRESSES:
        if op.get_bind().scalar(sa.text(f"SELECT EXISTS (SELECT FROM {table} WHERE key_no <> 1)")):
            raise RuntimeError("addresses are encrypted under a later key: this database cannot go back before 0023")
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"REVOKE {right} ON {tables} FROM {role}")
    for table in ADDRESSES:
        op.drop_column(table, "key_no")
