"""Offers with stock, limits, a period, a funder and moderation; for one shop or for all.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
import uuid_utils.compat
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)
OUTCOMES = (
    "'redeemed', 'voucher_unknown', 'voucher_of_another_shop', 'voucher_already_redeemed', 'voucher_cancelled',"
    " 'voucher_expired'"
)

OFFER_RULES = {
    "category_known": "category IN ('local_shop', 'leisure', 'donation', 'authority')",
    "stock_not_negative": "stock >= 0",
    "sold_not_negative": "sold >= 0",
    "sold_within_stock": "sold <= stock",
    "offered_for_a_while": "offered_until > offered_from",
    "most_per_wallet_positive": "most_per_wallet > 0",
    "limit_period_known": "limit_period IN ('day', 'week', 'month', 'ever')",
    "limit_whole": "(most_per_wallet IS NULL) = (limit_period IS NULL)",
    "minimum_purchase_cents_not_negative": "minimum_purchase_cents >= 0",
}

GRANTS: dict[str, dict[str, str]] = {
    "bontri_api": {
        "SELECT": "funders",
        "UPDATE (sold)": "offers",
        "UPDATE (redeemed_by_shop_id)": "vouchers",
    },
    "bontri_reader": {"SELECT": "funders"},
}


def upgrade() -> None:
    replace_check("accounts", "kind_known", kinds_of("'expired', 'lot', 'network', 'shop'"))
    replace_check("authority_accounts", "kind_known", "kind IN ('bonus', 'expired', 'loss', 'network')")
    op.create_table(
        "funders",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("funder_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('authority', 'shop', 'sponsor')", name=op.f("ck_funders_kind_known")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_funders_name_length")),
        sa.ForeignKeyConstraint(["authority_id"], ["authorities.authority_id"], name=op.f("fk_funders_authority_id")),
        sa.PrimaryKeyConstraint("authority_id", "funder_id", name=op.f("pk_funders")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "uq_funders_authority",
        "funders",
        ["authority_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'authority'"),
    )
    for column in list_offer_columns():
        op.add_column("offers", column)
    op.add_column("vouchers", sa.Column("funder_id", sa.Uuid(), nullable=True))
    op.add_column("vouchers", sa.Column("redeemed_by_shop_id", sa.Uuid(), nullable=True))
    provide_for_authorities()
    op.execute("UPDATE vouchers SET redeemed_by_shop_id = shop_id WHERE status = 'redeemed'")
    for table in ("offers", "vouchers"):
        op.alter_column(table, "funder_id", nullable=False)
        op.alter_column(table, "shop_id", nullable=True)
        refer(table, "funder_id", "funders", "funder_id")
    refer("vouchers", "redeemed_by_shop_id", "shops", "shop_id")
    for name, rule in OFFER_RULES.items():
        op.create_check_constraint(name, "offers", rule)
    replace_check("offers", "state_known", "state IN ('draft', 'submitted', 'published', 'paused', 'ended')")
    op.create_check_constraint(
        "redeemed_by_a_shop", "vouchers", "(status = 'redeemed') = (redeemed_by_shop_id IS NOT NULL)"
    )
    op.create_check_constraint("redeemed_by_its_shop", "vouchers", "redeemed_by_shop_id = shop_id")
    replace_key_index("redeemed_by_shop_id")
    replace_check("redemption_attempts", "outcome_known", f"outcome IN ({OUTCOMES}, 'shop_revoked')")
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def list_offer_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("category", sa.Text(), server_default=sa.text("'local_shop'"), nullable=False),
        sa.Column("funder_id", sa.Uuid(), nullable=True),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("sold", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("offered_from", TIMESTAMP, nullable=True),
        sa.Column("offered_until", TIMESTAMP, nullable=True),
        sa.Column("most_per_wallet", sa.Integer(), nullable=True),
        sa.Column("limit_period", sa.Text(), nullable=True),
        sa.Column("minimum_purchase_cents", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("moderated_by", sa.Text(), nullable=True),
        sa.Column("moderated_at", TIMESTAMP, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
    ]


def kinds_of(bounded_kinds: str) -> str:
    return f"kind IN ('adjustment', 'bonus', 'issuing', 'loss', {bounded_kinds})"


def replace_check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(f"ck_{table}_{name}", table)
    op.create_check_constraint(name, table, rule)


def refer(table: str, column: str, to: str, to_column: str) -> None:
    op.create_foreign_key(
        f"fk_{table}_authority_id_{column}", table, to, ["authority_id", column], ["authority_id", to_column]
    )


def replace_key_index(column: str) -> None:
    op.drop_index("uq_vouchers_redemption_key", table_name="vouchers")
    op.create_index(
        "uq_vouchers_redemption_key",
        "vouchers",
        ["authority_id", column, "redemption_key"],
        unique=True,
        postgresql_where=sa.text("redemption_key IS NOT NULL"),
    )


def provide_for_authorities() -> None:
    """Make each authority the funder of what it has offered so far, and give it the network's account."""
    connection = op.get_bind()
    for authority_id, name in connection.execute(sa.text("SELECT authority_id, name FROM authorities")).all():
        values = {
            "authority_id": authority_id,
            "funder_id": uuid_utils.compat.uuid7(),
            "account_id": uuid_utils.compat.uuid7(),
            "name": name[:100],
        }
        for statement in (
            "INSERT INTO funders (authority_id, funder_id, kind, name)"
            " VALUES (:authority_id, :funder_id, 'authority', :name)",
            "UPDATE offers SET funder_id = :funder_id WHERE authority_id = :authority_id",
            "UPDATE vouchers SET funder_id = :funder_id WHERE authority_id = :authority_id",
            "INSERT INTO accounts (authority_id, account_id, kind, created_at)"
            " VALUES (:authority_id, :account_id, 'network', now())",
            "INSERT INTO authority_accounts (authority_id, kind, account_id)"
            " VALUES (:authority_id, 'network', :account_id)",
        ):
            connection.execute(sa.text(statement), values)
    # What is deferred is looked at now: a table with pending checks cannot be altered by the next migration.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")


