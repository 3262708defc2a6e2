"""Causes, collective goals, and donations of points to them.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)

CAUSE_RULES = {
    "state_known": "state IN ('active', 'paused', 'ended')",
    "name_length": "char_length(name) BETWEEN 1 AND 100",
    "description_length": "char_length(description) BETWEEN 1 AND 1000",
    "siret_form": "siret ~ '^[0-9]{14}$'",
    "rna_form": "rna ~ '^W[0-9][0-9A-Z][0-9]{7}$'",
    "hundred_points_cents_positive": "hundred_points_cents > 0",
    "value_whole": "(hundred_points_cents IS NULL) = (funder_id IS NULL)",
}
GOAL_RULES = {
    "group_kind_known": "group_kind IN ('school', 'building', 'commune', 'other')",
    "group_name_length": "char_length(group_name) BETWEEN 1 AND 100",
    "title_length": "char_length(title) BETWEEN 1 AND 100",
    "reward_length": "char_length(reward) BETWEEN 1 AND 1000",
    "target_points_positive": "target_points > 0",
    "ends_after_it_starts": "ends_at > starts_at",
    "state_known": "state IN ('open', 'reached', 'closed', 'missed')",
    "reached_some_time": "(state IN ('reached', 'closed')) = (reached_at IS NOT NULL)",
    "ended_some_time": "(state IN ('closed', 'missed')) = (ended_at IS NOT NULL)",
}
DONATION_RULES = {
    "points_positive": "points > 0",
    "one_receiver": "num_nonnulls(to_cause_id, to_goal_id) = 1",
    "only_goals_give_back": "returned_at IS NULL OR to_goal_id IS NOT NULL",
}

GRANTS: dict[str, dict[str, str]] = {
    "bontri_api": {
        "SELECT": "causes, goals, donations",
        "INSERT": "donations",
        "UPDATE (state, reached_at, ended_at)": "goals",
        "UPDATE (returned_at)": "donations",
    },
    "bontri_operator": {
        "SELECT": "causes, goals, funders",
        "INSERT": "causes, goals",
        "UPDATE (state)": "causes",
    },
    "bontri_reader": {"SELECT": "causes, goals, donations"},
}
"""What a cause is paid for points, and what a goal asks for, nobody may change; who gave is in no table."""


def upgrade() -> None:
    change_kinds("'cause', 'expired', 'goal', 'lot', 'network', 'shop'")
    change_reasons("'adjustment', 'donation', 'expiry', 'merge', 'reversal', 'split', 'welcome'")
    create_causes()
    create_goals()
    create_donations()
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def change_kinds(bounded_kinds: str) -> None:
    op.drop_constraint("ck_accounts_kind_known", "accounts")
    op.create_check_constraint(
        "kind_known", "accounts", f"kind IN ('adjustment', 'bonus', 'issuing', 'loss', {bounded_kinds})"
    )


def change_reasons(reasons: str) -> None:
    op.drop_constraint("ck_transfers_reason_known", "transfers")
    op.create_check_constraint("reason_known", "transfers", f"reason IN ({reasons})")


def tenant() -> sa.Column[int]:
    return sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False)


def refer(table: str, column: str, to: str, to_column: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["authority_id", column],
        [f"{to}.authority_id", f"{to}.{to_column or column}"],
        name=op.f(f"fk_{table}_authority_id_{column}"),
    )


def refer_to_authority(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["authority_id"], ["authorities.authority_id"], name=op.f(f"fk_{table}_authority_id")
    )


def check(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def create_causes() -> None:
    op.create_table(
        "causes",
        tenant(),
        sa.Column("cause_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("siret", sa.Text(), nullable=True),
        sa.Column("rna", sa.Text(), nullable=True),
        sa.Column("hundred_points_cents", sa.Integer(), nullable=True),
        sa.Column("funder_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        refer_to_authority("causes"),
        refer("causes", "account_id", "accounts"),
        refer("causes", "funder_id", "funders"),
        *check("causes", CAUSE_RULES),
        sa.PrimaryKeyConstraint("authority_id", "cause_id", name=op.f("pk_causes")),
        info={"citus": "distributed"},
    )


def create_goals() -> None:
    op.create_table(
        "goals",
        tenant(),
        sa.Column("goal_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("to_cause_id", sa.Uuid(), nullable=True),
        sa.Column("group_kind", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("reward", sa.Text(), nullable=False),
        sa.Column("target_points", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", TIMESTAMP, nullable=False),
        sa.Column("ends_at", TIMESTAMP, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("reached_at", TIMESTAMP, nullable=True),
        sa.Column("ended_at", TIMESTAMP, nullable=True),
        refer_to_authority("goals"),
        refer("goals", "account_id", "accounts"),
        refer("goals", "to_cause_id", "causes", "cause_id"),
        *check("goals", GOAL_RULES),
        sa.PrimaryKeyConstraint("authority_id", "goal_id", name=op.f("pk_goals")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "ix_goals_running", "goals", ["authority_id", "ends_at"], postgresql_where=sa.text("ended_at IS NULL")
    )


def create_donations() -> None:
    op.create_table(
        "donations",
        tenant(),
        sa.Column("donation_id", sa.Uuid(), nullable=False),
        sa.Column("to_cause_id", sa.Uuid(), nullable=True),
        sa.Column("to_goal_id", sa.Uuid(), nullable=True),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("donated_at", TIMESTAMP, nullable=False),
        sa.Column("returned_at", TIMESTAMP, nullable=True),
        refer("donations", "to_cause_id", "causes", "cause_id"),
        refer("donations", "to_goal_id", "goals", "goal_id"),
        *check("donations", DONATION_RULES),
        sa.PrimaryKeyConstraint("authority_id", "donation_id", name=op.f("pk_donations")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "ix_donations_cause",
        "donations",
        ["authority_id", "to_cause_id", "donated_at"],
        postgresql_where=sa.text("to_cause_id IS NOT NULL"),
    )
    op.create_index(
        "ix_donations_kept_by_goal",
        "donations",
        ["authority_id", "to_goal_id"],
        postgresql_where=sa.text("to_goal_id IS NOT NULL AND returned_at IS NULL"),
    )


def downgrade() -> None:
    op.execute("REVOKE SELECT ON funders FROM bontri_operator")
    op.drop_table("donations")
    op.drop_table("goals")
    op.drop_table("causes")
    # What only this version can say goes with it: the points stay where they went, and no longer say to whom.
    op.execute("UPDATE transfers SET reason = 'adjustment', cause_id = NULL WHERE reason = 'donation'")
    change_reasons("'adjustment', 'expiry', 'merge', 'reversal', 'split', 'welcome'")
    op.execute("UPDATE accounts SET kind = 'network' WHERE kind IN ('cause', 'goal')")
    change_kinds("'expired', 'lot', 'network', 'shop'")
