"""Agents at work: sessions that end when nobody uses them, corrections between two of them, and what they may write.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"

INSTANT = postgresql.TIMESTAMP(timezone=True)
DECISION = ("requested_by_agent_id", "decided_by_agent_id")
GRANTS = {
    "SELECT": "sessions",
    "INSERT": "shops, sites, funders",
    "UPDATE (idle_until, revoked_at)": "sessions",
    "UPDATE (name, address, insee_code, state)": "shops",
    "UPDATE (reference, insee_code, address, latitude, longitude)": "sites",
    "UPDATE (stock)": "offers",
    "UPDATE (decided_by_agent_id)": "corrections",
}


def upgrade() -> None:
    op.add_column("sessions", sa.Column("idle_until", INSTANT, nullable=True))
    # Opened without an end of their own: they are over.
    op.execute("UPDATE sessions SET idle_until = created_at WHERE agent_id IS NOT NULL")
    op.create_check_constraint(
        op.f("ck_sessions_idle_if_an_agents"), "sessions", "(agent_id IS NULL) = (idle_until IS NULL)"
    )
    for column in DECISION:
        op.add_column("corrections", sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_corrections_authority_id_{column}"),
            "corrections",
            "agents",
            ["authority_id", column],
            ["authority_id", "agent_id"],
        )
    op.create_check_constraint(
        op.f("ck_corrections_approved_by_a_second_agent"),
        "corrections",
        "decided_by_agent_id <> requested_by_agent_id OR state = 'rejected'",
    )
    for right, tables in GRANTS.items():
        op.execute(f"GRANT {right} ON {tables} TO bontri_operator")


def downgrade() -> None:
    for right, tables in GRANTS.items():
        op.execute(f"REVOKE {right} ON {tables} FROM bontri_operator")
    op.drop_constraint(op.f("ck_corrections_approved_by_a_second_agent"), "corrections")
    for column in DECISION:
        op.drop_column("corrections", column)
    op.drop_constraint(op.f("ck_sessions_idle_if_an_agents"), "sessions")
    op.drop_column("sessions", "idle_until")
