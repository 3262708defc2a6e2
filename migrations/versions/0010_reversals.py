"""Redemptions taken back, and short codes to be typed.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)
OUTCOMES = (
    "'redeemed', 'voucher_unknown', 'voucher_of_another_shop', 'voucher_already_redeemed', 'voucher_cancelled',"
    " 'voucher_expired', 'shop_revoked'"
)
NEW_COLUMNS = ("reversed_at", "reversed_by", "reversal_reason")
NEW_RULES = {
    "reversed_some_time": "(status = 'reversed') = (reversed_at IS NOT NULL)",
    "reversed_by_somebody": "(reversed_at IS NULL) = (reversed_by IS NULL)",
    "reversed_for_a_reason": "(reversed_at IS NULL) = (reversal_reason IS NULL)",
    "reversal_reason_known": "reversal_reason IN ('mistake', 'goods_returned', 'fraud', 'other')",
}

GRANTS: dict[str, dict[str, str]] = {
    "bontri_api": {
        "SELECT": "short_codes, short_code_tries",
        "INSERT": "short_codes, short_code_tries",
        "UPDATE": "short_codes, short_code_tries",
        "UPDATE (reversed_at, reversed_by, reversal_reason)": "vouchers",
    },
}


def upgrade() -> None:
    op.add_column("vouchers", sa.Column("reversed_at", TIMESTAMP, nullable=True))
    op.add_column("vouchers", sa.Column("reversed_by", sa.Text(), nullable=True))
    op.add_column("vouchers", sa.Column("reversal_reason", sa.Text(), nullable=True))
    change_states("'issued', 'redeemed', 'reversed', 'cancelled', 'expired'", "status IN ('redeemed', 'reversed')")
    for name, rule in NEW_RULES.items():
        op.create_check_constraint(name, "vouchers", rule)
    replace_check(
        "redemption_attempts", "outcome_known", f"outcome IN ({OUTCOMES}, 'voucher_reversed', 'short_code_unknown')"
    )
    create_short_codes()
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def replace_check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(f"ck_{table}_{name}", table)
    op.create_check_constraint(name, table, rule)


def change_states(states: str, is_redeemed: str) -> None:
    replace_check("vouchers", "status_known", f"status IN ({states})")
    replace_check("vouchers", "redeemed_by_a_key", f"({is_redeemed}) = (redemption_key IS NOT NULL)")
    replace_check("vouchers", "redeemed_by_a_shop", f"({is_redeemed}) = (redeemed_by_shop_id IS NOT NULL)")


def create_short_codes() -> None:
    shop = sa.ForeignKeyConstraint(
        ["authority_id", "shop_id"],
        ["shops.authority_id", "shops.shop_id"],
        name=op.f("fk_short_codes_authority_id_shop_id"),
    )
    op.create_table(
        "short_codes",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", TIMESTAMP, nullable=False),
        shop,
        sa.ForeignKeyConstraint(
            ["authority_id", "voucher_id"],
            ["vouchers.authority_id", "vouchers.voucher_id"],
            name=op.f("fk_short_codes_authority_id_voucher_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "voucher_id", name=op.f("pk_short_codes")),
        sa.UniqueConstraint(
            "authority_id", "shop_id", "code_digest", name=op.f("uq_short_codes_authority_id_shop_id_code_digest")
        ),
        info={"citus": "distributed"},
    )
    op.create_table(
        "short_code_tries",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", TIMESTAMP, nullable=False),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("ck_short_code_tries_tries_range")),
        sa.ForeignKeyConstraint(
            ["authority_id", "shop_id"],
            ["shops.authority_id", "shops.shop_id"],
            name=op.f("fk_short_code_tries_authority_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "shop_id", name=op.f("pk_short_code_tries")),
        info={"citus": "distributed"},
    )


def downgrade() -> None:
    op.drop_table("short_code_tries")
    op.drop_table("short_codes")
    op.execute("DELETE FROM redemption_attempts WHERE outcome IN ('voucher_reversed', 'short_code_unknown')")
    replace_check("redemption_attempts", "outcome_known", f"outcome IN ({OUTCOMES})")
    for name in NEW_RULES:
        op.drop_constraint(f"ck_vouchers_{name}", "vouchers")
    # The earlier version knows no such state; the transfers that gave the points back stay.
    op.execute("UPDATE vouchers SET status = 'redeemed' WHERE status = 'reversed'")
    change_states("'issued', 'redeemed', 'cancelled', 'expired'", "status = 'redeemed'")
    for name in NEW_COLUMNS:
        op.drop_column("vouchers", name)
