"""Points expire by a transfer into an account of the authority.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
import uuid_utils.compat
from alembic import op

revision = "0007"
down_revision = "0006"

KINDS = ("bonus", "expired", "loss")

GRANTS: dict[str, dict[str, str]] = {
    "bontri_api": {
        "SELECT": "authority_accounts",
        "UPDATE (expires_on)": "accounts",
        "UPDATE (points_expired_on)": "authorities",
    },
}


def upgrade() -> None:
    op.add_column("authorities", sa.Column("points_expired_on", sa.Date(), nullable=True))
    change_kinds(
        "'expired', 'lot', 'shop'", "'bonus', 'expired', 'loss'", "'adjustment', 'expiry', 'reversal', 'welcome'"
    )
    op.create_index(
        "ix_accounts_expiring",
        "accounts",
        ["authority_id", "expires_on", "account_id"],
        postgresql_where=sa.text("kind = 'lot'"),
    )
    open_accounts()
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def change_kinds(bounded_kinds: str, own_kinds: str, reasons: str) -> None:
    for table, name, rule in (
        ("accounts", "kind_known", f"kind IN ('adjustment', 'bonus', 'issuing', 'loss', {bounded_kinds})"),
        ("authority_accounts", "kind_known", f"kind IN ({own_kinds})"),
        ("transfers", "reason_known", f"reason IN ({reasons})"),
    ):
        op.drop_constraint(f"ck_{table}_{name}", table)
        op.create_check_constraint(name, table, rule)


def open_accounts() -> None:
    """Give every authority the accounts of its own that it has not."""
    connection = op.get_bind()
    for authority_id in connection.scalars(sa.text("SELECT authority_id FROM authorities ORDER BY 1")).all():
        for kind in KINDS:
            values = {"authority_id": authority_id, "kind": kind, "id": uuid_utils.compat.uuid7()}
            linked = connection.execute(
                sa.text(
                    "INSERT INTO authority_accounts (authority_id, kind, account_id) VALUES (:authority_id, :kind, :id)"
                    " ON CONFLICT DO NOTHING"
                ),
                values,
            )
            if linked.rowcount:
                connection.execute(
                    sa.text(
                        "INSERT INTO accounts (authority_id, account_id, kind, created_at)"
                        " VALUES (:authority_id, :id, :kind, now())"
                    ),
                    values,
                )
    # What is deferred is looked at now: a table with pending checks cannot be altered by the next migration.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")


def downgrade() -> None:
    op.execute("REVOKE SELECT ON authority_accounts FROM bontri_api")
    op.execute("REVOKE UPDATE (expires_on) ON accounts FROM bontri_api")
    op.execute("REVOKE UPDATE (points_expired_on) ON authorities FROM bontri_api")
    op.drop_index("ix_accounts_expiring", table_name="accounts")
    # What only this version can say goes with it: the points stay where they went.
    op.execute("UPDATE transfers SET reason = 'adjustment' WHERE reason = 'expiry'")
    op.execute("DELETE FROM authority_accounts WHERE kind = 'expired'")
    op.execute("UPDATE accounts SET kind = 'adjustment' WHERE kind = 'expired'")
    change_kinds("'lot', 'shop'", "'bonus', 'loss'", "'adjustment', 'reversal', 'welcome'")
    op.drop_column("authorities", "points_expired_on")
