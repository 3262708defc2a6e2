"""Campaigns with budgets, caps of a bin's hour, welcomes; which cap held points back.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)
OLD_OVERDRAFT_KINDS = "('adjustment', 'issuing', 'loss')"
NEW_OVERDRAFT_KINDS = "('adjustment', 'bonus', 'issuing', 'loss')"
CAPS = "('bin_hour', 'day', 'week', 'bin_hour+day', 'bin_hour+week', 'day+week', 'bin_hour+day+week')"

GRANTS: dict[str, dict[str, str]] = {
    "bontri_ingest": {
        "SELECT": "campaigns, bin_cap_usages, sites, authority_accounts",
        "INSERT": "bin_cap_usages",
        "UPDATE": "bin_cap_usages",
        "UPDATE (used_points, last_granted)": "campaigns",
        "UPDATE (first_credited_on)": "citizens",
    },
    "bontri_api": {"SELECT": "campaigns"},
    "bontri_reader": {"SELECT": "campaigns, bin_cap_usages, drafts"},
    "bontri_operator": {
        "SELECT": "campaigns, tariffs, tariff_lines, drafts, capped_deposits, citizens, offers",
        "INSERT": "campaigns, tariffs, tariff_lines, drafts",
        "UPDATE (stopped_at)": "campaigns",
        "UPDATE": "drafts",
    },
}


def upgrade() -> None:
    op.add_column("tariffs", sa.Column("bin_hour_cap_points", sa.Integer(), nullable=True))
    op.add_column("tariffs", sa.Column("welcome_points", sa.Integer(), server_default=sa.text("0"), nullable=False))
    replace_check("tariffs", "caps_positive", "day_cap_points > 0 AND week_cap_points > 0 AND bin_hour_cap_points > 0")
    op.create_check_constraint("welcome_points_range", "tariffs", "welcome_points BETWEEN 0 AND 10000")
    op.add_column("citizens", sa.Column("first_credited_on", sa.Date(), nullable=True))
    change_accounts(NEW_OVERDRAFT_KINDS)
    replace_check("authority_accounts", "kind_known", "kind IN ('bonus', 'loss')")
    replace_check("transfers", "reason_known", "reason IN ('adjustment', 'reversal', 'welcome')")
    for table in ("transfers", "capped_deposits"):
        op.add_column(table, sa.Column("withheld_by", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("campaign_id", sa.Uuid(), nullable=True))
        op.add_column(table, sa.Column("campaign_points", sa.Integer(), nullable=True))
        op.create_check_constraint("withheld_by_known", table, f"withheld_by IN {CAPS}")
        op.create_check_constraint("campaigns_whole", table, "(campaign_id IS NULL) = (campaign_points IS NULL)")
        op.create_check_constraint("campaign_points_not_negative", table, "campaign_points >= 0")
    create_campaigns()
    create_bin_cap_usages()
    create_drafts()
    note_first_credits()
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def replace_check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(f"ck_{table}_{name}", table)
    op.create_check_constraint(name, table, rule)


def change_accounts(overdraft_kinds: str) -> None:
    kinds = overdraft_kinds.removesuffix(")") + ", 'lot', 'shop')"
    replace_check("accounts", "kind_known", f"kind IN {kinds}")
    replace_check(
        "accounts", "no_overdraft", f"kind IN {overdraft_kinds} OR debits_posted + debits_pending <= credits_posted"
    )


def note_first_credits() -> None:
    """Whose wallet was credited before has had a first deposit; the day is that of the wallet's first."""
    op.execute("""
        UPDATE citizens c SET first_credited_on = f.day
          FROM (SELECT w.authority_id, w.wallet_id, min(CAST(t.recorded_at AT TIME ZONE a.timezone AS date)) AS day
                  FROM wallet_accounts w
                  JOIN authorities a ON a.authority_id = w.authority_id
                  JOIN transfers t ON t.authority_id = w.authority_id AND t.credit_account_id = w.account_id
                 WHERE t.journal_no IS NOT NULL
                 GROUP BY w.authority_id, w.wallet_id) AS f
         WHERE c.authority_id = f.authority_id AND c.wallet_id = f.wallet_id
    """)


