"""Recurring jobs, the outbox, warnings before points expire.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)

GRANTS: dict[str, dict[str, str]] = {
    "bontri_operator": {"SELECT": "jobs", "INSERT": "jobs", "UPDATE": "jobs"},
    # Letters go where only the API knows: operators read no address.
    "bontri_api": {
        "SELECT": "outbox, expiry_warnings",
        "INSERT": "outbox, expiry_warnings",
        "UPDATE (tries, next_try_at, sent_at, given_up_at)": "outbox",
    },
    "bontri_reader": {"SELECT": "jobs"},
}


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("due_at", TIMESTAMP, nullable=False),
        sa.Column("leased_until", TIMESTAMP, nullable=True),
        sa.Column("started_at", TIMESTAMP, nullable=True),
        sa.Column("ended_at", TIMESTAMP, nullable=True),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_jobs_failures_not_negative")),
        sa.ForeignKeyConstraint(["authority_id"], ["authorities.authority_id"], name=op.f("fk_jobs_authority_id")),
        sa.PrimaryKeyConstraint("authority_id", "job", name=op.f("pk_jobs")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "outbox",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("next_try_at", TIMESTAMP, nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", TIMESTAMP, nullable=True),
        sa.Column("given_up_at", TIMESTAMP, nullable=True),
        sa.CheckConstraint("kind IN ('points_expiring')", name=op.f("ck_outbox_kind_known")),
        sa.CheckConstraint("tries >= 0", name=op.f("ck_outbox_tries_not_negative")),
        sa.ForeignKeyConstraint(
            ["authority_id", "citizen_id"],
            ["citizens.authority_id", "citizens.citizen_id"],
            name=op.f("fk_outbox_authority_id_citizen_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "message_id", name=op.f("pk_outbox")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["authority_id", "next_try_at"],
        postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
    )
    op.create_table(
        "expiry_warnings",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("warned_at", TIMESTAMP, nullable=False),
        sa.ForeignKeyConstraint(
            ["authority_id", "wallet_id"],
            ["wallets.authority_id", "wallets.wallet_id"],
            name=op.f("fk_expiry_warnings_authority_id_wallet_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "wallet_id", "expires_on", name=op.f("pk_expiry_warnings")),
        info={"citus": "distributed"},
    )
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def downgrade() -> None:
    op.drop_table("expiry_warnings")
    op.drop_index("ix_outbox_waiting", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("jobs")
