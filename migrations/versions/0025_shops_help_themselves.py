"""Staff of shops with PINs, what a shop may change itself, and the rights to do so over the API.

What is paused was so by the authority, as far as anybody knows: its shop cannot resume it.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0025"
down_revision = "0024"

INSTANT = postgresql.TIMESTAMP(timezone=True)
OUTCOMES = (
    "'redeemed', 'voucher_unknown', 'voucher_of_another_shop', 'voucher_already_redeemed', 'voucher_cancelled',"
    " 'voucher_expired', 'shop_revoked', 'voucher_reversed', 'short_code_unknown'"
)
OF_STAFF = ("redeemed_by_staff_id", "reversed_by_staff_id")
RULES = {
    "shops": {
        "phone_length": "char_length(phone) <= 30",
        "opening_hours_length": "char_length(opening_hours) <= 300",
    },
    "offers": {
        "paused_by_somebody": "(state = 'paused') = (paused_by IS NOT NULL)",
        "paused_by_known": "paused_by IN ('shop', 'authority')",
    },
    "vouchers": {
        "redeemed_by_staff_of_a_shop": "redeemed_by_staff_id IS NULL OR redeemed_by_shop_id IS NOT NULL",
        "reversed_by_staff_once": "reversed_by_staff_id IS NULL OR status = 'reversed'",
    },
}
TERMS = (
    "title, category, price_points, value_cents, voucher_valid_days, stock, offered_from, offered_until,"
    " most_per_wallet, limit_period, minimum_purchase_cents"
)
GRANTS = {
    "bontri_api": {
        "SELECT": "shop_staff, staff_tries, settlements, settlement_lines",
        "INSERT": "shop_staff, staff_tries, api_keys, offers",
        "UPDATE (name, pin_digest, state)": "shop_staff",
        "UPDATE (tries, window_ends_at)": "staff_tries",
        "UPDATE (expires_at, revoked_at)": "api_keys",
        "UPDATE (phone, opening_hours, wants_pins)": "shops",
        f"UPDATE ({TERMS}, state, moderated_by, moderated_at, note, paused_by)": "offers",
        f"UPDATE ({', '.join(OF_STAFF)})": "vouchers",
    },
    "bontri_operator": {"UPDATE (paused_by)": "offers"},
}


def upgrade() -> None:
    create_staff()
    protect_tenants("shop_staff", "staff_tries")
    op.add_column("shops", sa.Column("phone", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("shops", sa.Column("opening_hours", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("shops", sa.Column("wants_pins", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("offers", sa.Column("paused_by", sa.Text(), nullable=True))
    op.execute("UPDATE offers SET paused_by = 'authority' WHERE state = 'paused'")
    for column in OF_STAFF:
        op.add_column("vouchers", sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_vouchers_{column}"),
            "vouchers",
            "shop_staff",
            ["authority_id", "redeemed_by_shop_id", column],
            ["authority_id", "shop_id", "staff_id"],
        )
    for table, rules in RULES.items():
        for name, rule in rules.items():
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
    change_outcomes(f"{OUTCOMES}, 'pin_required', 'staff_refused'")
    op.create_index("ix_offers_shop", "offers", ["authority_id", "shop_id", "offer_id"])
    op.create_index(
        "ix_vouchers_redeemed",
        "vouchers",
        ["authority_id", "redeemed_by_shop_id", "ended_at", "voucher_id"],
        postgresql_where=sa.text("redemption_key IS NOT NULL"),
    )
    op.create_index(
        "ix_redemption_attempts_refused",
        "redemption_attempts",
        ["authority_id", "shop_id", "attempted_at", "attempt_id"],
        postgresql_where=sa.text("outcome <> 'redeemed'"),
    )
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def create_staff() -> None:
    op.create_table(
        "shop_staff",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pin_digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_shop_staff_name_length")),
        sa.CheckConstraint("state IN ('active', 'blocked')", name=op.f("ck_shop_staff_state_known")),
        sa.ForeignKeyConstraint(
            ["authority_id", "shop_id"],
            ["shops.authority_id", "shops.shop_id"],
            name=op.f("fk_shop_staff_authority_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "staff_id", name=op.f("pk_shop_staff")),
        sa.UniqueConstraint(
            "authority_id", "shop_id", "staff_id", name=op.f("uq_shop_staff_authority_id_shop_id_staff_id")
        ),
        info={"citus": "distributed"},
    )
    op.create_table(
        "staff_tries",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", INSTANT, nullable=False),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("ck_staff_tries_tries_range")),
        sa.ForeignKeyConstraint(
            ["authority_id", "staff_id"],
            ["shop_staff.authority_id", "shop_staff.staff_id"],
            name=op.f("fk_staff_tries_authority_id_staff_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "staff_id", name=op.f("pk_staff_tries")),
        info={"citus": "distributed"},
    )


def change_outcomes(outcomes: str) -> None:
    op.drop_constraint("ck_redemption_attempts_outcome_known", "redemption_attempts")
    op.create_check_constraint(
        op.f("ck_redemption_attempts_outcome_known"), "redemption_attempts", f"outcome IN ({outcomes})"
    )


def downgrade() -> None:
    op.execute("REVOKE SELECT ON settlements, settlement_lines FROM bontri_api")
    op.execute("REVOKE INSERT ON api_keys, offers FROM bontri_api")
    op.execute("REVOKE UPDATE (expires_at, revoked_at) ON api_keys FROM bontri_api")
    op.execute(f"REVOKE UPDATE ({TERMS}, state, moderated_by, moderated_at, note) ON offers FROM bontri_api")
    op.drop_index("ix_redemption_attempts_refused", table_name="redemption_attempts")
    op.drop_index("ix_vouchers_redeemed", table_name="vouchers")
    op.drop_index("ix_offers_shop", table_name="offers")
    # What only this version can say goes with it.
    op.execute("DELETE FROM redemption_attempts WHERE outcome IN ('pin_required', 'staff_refused')")
    change_outcomes(OUTCOMES)
    for table, rules in RULES.items():
        for name in rules:
            op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    for column in OF_STAFF:
        op.drop_column("vouchers", column)
    op.drop_column("offers", "paused_by")
    for column in ("wants_pins", "opening_hours", "phone"):
        op.drop_column("shops", column)
    op.drop_table("staff_tries")
    op.drop_table("shop_staff")
