"""What citizens do by themselves: sign up, see their sessions and cards, dispute a credit, report a bin.

Cards from before get an id of their own, taken from their digest. Signing up and claiming cards is open until an
authority closes it.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0026"
down_revision = "0025"

INSTANT = postgresql.TIMESTAMP(timezone=True)
GRANTS = {
    "bontri_api": {
        "SELECT": "limited_tries, disputes, bin_problems",
        "SELECT (card_id, label_encrypted, paired_at)": "badges",
        "INSERT": "limited_tries, disputes, bin_problems, citizens, contacts, badges",
        "UPDATE (tries, most, window_ends_at)": "limited_tries",
        "UPDATE (used_on)": "sessions",
        "UPDATE (display_name_encrypted)": "contacts",
        "UPDATE (citizen_id, state)": "badges",
        "UPDATE (label_encrypted)": "badges",
        "UPDATE (state, first_credited_on)": "citizens",
        "UPDATE (reports, last_reported_at)": "bin_problems",
    },
    "bontri_reader": {"SELECT": "disputes, bin_problems"},
    "bontri_privacy": {"SELECT, DELETE": "disputes"},
    "bontri_operator": {
        "SELECT": "limited_tries, disputes, bin_problems",
        "SELECT (authority_id, sign_in_id, expires_at)": "sign_in_codes",
        "DELETE": "limited_tries, sign_in_codes",
        "UPDATE (state, decided_by, decided_at, refusal, answer, correction_id)": "disputes",
        "UPDATE (closed_at, closed_by, outcome)": "bin_problems",
        "UPDATE (sign_up_is_open, claiming_is_open)": "authorities",
    },
}
"""Nobody may change what a citizen said in a dispute, nor when a problem was first reported."""

NEW_TABLES = ("limited_tries", "disputes", "bin_problems")
REASONS = (
    "(kind = 'reversal' AND reason IN ('bin_fault', 'wrong_card', 'fraud', 'mistake'))"
    " OR (kind = 'reinstatement' AND reason IN ('outage', 'hardship', 'mistake'))"
)
REASONS_OF_CREDITS = " OR (kind = 'credit' AND reason IN ('bin_fault', 'outage', 'mistake'))"


def upgrade() -> None:
    for column in ("sign_up_is_open", "claiming_is_open"):
        op.add_column("authorities", sa.Column(column, sa.Boolean(), server_default=sa.text("true"), nullable=False))
    open_sign_ups()
    give_cards_ids()
    op.add_column("contacts", sa.Column("display_name_encrypted", sa.LargeBinary(), nullable=True))
    op.add_column("sessions", sa.Column("label_encrypted", sa.LargeBinary(), nullable=True))
    op.add_column("sessions", sa.Column("used_on", sa.Date(), nullable=True))
    op.create_index("ix_sessions_citizen", "sessions", ["authority_id", "citizen_id", "session_id"])
    op.create_index("ix_sites_place", "sites", ["authority_id", "latitude", "longitude"])
    let_corrections_credit()
    create_disputes()
    create_bin_problems()
    protect_tenants(*NEW_TABLES)
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def open_sign_ups() -> None:
    op.add_column("sign_in_codes", sa.Column("email_encrypted", sa.LargeBinary(), nullable=True))
    op.create_check_constraint(
        op.f("ck_sign_in_codes_address_of_nobody_known"),
        "sign_in_codes",
        "email_encrypted IS NULL OR num_nonnulls(citizen_id, agent_id) = 0",
    )
    op.create_index("ix_sign_in_codes_over", "sign_in_codes", ["authority_id", "expires_at"])
    op.create_table(
        "limited_tries",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject_digest", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", INSTANT, nullable=False),
        sa.CheckConstraint("tries BETWEEN 0 AND most", name=op.f("ck_limited_tries_tries_range")),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["authorities.authority_id"], name=op.f("fk_limited_tries_authority_id")
        ),
        sa.PrimaryKeyConstraint("authority_id", "subject_digest", name=op.f("pk_limited_tries")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_limited_tries_over", "limited_tries", ["authority_id", "window_ends_at"])


def give_cards_ids() -> None:
    op.add_column("badges", sa.Column("card_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE badges SET card_id = CAST(substr(encode(badge_digest, 'hex'), 1, 32) AS uuid)")
    op.alter_column("badges", "card_id", nullable=False)
    op.add_column("badges", sa.Column("label_encrypted", sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(op.f("uq_badges_authority_id_card_id"), "badges", ["authority_id", "card_id"])
    op.create_index("ix_badges_citizen", "badges", ["authority_id", "citizen_id"])


def let_corrections_credit() -> None:
    op.add_column("corrections", sa.Column("granted_points", sa.BigInteger(), nullable=True))
    replace_reasons(REASONS + REASONS_OF_CREDITS)
    op.create_check_constraint(
        op.f("ck_corrections_credits_say_how_much"),
        "corrections",
        "(kind = 'credit') = (granted_points IS NOT NULL)",
    )
    op.create_check_constraint(
        op.f("ck_corrections_granted_points_range"), "corrections", "granted_points BETWEEN 1 AND 100000"
    )


def replace_reasons(condition: str) -> None:
    op.drop_constraint(op.f("ck_corrections_reason_known"), "corrections")
    op.create_check_constraint(op.f("ck_corrections_reason_known"), "corrections", condition)


def create_disputes() -> None:
    op.create_table(
        "disputes",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("dispute_id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("words_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("correction_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('points_missing', 'points_too_many', 'not_mine', 'not_received', 'other')",
            name=op.f("ck_disputes_reason_known"),
        ),
        sa.CheckConstraint("state IN ('open', 'accepted', 'rejected')", name=op.f("ck_disputes_state_known")),
        sa.CheckConstraint("(state = 'open') = (decided_by IS NULL)", name=op.f("ck_disputes_decided_by_somebody")),
        sa.CheckConstraint(
            "(decided_by IS NULL) = (decided_at IS NULL)", name=op.f("ck_disputes_decided_at_some_time")
        ),
        sa.CheckConstraint(
            "refusal IN ('as_recorded', 'cannot_be_checked', 'too_late', 'other')",
            name=op.f("ck_disputes_refusal_known"),
        ),
        sa.CheckConstraint(
            "(state = 'rejected') = (refusal IS NOT NULL)", name=op.f("ck_disputes_rejected_for_a_reason")
        ),
        sa.CheckConstraint(
            "(state = 'accepted') = (correction_id IS NOT NULL)", name=op.f("ck_disputes_accepted_by_a_correction")
        ),
        sa.CheckConstraint("char_length(answer) BETWEEN 1 AND 500", name=op.f("ck_disputes_answer_length")),
        sa.ForeignKeyConstraint(
            ["authority_id", "citizen_id"],
            ["citizens.authority_id", "citizens.citizen_id"],
            name=op.f("fk_disputes_authority_id_citizen_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "dispute_id", name=op.f("pk_disputes")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "uq_disputes_open",
        "disputes",
        ["authority_id", "transfer_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'rejected'"),
    )
    op.create_index("ix_disputes_citizen", "disputes", ["authority_id", "citizen_id", "dispute_id"])


def create_bin_problems() -> None:
    op.create_table(
        "bin_problems",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("last_reported_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('full', 'broken', 'blocked', 'card_not_read', 'litter')",
            name=op.f("ck_bin_problems_kind_known"),
        ),
        sa.CheckConstraint(
            "outcome IN ('mended', 'not_found', 'passed_on')", name=op.f("ck_bin_problems_outcome_known")
        ),
        sa.CheckConstraint("reports > 0", name=op.f("ck_bin_problems_reports_positive")),
        sa.CheckConstraint(
            "num_nulls(closed_at, closed_by, outcome) IN (0, 3)", name=op.f("ck_bin_problems_closed_whole")
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "bin_id"],
            ["bins.authority_id", "bins.bin_id"],
            name=op.f("fk_bin_problems_authority_id_bin_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "problem_id", name=op.f("pk_bin_problems")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "uq_bin_problems_open",
        "bin_problems",
        ["authority_id", "bin_id", "kind"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def downgrade() -> None:
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            kept = ", ".join(each for each in tables.split(", ") if each not in NEW_TABLES)
            if kept:
                op.execute(f"REVOKE {right} ON {kept} FROM {role}")
    for table in NEW_TABLES:
        op.drop_table(table)
    # The earlier version knows no such correction: its transfers stay, and say no more who asked for them.
    op.execute(
        "UPDATE transfers SET cause_id = NULL"
        " WHERE reason = 'adjustment' AND (authority_id, cause_id) IN"
        " (SELECT authority_id, correction_id FROM corrections WHERE kind = 'credit')"
    )
    op.execute("DELETE FROM corrections WHERE kind = 'credit'")
    for name in ("granted_points_range", "credits_say_how_much"):
        op.drop_constraint(op.f(f"ck_corrections_{name}"), "corrections")
    replace_reasons(REASONS)
    op.drop_column("corrections", "granted_points")
    op.drop_index("ix_sites_place", table_name="sites")
    op.drop_index("ix_sessions_citizen", table_name="sessions")
    op.drop_column("sessions", "used_on")
    op.drop_column("sessions", "label_encrypted")
    op.drop_column("contacts", "display_name_encrypted")
    op.drop_index("ix_badges_citizen", table_name="badges")
    op.drop_constraint(op.f("uq_badges_authority_id_card_id"), "badges")
    op.drop_column("badges", "label_encrypted")
    op.drop_column("badges", "card_id")
    op.drop_index("ix_sign_in_codes_over", table_name="sign_in_codes")
    op.execute("DELETE FROM sign_in_codes WHERE email_encrypted IS NOT NULL")
    op.drop_constraint(op.f("ck_sign_in_codes_address_of_nobody_known"), "sign_in_codes")
    op.drop_column("sign_in_codes", "email_encrypted")
    for column in ("claiming_is_open", "sign_up_is_open"):
        op.drop_column("authorities", column)