def create_campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", TIMESTAMP, nullable=False),
        sa.Column("valid_until", TIMESTAMP, nullable=False),
        sa.Column("multiplier_percent", sa.Integer(), nullable=True),
        sa.Column("bonus_points", sa.Integer(), nullable=True),
        sa.Column("weekdays", sa.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("from_time", sa.Time(), nullable=True),
        sa.Column("until_time", sa.Time(), nullable=True),
        sa.Column("materials", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("site_ids", sa.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("insee_codes", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("is_first_deposit_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("budget_points", sa.BigInteger(), nullable=True),
        sa.Column("used_points", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_granted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stopped_at", TIMESTAMP, nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_campaigns_{name}"))
            for name, rule in {
                "ends_after_it_begins": "valid_until > valid_from",
                "multiplies_or_adds": "num_nonnulls(multiplier_percent, bonus_points) = 1",
                "multiplier_percent_range": "multiplier_percent BETWEEN 101 AND 1000",
                "bonus_points_range": "bonus_points BETWEEN 1 AND 10000",
                "weekdays_known": "weekdays <@ '{1,2,3,4,5,6,7}' AND cardinality(weekdays) > 0",
                "hours_of_one_day": "until_time > from_time",
                "hours_whole": "(from_time IS NULL) = (until_time IS NULL)",
                "materials_named": "cardinality(materials) > 0",
                "sites_named": "cardinality(site_ids) > 0",
                "communes_named": "cardinality(insee_codes) > 0",
                "budget_points_positive": "budget_points > 0",
                "budget_not_overspent": "used_points BETWEEN 0 AND budget_points",
            }.items()
        ),
        sa.ForeignKeyConstraint(["authority_id"], ["authorities.authority_id"], name=op.f("fk_campaigns_authority_id")),
        sa.PrimaryKeyConstraint("authority_id", "campaign_id", name=op.f("pk_campaigns")),
        info={"citus": "distributed"},
    )


def create_bin_cap_usages() -> None:
    op.create_table(
        "bin_cap_usages",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("starts_at", TIMESTAMP, nullable=False),
        sa.Column("cap_points", sa.Integer(), nullable=False),
        sa.Column("used_points", sa.Integer(), nullable=False),
        sa.Column("last_granted", sa.Integer(), nullable=False),
        sa.CheckConstraint("used_points >= 0", name=op.f("ck_bin_cap_usages_used_points_not_negative")),
        sa.ForeignKeyConstraint(
            ["authority_id", "bin_id"],
            ["bins.authority_id", "bins.bin_id"],
            name=op.f("fk_bin_cap_usages_authority_id_bin_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "bin_id", "starts_at", name=op.f("pk_bin_cap_usages")),
        info={"citus": "distributed"},
    )


def create_drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", TIMESTAMP, nullable=False),
        sa.Column("rehearsed_at", TIMESTAMP, nullable=True),
        sa.Column("published_by", sa.Text(), nullable=True),
        sa.Column("published_at", TIMESTAMP, nullable=True),
        sa.Column("published_id", sa.Uuid(), nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_drafts_{name}"))
            for name, rule in {
                "kind_known": "kind IN ('tariff', 'campaign')",
                "state_known": "state IN ('draft', 'rehearsed', 'published', 'discarded')",
                "name_length": "char_length(name) BETWEEN 1 AND 100",
                "published_some_time": "(state = 'published') = (published_at IS NOT NULL)",
            }.items()
        ),
        sa.ForeignKeyConstraint(["authority_id"], ["authorities.authority_id"], name=op.f("fk_drafts_authority_id")),
        sa.PrimaryKeyConstraint("authority_id", "draft_id", name=op.f("pk_drafts")),
        info={"citus": "distributed"},
    )


def downgrade() -> None:
    op.execute("REVOKE UPDATE (first_credited_on) ON citizens FROM bontri_ingest")
    op.execute("REVOKE SELECT ON sites, authority_accounts FROM bontri_ingest")
    op.execute("REVOKE SELECT ON tariffs, tariff_lines, capped_deposits, citizens, offers FROM bontri_operator")
    op.execute("REVOKE INSERT ON tariffs, tariff_lines FROM bontri_operator")
    op.drop_table("drafts")
    op.drop_table("bin_cap_usages")
    op.drop_table("campaigns")
    # What only this version can say goes with it: the points stay, and no longer say that they were a welcome.
    op.execute("UPDATE transfers SET reason = 'adjustment' WHERE reason = 'welcome'")
    op.execute("DELETE FROM authority_accounts WHERE kind = 'bonus'")
    op.execute("UPDATE accounts SET kind = 'adjustment' WHERE kind = 'bonus'")
    for table in ("capped_deposits", "transfers"):
        for name in ("campaign_points_not_negative", "campaigns_whole", "withheld_by_known"):
            op.drop_constraint(f"ck_{table}_{name}", table)
        for column in ("campaign_points", "campaign_id", "withheld_by"):
            op.drop_column(table, column)
    replace_check("transfers", "reason_known", "reason IN ('adjustment', 'reversal')")
    replace_check("authority_accounts", "kind_known", "kind IN ('loss')")
    change_accounts(OLD_OVERDRAFT_KINDS)
    op.drop_column("citizens", "first_credited_on")
    op.drop_constraint("ck_tariffs_welcome_points_range", "tariffs")
    replace_check("tariffs", "caps_positive", "day_cap_points > 0 AND week_cap_points > 0")
    op.drop_column("tariffs", "welcome_points")
    op.drop_column("tariffs", "bin_hour_cap_points")
