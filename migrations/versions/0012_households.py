"""Households: wallets are merged and split by transfers; cards are read at the till.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)
REASONS = "'adjustment', 'expiry', 'reversal', 'welcome'"
NEW_ACCOUNT = "authority_id, account_id, kind, expires_on, created_at"
FOUND_BY_CARD = "authority_id, badge_digest, citizen_id, state"

GRANTS: dict[str, dict[str, str]] = {
    "bontri_api": {
        "SELECT": "wallet_changes, wallet_invitations, invitation_tries, card_tries",
        f"SELECT ({FOUND_BY_CARD})": "badges",
        "INSERT": "wallets, wallet_accounts, wallet_changes, wallet_invitations, invitation_tries, card_tries",
        f"INSERT ({NEW_ACCOUNT})": "accounts",
        "UPDATE (merged_into)": "wallets",
        "UPDATE (wallet_id)": "citizens",
        "UPDATE (holders_version)": "authorities",
        "UPDATE (code_digest, expires_at, accepted_at)": "wallet_invitations",
        "UPDATE (tries, window_ends_at)": "invitation_tries, card_tries",
    },
    "bontri_reader": {"SELECT": "wallet_changes"},
    "bontri_operator": {
        "SELECT": "wallets, wallet_changes",
        f"SELECT ({FOUND_BY_CARD})": "badges",
        "SELECT (authority_id, citizen_id, email_digest)": "contacts",
        "INSERT": "wallets, wallet_accounts, wallet_changes, badges",
        "UPDATE (merged_into)": "wallets",
        "UPDATE (wallet_id, state, first_credited_on)": "citizens",
        "UPDATE (citizen_id, state)": "badges",
        "UPDATE (holders_version)": "authorities",
    },
}
"""A change of a wallet is never changed or deleted, and no address is read: only whether it is somebody's."""

NEW_TABLES = ("card_tries", "invitation_tries", "wallet_invitations", "wallet_changes")


def upgrade() -> None:
    op.add_column("wallets", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.create_check_constraint("merged_into_another", "wallets", "merged_into <> wallet_id")
    op.create_foreign_key(
        op.f("fk_wallets_authority_id_merged_into"),
        "wallets",
        "wallets",
        ["authority_id", "merged_into"],
        ["authority_id", "wallet_id"],
    )
    op.create_index(
        "ix_wallets_merged_into",
        "wallets",
        ["authority_id", "merged_into"],
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.create_index("ix_citizens_wallet", "citizens", ["authority_id", "wallet_id"])
    replace_reasons(f"{REASONS}, 'merge', 'split'")
    create_wallet_changes()
    create_wallet_invitations()
    create_tries("invitation_tries", "citizen_id", of="citizens", most=5)
    create_tries("card_tries", "shop_id", of="shops", most=10)
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def replace_reasons(reasons: str) -> None:
    op.drop_constraint("ck_transfers_reason_known", "transfers")
    op.create_check_constraint("reason_known", "transfers", f"reason IN ({reasons})")


def create_wallet_changes() -> None:
    op.create_table(
        "wallet_changes",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_wallet_id", sa.Uuid(), nullable=False),
        sa.Column("to_wallet_id", sa.Uuid(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", TIMESTAMP, nullable=False),
        sa.CheckConstraint("kind IN ('merge', 'split')", name=op.f("ck_wallet_changes_kind_known")),
        sa.CheckConstraint("points >= 0", name=op.f("ck_wallet_changes_points_not_negative")),
        sa.CheckConstraint("from_wallet_id <> to_wallet_id", name=op.f("ck_wallet_changes_two_wallets")),
        *(
            sa.ForeignKeyConstraint(
                ["authority_id", column],
                ["wallets.authority_id", "wallets.wallet_id"],
                name=op.f(f"fk_wallet_changes_authority_id_{column}"),
            )
            for column in ("from_wallet_id", "to_wallet_id")
        ),
        sa.PrimaryKeyConstraint("authority_id", "change_id", name=op.f("pk_wallet_changes")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_wallet_changes_to_wallet", "wallet_changes", ["authority_id", "to_wallet_id"])


def create_wallet_invitations() -> None:
    op.create_table(
        "wallet_invitations",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", TIMESTAMP, nullable=False),
        sa.Column("accepted_at", TIMESTAMP, nullable=True),
        sa.ForeignKeyConstraint(
            ["authority_id", "wallet_id"],
            ["wallets.authority_id", "wallets.wallet_id"],
            name=op.f("fk_wallet_invitations_authority_id_wallet_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "wallet_id", name=op.f("pk_wallet_invitations")),
        sa.UniqueConstraint("authority_id", "code_digest", name=op.f("uq_wallet_invitations_authority_id_code_digest")),
        info={"citus": "distributed"},
    )


def create_tries(table: str, subject: str, *, of: str, most: int) -> None:
    op.create_table(
        table,
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(subject, sa.Uuid(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", TIMESTAMP, nullable=False),
        sa.CheckConstraint(f"tries BETWEEN 0 AND {most}", name=op.f(f"ck_{table}_tries_range")),
        sa.ForeignKeyConstraint(
            ["authority_id", subject],
            [f"{of}.authority_id", f"{of}.{subject}"],
            name=op.f(f"fk_{table}_authority_id_{subject}"),
        ),
        sa.PrimaryKeyConstraint("authority_id", subject, name=op.f(f"pk_{table}")),
        info={"citus": "distributed"},
    )


def downgrade() -> None:
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            kept = ", ".join(each for each in tables.split(", ") if each not in NEW_TABLES)
            if kept:
                op.execute(f"REVOKE {right} ON {kept} FROM {role}")
    for table in NEW_TABLES:
        op.drop_table(table)
    # The earlier version knows one wallet a lot: what is left in a merged wallet stays where it is, and nobody's.
    op.execute("UPDATE transfers SET reason = 'adjustment', cause_id = NULL WHERE reason IN ('merge', 'split')")
    replace_reasons(REASONS)
    op.drop_index("ix_citizens_wallet", table_name="citizens")
    op.drop_index("ix_wallets_merged_into", table_name="wallets")
    op.drop_constraint("fk_wallets_authority_id_merged_into", "wallets")
    op.drop_constraint("ck_wallets_merged_into_another", "wallets")
    op.drop_column("wallets", "merged_into")
