"""Two agents take a redemption back for the authority; keys name the agent who made them.

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0031"
down_revision = "0030"

INSTANT = postgresql.TIMESTAMP(timezone=True)
CHECKS = {
    "reason_known": "reason IN ('mistake', 'goods_returned', 'fraud', 'other')",
    "note_length": "char_length(note) BETWEEN 1 AND 500",
    "state_known": "state IN ('requested', 'approved', 'rejected')",
    "decided_whole": "num_nulls(decided_by, decided_by_agent_id, decided_at) IN (0, 3)",
    "decided_by_somebody": "(state = 'requested') = (decided_at IS NULL)",
    "approved_by_a_second_agent": "decided_by_agent_id <> requested_by_agent_id OR state = 'rejected'",
}
GRANTS = {
    "bontri_operator": {
        "SELECT, INSERT": "redemption_reversals",
        "UPDATE (state, decided_by, decided_by_agent_id, decided_at)": "redemption_reversals",
    },
    "bontri_reader": {"SELECT": "redemption_reversals"},
}


def upgrade() -> None:
    create_reversals()
    protect_tenants("redemption_reversals")
    op.add_column("api_keys", sa.Column("made_by_agent_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_api_keys_authority_id_made_by_agent_id"),
        "api_keys",
        "agents",
        ["authority_id", "made_by_agent_id"],
        ["authority_id", "agent_id"],
    )
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def create_reversals() -> None:
    op.create_table(
        "redemption_reversals",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reversal_id", sa.Uuid(), nullable=False),
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_agent_id", sa.Uuid(), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_by_agent_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_redemption_reversals_{name}")) for name, rule in CHECKS.items()),
        sa.ForeignKeyConstraint(
            ["authority_id", "voucher_id"],
            ["vouchers.authority_id", "vouchers.voucher_id"],
            name=op.f("fk_redemption_reversals_authority_id_voucher_id"),
        ),
        *(
            sa.ForeignKeyConstraint(
                ["authority_id", f"{decision}_agent_id"],
                ["agents.authority_id", "agents.agent_id"],
                name=op.f(f"fk_redemption_reversals_{decision}"),
            )
            for decision in ("requested_by", "decided_by")
        ),
        sa.PrimaryKeyConstraint("authority_id", "reversal_id", name=op.f("pk_redemption_reversals")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "uq_redemption_reversals_voucher",
        "redemption_reversals",
        ["authority_id", "voucher_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'rejected'"),
    )


def downgrade() -> None:
    op.drop_column("api_keys", "made_by_agent_id")
    op.drop_table("redemption_reversals")
