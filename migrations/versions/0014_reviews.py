"""Credits in review; expired points given back.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)
CORRECTION_REASONS = "('bin_fault', 'wrong_card', 'fraud', 'mistake')"
REVIEW_RULES = "review_over_items, review_over_mass_g, reviews_doubtful_clocks"
TRANSFER_REASONS = "'adjustment', 'donation', 'expiry', 'merge', 'reversal', 'split', 'welcome'"

GRANTS: dict[str, dict[str, str]] = {
    "bontri_ingest": {"INSERT": "reviews"},
    "bontri_api": {"SELECT": "reviews"},
    "bontri_reader": {"SELECT": "reviews"},
    "bontri_operator": {
        "SELECT": "reviews",
        "UPDATE (state, decided_by, decided_at, reason, note)": "reviews",
        f"UPDATE ({REVIEW_RULES})": "authorities",
        "UPDATE (expires_on)": "accounts",
        "UPDATE (expired_points)": "corrections",
    },
}
"""Nobody may change when a review ends, nor why a credit waits for one."""


def upgrade() -> None:
    op.add_column("authorities", sa.Column("review_over_items", sa.SmallInteger(), nullable=True))
    op.add_column("authorities", sa.Column("review_over_mass_g", sa.Integer(), nullable=True))
    op.add_column(
        "authorities",
        sa.Column("reviews_doubtful_clocks", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_check_constraint("review_over_items_range", "authorities", "review_over_items BETWEEN 1 AND 200")
    op.create_check_constraint("review_over_mass_g_range", "authorities", "review_over_mass_g BETWEEN 1 AND 2000000")
    replace_check("transfers", "reason_known", f"reason IN ({TRANSFER_REASONS}, 'reinstatement', 'review')")
    create_reviews()
    widen_corrections()
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def replace_check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(f"ck_{table}_{name}", table)
    op.create_check_constraint(name, table, rule)


def create_reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("due_at", TIMESTAMP, nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", TIMESTAMP, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_reviews_{name}"))
            for name, rule in {
                "rule_known": "rule IN ('large_deposit', 'doubtful_clock')",
                "state_known": "state IN ('open', 'approved', 'rejected', 'lapsed')",
                "decided_at_some_time": "(state = 'open') = (decided_at IS NULL)",
                "decided_by_somebody": "(state IN ('approved', 'rejected')) = (decided_by IS NOT NULL)",
                "reason_known": f"reason IN {CORRECTION_REASONS}",
                "rejected_for_a_reason": "(state = 'rejected') = (reason IS NOT NULL)",
                "rejected_with_a_note": "(reason IS NULL) = (note IS NULL)",
                "note_length": "char_length(note) BETWEEN 1 AND 500",
            }.items()
        ),
        sa.PrimaryKeyConstraint("authority_id", "transfer_id", name=op.f("pk_reviews")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "ix_reviews_open",
        "reviews",
        ["authority_id", "due_at", "transfer_id"],
        postgresql_where=sa.text("state = 'open'"),
    )


def widen_corrections() -> None:
    """Corrections may give back what expired, and take from what did."""
    op.add_column("corrections", sa.Column("kind", sa.Text(), server_default=sa.text("'reversal'"), nullable=False))
    op.add_column("corrections", sa.Column("expired_points", sa.BigInteger(), nullable=True))
    # Until now points that had expired were counted as lost, and stay so.
    op.execute("UPDATE corrections SET expired_points = 0 WHERE taken_points IS NOT NULL")
    replace_check(
        "corrections",
        "reason_known",
        f"(kind = 'reversal' AND reason IN {CORRECTION_REASONS})"
        " OR (kind = 'reinstatement' AND reason IN ('outage', 'hardship', 'mistake'))",
    )
    replace_check(
        "corrections", "points_not_negative", "taken_points >= 0 AND expired_points >= 0 AND lost_points >= 0"
    )
    replace_check(
        "corrections", "points_only_approved", "taken_points IS NULL OR (state = 'approved' AND kind = 'reversal')"
    )
    replace_check("corrections", "points_whole", "num_nulls(taken_points, expired_points, lost_points) IN (0, 3)")


def downgrade() -> None:
    # An earlier version could neither end a pending credit nor say what became of one.
    if op.get_bind().scalar(sa.text("SELECT EXISTS (SELECT FROM reviews)")):
        raise RuntimeError("there are credits in review, or were: this database cannot go back before 0014")
    # What only this version can say goes with it: points stay where they went.
    op.execute("DELETE FROM corrections WHERE kind = 'reinstatement'")
    op.execute("UPDATE corrections SET lost_points = lost_points + expired_points WHERE expired_points > 0")
    replace_check("corrections", "points_whole", "(taken_points IS NULL) = (lost_points IS NULL)")
    replace_check("corrections", "points_only_approved", "taken_points IS NULL OR state = 'approved'")
    replace_check("corrections", "points_not_negative", "taken_points >= 0 AND lost_points >= 0")
    replace_check("corrections", "reason_known", f"reason IN {CORRECTION_REASONS}")
    op.drop_column("corrections", "expired_points")
    op.drop_column("corrections", "kind")
    op.drop_table("reviews")
    op.execute("UPDATE transfers SET reason = 'adjustment' WHERE reason = 'reinstatement'")
    replace_check("transfers", "reason_known", f"reason IN ({TRANSFER_REASONS})")
    op.execute("REVOKE UPDATE (expires_on) ON accounts FROM bontri_operator")
    for name in ("review_over_mass_g_range", "review_over_items_range"):
        op.drop_constraint(f"ck_authorities_{name}", "authorities")
    for name in REVIEW_RULES.split(", "):
        op.drop_column("authorities", name)
