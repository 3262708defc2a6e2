"""Citizens ask to be erased by themselves; the role that may erase does it. Links to lots that rest are cut.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0027"
down_revision = "0026"

INSTANT = postgresql.TIMESTAMP(timezone=True)
LETTERS = (
    "'points_expiring', 'goal_reached', 'goal_missed', 'wallet_merged', 'wallet_left', 'card_blocked',"
    " 'account_inactive', 'account_erased', 'statement_ready', 'offer_published', 'offer_rejected'"
)
CODES = "'sign_in_code', 'sign_up_code'"
GRANTS = {
    # It may ask and take back; it neither begins nor removes.
    "bontri_api": {
        "SELECT, INSERT": "erasure_requests",
        "UPDATE (asked_at, due_at, taken_back_at)": "erasure_requests",
    },
    "bontri_privacy": {
        "SELECT, DELETE": "erasure_requests",
        "UPDATE (begun_at)": "erasure_requests",
        "SELECT": "donations, goals",
    },
    "bontri_operator": {"UPDATE (history_kept_months)": "authorities"},
    "bontri_reader": {"SELECT": "erasure_requests"},
}


def upgrade() -> None:
    op.create_table(
        "erasure_requests",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("taken_back_at", INSTANT, nullable=True),
        sa.Column("begun_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "taken_back_at IS NULL OR begun_at IS NULL", name=op.f("ck_erasure_requests_begun_or_taken_back")
        ),
        sa.CheckConstraint("due_at >= asked_at", name=op.f("ck_erasure_requests_due_after_it_was_asked")),
        sa.ForeignKeyConstraint(
            ["authority_id", "citizen_id"],
            ["citizens.authority_id", "citizens.citizen_id"],
            name=op.f("fk_erasure_requests_authority_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "citizen_id", name=op.f("pk_erasure_requests")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "ix_erasure_requests_due",
        "erasure_requests",
        ["authority_id", "due_at"],
        postgresql_where=sa.text("taken_back_at IS NULL"),
    )
    protect_tenants("erasure_requests")
    know_letters(f"{CODES}, 'erasure_code'")
    months = sa.Column("history_kept_months", sa.SmallInteger(), server_default=sa.text("24"), nullable=False)
    op.add_column("authorities", months)
    op.create_check_constraint(
        op.f("ck_authorities_history_kept_months_range"), "authorities", "history_kept_months BETWEEN 12 AND 120"
    )
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def know_letters(codes: str) -> None:
    """Let the outbox hold these codes, and the other letters there are."""
    for name, rule in (
        ("kind_known", f"kind IN ({codes}, {LETTERS})"),
        ("no_code_in_the_open", f"kind NOT IN ({codes}) OR (good_until IS NOT NULL AND facts = '{{}}')"),
    ):
        op.drop_constraint(op.f(f"ck_outbox_{name}"), "outbox")
        op.create_check_constraint(op.f(f"ck_outbox_{name}"), "outbox", rule)


def downgrade() -> None:
    op.execute("DELETE FROM outbox WHERE kind = 'erasure_code'")
    know_letters(CODES)
    op.execute("REVOKE SELECT ON donations, goals FROM bontri_privacy")
    op.drop_column("authorities", "history_kept_months")
    op.drop_table("erasure_requests")