def downgrade() -> None:
    op.execute("REVOKE UPDATE (sold) ON offers FROM bontri_api")
    # What only this version can say goes with it: no shop of its own means the one that redeemed it, or it is gone.
    op.execute("DELETE FROM redemption_attempts WHERE outcome = 'shop_revoked'")
    replace_check("redemption_attempts", "outcome_known", f"outcome IN ({OUTCOMES})")
    for name in ("redeemed_by_its_shop", "redeemed_by_a_shop"):
        op.drop_constraint(f"ck_vouchers_{name}", "vouchers")
    op.execute("UPDATE offers SET state = 'ended' WHERE state <> 'published'")
    replace_check("offers", "state_known", "state IN ('published', 'ended')")
    replace_key_index("shop_id")
    for name in OFFER_RULES:
        op.drop_constraint(f"ck_offers_{name}", "offers")
    op.drop_constraint("fk_vouchers_authority_id_redeemed_by_shop_id", "vouchers")
    for table in ("vouchers", "offers"):
        op.drop_constraint(f"fk_{table}_authority_id_funder_id", table)
        op.alter_column(table, "shop_id", nullable=False)
        op.drop_column(table, "funder_id")
    op.drop_column("vouchers", "redeemed_by_shop_id")
    for column in list_offer_columns():
        if column.name != "funder_id":
            op.drop_column("offers", column.name)
    op.drop_table("funders")
    op.execute("DELETE FROM authority_accounts WHERE kind = 'network'")
    op.execute("DELETE FROM accounts WHERE kind = 'network' AND credits_posted = 0 AND credits_pending = 0")
    replace_check("authority_accounts", "kind_known", "kind IN ('bonus', 'expired', 'loss')")
    op.execute("UPDATE accounts SET kind = 'expired' WHERE kind = 'network'")
    replace_check("accounts", "kind_known", kinds_of("'expired', 'lot', 'shop'"))
