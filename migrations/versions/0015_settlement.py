"""Statements shops are paid by, and budgets of those who pay them.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
import uuid_utils.compat
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"

KINDS = "'cause', 'expired', 'goal', 'lot', 'network', 'shop'"
OWN_KINDS = "'bonus', 'expired', 'loss', 'network'"
REASONS = "'adjustment', 'donation', 'expiry', 'merge', 'reinstatement', 'reversal', 'review', 'split', 'welcome'"
TIMESTAMP = postgresql.TIMESTAMP(timezone=True)
UNSETTLED = (
    "(status = 'redeemed' AND settled_at IS NULL)"
    " OR (status = 'reversed' AND settled_at IS NOT NULL AND deducted_at IS NULL)"
)
VOUCHER_RULES = {
    "settled_if_redeemed": "settled_at IS NULL OR status IN ('redeemed', 'reversed')",
    "deducted_if_settled": "deducted_at IS NULL OR (status = 'reversed' AND settled_at IS NOT NULL)",
}

GRANTS: dict[str, dict[str, str]] = {
    "bontri_api": {"SELECT": "funder_budgets", "UPDATE (committed_cents)": "funder_budgets"},
    # Lines and the facts of a statement are never changed: only its state is.
    "bontri_operator": {
        "SELECT": "settlements, settlement_lines, settlement_numbers, funder_budgets, funders, shops, vouchers",
        "INSERT": "settlements, settlement_lines, settlement_numbers, funder_budgets",
        "UPDATE (last_number)": "settlement_numbers",
        "UPDATE (state, sent_at, sent_by, paid_on, paid_by)": "settlements",
        "UPDATE (budget_cents, committed_cents)": "funder_budgets",
        "UPDATE (budget_year, settled_at, deducted_at)": "vouchers",
        "UPDATE (address)": "authorities",
    },
    "bontri_reader": {"SELECT": "settlements, settlement_lines, settlement_numbers, funder_budgets"},
}


def upgrade() -> None:
    change_kinds(f"{KINDS}, 'settled'", f"{OWN_KINDS}, 'settled'")
    replace_check("transfers", "reason_known", f"reason IN ({REASONS}, 'settlement')")
    op.add_column("authorities", sa.Column("address", sa.Text(), server_default=sa.text("''"), nullable=False))
    create_budgets()
    for column in (
        sa.Column("budget_year", sa.Integer(), nullable=True),
        sa.Column("settled_at", TIMESTAMP, nullable=True),
        sa.Column("deducted_at", TIMESTAMP, nullable=True),
    ):
        op.add_column("vouchers", column)
    op.create_foreign_key(
        "fk_vouchers_authority_id_funder_id_budget_year",
        "vouchers",
        "funder_budgets",
        ["authority_id", "funder_id", "budget_year"],
        ["authority_id", "funder_id", "year"],
    )
    for name, rule in VOUCHER_RULES.items():
        op.create_check_constraint(name, "vouchers", rule)
    op.create_index(
        "ix_vouchers_unsettled",
        "vouchers",
        ["authority_id", "redeemed_by_shop_id"],
        postgresql_where=sa.text(UNSETTLED),
    )
    create_numbers()
    create_settlements()
    create_lines()
    open_accounts()
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def change_kinds(bounded_kinds: str, own_kinds: str) -> None:
    replace_check("accounts", "kind_known", f"kind IN ('adjustment', 'bonus', 'issuing', 'loss', {bounded_kinds})")
    replace_check("authority_accounts", "kind_known", f"kind IN ({own_kinds})")


def replace_check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(f"ck_{table}_{name}", table)
    op.create_check_constraint(name, table, rule)


def checks(table: str, **rules: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def reference(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["authority_id", column],
        [f"{to}.authority_id", f"{to}.{column}"],
        name=op.f(f"fk_{table}_authority_id_{column}"),
    )


def create_budgets() -> None:
    op.create_table(
        "funder_budgets",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("funder_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("budget_cents", sa.BigInteger(), nullable=False),
        sa.Column("committed_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        *checks(
            "funder_budgets",
            year_range="year BETWEEN 2000 AND 9999",
            budget_cents_not_negative="budget_cents >= 0",
            committed_cents_not_negative="committed_cents >= 0",
            committed_within_budget="committed_cents <= budget_cents",
        ),
        reference("funder_budgets", "funder_id", "funders"),
        sa.PrimaryKeyConstraint("authority_id", "funder_id", "year", name=op.f("pk_funder_budgets")),
        info={"citus": "distributed"},
    )


def create_numbers() -> None:
    op.create_table(
        "settlement_numbers",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        *checks("settlement_numbers", last_number_not_negative="last_number >= 0"),
        sa.PrimaryKeyConstraint("authority_id", "year", name=op.f("pk_settlement_numbers")),
        info={"citus": "distributed"},
    )


def create_settlements() -> None:
    op.create_table(
        "settlements",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("shop_name", sa.Text(), nullable=False),
        sa.Column("shop_address", sa.Text(), nullable=False),
        sa.Column("authority_name", sa.Text(), nullable=False),
        sa.Column("authority_address", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("value_cents", sa.BigInteger(), nullable=False),
        sa.Column("payable_cents", sa.BigInteger(), nullable=False),
        sa.Column("locked_at", TIMESTAMP, nullable=False),
        sa.Column("locked_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sent_at", TIMESTAMP, nullable=True),
        sa.Column("sent_by", sa.Text(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("paid_by", sa.Text(), nullable=True),
        *checks(
            "settlements",
            number_positive="number > 0",
            month_begins_on_its_first="EXTRACT(day FROM month) = 1",
            state_known="state IN ('locked', 'sent', 'paid')",
            sent_some_time="(state = 'locked') = (sent_at IS NULL)",
            sent_by_somebody="(sent_at IS NULL) = (sent_by IS NULL)",
            paid_some_day="(state = 'paid') = (paid_on IS NOT NULL)",
            paid_by_somebody="(paid_on IS NULL) = (paid_by IS NULL)",
        ),
        reference("settlements", "shop_id", "shops"),
        sa.PrimaryKeyConstraint("authority_id", "settlement_id", name=op.f("pk_settlements")),
        sa.UniqueConstraint("authority_id", "shop_id", "month", name=op.f("uq_settlements_authority_id_shop_id_month")),
        sa.UniqueConstraint("authority_id", "year", "number", name=op.f("uq_settlements_authority_id_year_number")),
        info={"citus": "distributed"},
    )


def create_lines() -> None:
    op.create_table(
        "settlement_lines",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", TIMESTAMP, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("value_cents", sa.Integer(), nullable=False),
        sa.Column("payable_cents", sa.Integer(), nullable=False),
        sa.Column("funder_id", sa.Uuid(), nullable=False),
        sa.Column("funder_kind", sa.Text(), nullable=False),
        sa.Column("funder_name", sa.Text(), nullable=False),
        *checks(
            "settlement_lines",
            kind_known="kind IN ('redemption', 'reversal')",
            funder_kind_known="funder_kind IN ('authority', 'shop', 'sponsor')",
            signs_of_its_kind=(
                "CASE kind WHEN 'redemption' THEN points > 0 AND value_cents >= 0"
                " ELSE points < 0 AND value_cents <= 0 END"
            ),
            payable_unless_its_own="payable_cents = CASE funder_kind WHEN 'shop' THEN 0 ELSE value_cents END",
        ),
        reference("settlement_lines", "settlement_id", "settlements"),
        reference("settlement_lines", "voucher_id", "vouchers"),
        sa.PrimaryKeyConstraint("authority_id", "settlement_id", "line_no", name=op.f("pk_settlement_lines")),
        sa.UniqueConstraint(
            "authority_id", "voucher_id", "kind", name=op.f("uq_settlement_lines_authority_id_voucher_id_kind")
        ),
        info={"citus": "distributed"},
    )


def open_accounts() -> None:
    """Give every authority the account that keeps what shops were paid for."""
    connection = op.get_bind()
    for authority_id in connection.scalars(sa.text("SELECT authority_id FROM authorities ORDER BY 1")).all():
        values = {"authority_id": authority_id, "account_id": uuid_utils.compat.uuid7()}
        for statement in (
            "INSERT INTO accounts (authority_id, account_id, kind, created_at)"
            " VALUES (:authority_id, :account_id, 'settled', now())",
            "INSERT INTO authority_accounts (authority_id, kind, account_id)"
            " VALUES (:authority_id, 'settled', :account_id)",
        ):
            connection.execute(sa.text(statement), values)
    # What is deferred is looked at now: a table with pending checks cannot be altered by the next migration.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")


def downgrade() -> None:
    op.execute("REVOKE SELECT ON shops, vouchers FROM bontri_operator")
    op.execute("REVOKE UPDATE (address) ON authorities FROM bontri_operator")
    for table in ("settlement_lines", "settlements", "settlement_numbers"):
        op.drop_table(table)
    op.drop_index("ix_vouchers_unsettled", table_name="vouchers")
    for name in VOUCHER_RULES:
        op.drop_constraint(f"ck_vouchers_{name}", "vouchers")
    op.drop_constraint("fk_vouchers_authority_id_funder_id_budget_year", "vouchers")
    for column in ("deducted_at", "settled_at", "budget_year"):
        op.drop_column("vouchers", column)
    op.drop_table("funder_budgets")
    op.drop_column("authorities", "address")
    # What only this version can say goes with it: the points stay where they went.
    op.execute("UPDATE transfers SET reason = 'adjustment' WHERE reason = 'settlement'")
    replace_check("transfers", "reason_known", f"reason IN ({REASONS})")
    op.execute("DELETE FROM authority_accounts WHERE kind = 'settled'")
    op.execute("UPDATE accounts SET kind = 'adjustment' WHERE kind = 'settled'")
    change_kinds(KINDS, OWN_KINDS)
