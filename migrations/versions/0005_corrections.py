"""Every transfer says why it exists; corrections by two people; accounts of the authority itself.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)
COUNTERS = "debits_posted, credits_posted, debits_pending, credits_pending"

GRANTS: dict[str, dict[str, str]] = {
    "bontri_api": {"SELECT": "corrections"},
    "bontri_reader": {"SELECT": "corrections, authority_accounts"},
    "bontri_operator": {
        "SELECT": "transfers, wallet_accounts, corrections, authority_accounts",
        "INSERT": "transfers, corrections, authority_accounts",
        f"UPDATE ({COUNTERS})": "accounts",
        "UPDATE (state, decided_by, decided_at, taken_points, lost_points)": "corrections",
    },
}
"""Nobody may change or delete a transfer, nor what a correction was asked for."""


def upgrade() -> None:
    op.add_column("transfers", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("transfers", sa.Column("cause_id", sa.Uuid(), nullable=True))
    op.create_check_constraint("reason_known", "transfers", "reason IN ('adjustment', 'reversal')")
    op.create_check_constraint("one_reason", "transfers", "num_nonnulls(journal_no, voucher_id, reason) = 1")
    op.create_check_constraint("causes_have_a_reason", "transfers", "cause_id IS NULL OR reason IS NOT NULL")
    op.drop_index("ix_transfers_debit_account", table_name="transfers")
    create_debit_index("journal_no IS NULL")
    op.create_index(
        "ix_transfers_cause",
        "transfers",
        ["authority_id", "cause_id"],
        postgresql_where=sa.text("cause_id IS NOT NULL"),
    )
    create_authority_accounts()
    create_corrections()
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def create_debit_index(where: str) -> None:
    op.create_index(
        "ix_transfers_debit_account",
        "transfers",
        ["authority_id", "debit_account_id"],
        postgresql_where=sa.text(where),
    )


def create_authority_accounts() -> None:
    op.create_table(
        "authority_accounts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind IN ('loss')", name=op.f("ck_authority_accounts_kind_known")),
        sa.ForeignKeyConstraint(
            ["authority_id", "account_id"],
            ["accounts.authority_id", "accounts.account_id"],
            name=op.f("fk_authority_accounts_authority_id_account_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("authority_id", "kind", name=op.f("pk_authority_accounts")),
        info={"citus": "distributed"},
    )


def create_corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", TIMESTAMP, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", TIMESTAMP, nullable=True),
        sa.Column("taken_points", sa.BigInteger(), nullable=True),
        sa.Column("lost_points", sa.BigInteger(), nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_corrections_{name}"))
            for name, rule in {
                "reason_known": "reason IN ('bin_fault', 'wrong_card', 'fraud', 'mistake')",
                "state_known": "state IN ('requested', 'approved', 'rejected')",
                "note_length": "char_length(note) BETWEEN 1 AND 500",
                "decided_by_somebody": "(state = 'requested') = (decided_by IS NULL)",
                "decided_at_some_time": "(decided_by IS NULL) = (decided_at IS NULL)",
                "approved_by_a_second_person": "decided_by <> requested_by OR state = 'rejected'",
                "points_not_negative": "taken_points >= 0 AND lost_points >= 0",
                "points_only_approved": "taken_points IS NULL OR state = 'approved'",
                "points_whole": "(taken_points IS NULL) = (lost_points IS NULL)",
            }.items()
        ),
        sa.PrimaryKeyConstraint("authority_id", "correction_id", name=op.f("pk_corrections")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "uq_corrections_transfer",
        "corrections",
        ["authority_id", "transfer_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'rejected'"),
    )
    op.create_index(
        "ix_corrections_open",
        "corrections",
        ["authority_id", "requested_at"],
        postgresql_where=sa.text("state = 'requested'"),
    )


def downgrade() -> None:
    for right, tables in GRANTS["bontri_operator"].items():
        kept = ", ".join(each for each in tables.split(", ") if each not in ("corrections", "authority_accounts"))
        if kept:
            op.execute(f"REVOKE {right} ON {kept} FROM bontri_operator")
    op.drop_table("corrections")
    op.drop_table("authority_accounts")
    op.drop_index("ix_transfers_cause", table_name="transfers")
    op.drop_index("ix_transfers_debit_account", table_name="transfers")
    create_debit_index("voucher_id IS NOT NULL")
    for name in ("causes_have_a_reason", "one_reason", "reason_known"):
        op.drop_constraint(f"ck_transfers_{name}", "transfers")
    op.drop_column("transfers", "cause_id")
    op.drop_column("transfers", "reason")
