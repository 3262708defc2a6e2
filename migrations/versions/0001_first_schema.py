"""The first schema: territory, events, ledger, citizens, tariffs, shops, access.

Revision ID: 0001
Revises:
Create Date: 2026-11-21 22:50:05.178125
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    # Placements of one bin must not overlap: an exclusion constraint over text and time needs it. A trusted
    # extension: the owner of the database may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "accounts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("debits_posted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("credits_posted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("debits_pending", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("credits_pending", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'lot') = (expires_on IS NOT NULL)", name=op.f("ck_accounts_lots_expire")),
        sa.CheckConstraint(
            "kind IN ('adjustment', 'issuing', 'loss') OR debits_posted + debits_pending <= credits_posted",
            name=op.f("ck_accounts_no_overdraft"),
        ),
        sa.CheckConstraint(
            "kind IN ('adjustment', 'issuing', 'loss', 'lot', 'shop')", name=op.f("ck_accounts_kind_known")
        ),
        sa.CheckConstraint(
            "debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0",
            name=op.f("ck_accounts_counters_not_negative"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "account_id", name=op.f("pk_accounts")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "authorities",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("fleet_version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("points_valid_months", sa.Integer(), server_default=sa.text("24"), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("slug ~ '^[a-z0-9-]{2,32}$'", name=op.f("ck_authorities_slug_alphabet")),
        sa.CheckConstraint(
            "points_valid_months BETWEEN 1 AND 120", name=op.f("ck_authorities_points_valid_months_range")
        ),
        sa.PrimaryKeyConstraint("authority_id", name=op.f("pk_authorities")),
        sa.UniqueConstraint("slug", name=op.f("uq_authorities_slug")),
        info={"citus": "reference"},
    )
    op.create_table(
        "capped_deposits",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("journal_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("tariff_line_id", sa.Uuid(), nullable=False),
        sa.Column("withheld_points", sa.Integer(), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("withheld_points > 0", name=op.f("ck_capped_deposits_withheld_points_positive")),
        sa.PrimaryKeyConstraint("authority_id", "journal_no", "seq", name=op.f("pk_capped_deposits")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_capped_deposits_account", "capped_deposits", ["authority_id", "account_id"], unique=False)
    op.create_table(
        "daily_deposits",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("deposits", sa.BigInteger(), nullable=False),
        sa.Column("credited_deposits", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("mass_g", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("authority_id", "day", "bin_id", "site_id", "material", name=op.f("pk_daily_deposits")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "events",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("journal_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("items", sa.SmallInteger(), nullable=True),
        sa.Column("mass_g", sa.Integer(), nullable=True),
        sa.Column("refused", sa.SmallInteger(), nullable=True),
        sa.Column("confidence", sa.REAL(), nullable=True),
        sa.Column("emptied_by", sa.Text(), nullable=True),
        sa.Column("occurred_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("is_estimated", sa.Boolean(), nullable=False),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("(type = 'deposit') = (items IS NOT NULL)", name=op.f("ck_events_deposits_have_items")),
        sa.CheckConstraint("type IN ('deposit', 'emptying')", name=op.f("ck_events_type_known")),
        sa.CheckConstraint("items BETWEEN 0 AND 200", name=op.f("ck_events_items_range")),
        sa.CheckConstraint("mass_g BETWEEN 1 AND 2000000", name=op.f("ck_events_mass_g_range")),
        sa.CheckConstraint("seq BETWEEN 1 AND 9223372036854775806", name=op.f("ck_events_seq_range")),
        sa.PrimaryKeyConstraint("authority_id", "journal_no", "seq", name=op.f("pk_events")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "idempotent_requests",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("authority_id", "principal_id", "idempotency_key", name=op.f("pk_idempotent_requests")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "quarantined_messages",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_digest", sa.LargeBinary(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payload_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("times > 0", name=op.f("ck_quarantined_messages_times_positive")),
        sa.PrimaryKeyConstraint("authority_id", "message_digest", name=op.f("pk_quarantined_messages")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "transfers",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("debit_account_id", sa.Uuid(), nullable=False),
        sa.Column("credit_account_id", sa.Uuid(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("pending_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("journal_no", sa.Integer(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("tariff_line_id", sa.Uuid(), nullable=True),
        sa.Column("withheld_points", sa.Integer(), nullable=True),
        sa.Column("voucher_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(phase IN ('post', 'void')) = (pending_id IS NOT NULL)",
            name=op.f("ck_transfers_endings_name_their_pending"),
        ),
        sa.CheckConstraint("phase IN ('single', 'pending', 'post', 'void')", name=op.f("ck_transfers_phase_known")),
        sa.CheckConstraint("(journal_no IS NULL) = (seq IS NULL)", name=op.f("ck_transfers_event_identity_whole")),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name=op.f("ck_transfers_two_accounts")),
        sa.CheckConstraint("points > 0", name=op.f("ck_transfers_points_positive")),
        sa.CheckConstraint("withheld_points >= 0", name=op.f("ck_transfers_withheld_points_not_negative")),
        sa.PrimaryKeyConstraint("authority_id", "transfer_id", name=op.f("pk_transfers")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_transfers_credit_account", "transfers", ["authority_id", "credit_account_id"], unique=False)
    op.create_index(
        "ix_transfers_debit_account",
        "transfers",
        ["authority_id", "debit_account_id"],
        unique=False,
        postgresql_where=sa.text("voucher_id IS NOT NULL"),
    )
    op.create_index(
        "ix_transfers_voucher",
        "transfers",
        ["authority_id", "voucher_id"],
        unique=False,
        postgresql_where=sa.text("voucher_id IS NOT NULL"),
    )
    op.create_index(
        "uq_transfers_event",
        "transfers",
        ["authority_id", "journal_no", "seq"],
        unique=True,
        postgresql_where=sa.text("journal_no IS NOT NULL"),
    )
    op.create_index(
        "uq_transfers_pending",
        "transfers",
        ["authority_id", "pending_id"],
        unique=True,
        postgresql_where=sa.text("pending_id IS NOT NULL"),
    )
    op.create_table(
        "wallets",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("authority_id", "wallet_id", name=op.f("pk_wallets")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "bin_directory",
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("authority_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("bin_id ~ '^[A-Z0-9-]{4,32}$'", name=op.f("ck_bin_directory_bin_id_alphabet")),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["authorities.authority_id"], name=op.f("fk_bin_directory_authority_id")
        ),
        sa.PrimaryKeyConstraint("bin_id", name=op.f("pk_bin_directory")),
        info={"citus": "reference"},
    )
    op.create_table(
        "bins",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("issuing_account_id", sa.Uuid(), nullable=False),
        sa.Column("capacity_l", sa.Integer(), nullable=True),
        sa.Column("newest_key_number", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('live', 'revoked')", name=op.f("ck_bins_state_known")),
        sa.ForeignKeyConstraint(
            ["authority_id", "issuing_account_id"],
            ["accounts.authority_id", "accounts.account_id"],
            name=op.f("fk_bins_authority_id_issuing_account_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "bin_id", name=op.f("pk_bins")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "citizens",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'blocked')", name=op.f("ck_citizens_state_known")),
        sa.ForeignKeyConstraint(
            ["authority_id", "wallet_id"],
            ["wallets.authority_id", "wallets.wallet_id"],
            name=op.f("fk_citizens_authority_id_wallet_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "citizen_id", name=op.f("pk_citizens")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "communes",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("insee_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("population_year", sa.Integer(), nullable=False),
        sa.CheckConstraint("population > 0", name=op.f("ck_communes_population_positive")),
        sa.ForeignKeyConstraint(["authority_id"], ["authorities.authority_id"], name=op.f("fk_communes_authority_id")),
        sa.PrimaryKeyConstraint("authority_id", "insee_code", name=op.f("pk_communes")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "materials",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("unit_mass_g", sa.Integer(), nullable=True),
        sa.CheckConstraint("material ~ '^[a-z][a-z0-9_-]{1,31}$'", name=op.f("ck_materials_material_alphabet")),
        sa.CheckConstraint("unit_mass_g > 0", name=op.f("ck_materials_unit_mass_g_positive")),
        sa.ForeignKeyConstraint(["authority_id"], ["authorities.authority_id"], name=op.f("fk_materials_authority_id")),
        sa.PrimaryKeyConstraint("authority_id", "material", name=op.f("pk_materials")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "quarantined_events",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("journal_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("message_digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["authority_id", "message_digest"],
            ["quarantined_messages.authority_id", "quarantined_messages.message_digest"],
            name=op.f("fk_quarantined_events_authority_id_message_digest"),
        ),
        sa.PrimaryKeyConstraint(
            "authority_id", "journal_no", "seq", "content_digest", name=op.f("pk_quarantined_events")
        ),
        info={"citus": "distributed"},
    )
    op.create_table(
        "tariffs",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tariff_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("day_cap_points", sa.Integer(), nullable=True),
        sa.Column("week_cap_points", sa.Integer(), nullable=True),
        sa.CheckConstraint("day_cap_points > 0 AND week_cap_points > 0", name=op.f("ck_tariffs_caps_positive")),
        sa.ForeignKeyConstraint(["authority_id"], ["authorities.authority_id"], name=op.f("fk_tariffs_authority_id")),
        sa.PrimaryKeyConstraint("authority_id", "tariff_id", name=op.f("pk_tariffs")),
        sa.UniqueConstraint("authority_id", "valid_from", name=op.f("uq_tariffs_authority_id_valid_from")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "wallet_accounts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("lot_month", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["authority_id", "account_id"],
            ["accounts.authority_id", "accounts.account_id"],
            name=op.f("fk_wallet_accounts_authority_id_account_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "wallet_id"],
            ["wallets.authority_id", "wallets.wallet_id"],
            name=op.f("fk_wallet_accounts_authority_id_wallet_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "account_id", name=op.f("pk_wallet_accounts")),
        sa.UniqueConstraint(
            "authority_id",
            "wallet_id",
            "lot_month",
            name=op.f("uq_wallet_accounts_authority_id_wallet_id_lot_month"),
        ),
        info={"citus": "distributed"},
    )
    op.create_table(
        "badges",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("badge_digest", sa.LargeBinary(), nullable=False),
        sa.Column("pepper_no", sa.SmallInteger(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("paired_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'blocked')", name=op.f("ck_badges_state_known")),
        sa.ForeignKeyConstraint(
            ["authority_id", "citizen_id"],
            ["citizens.authority_id", "citizens.citizen_id"],
            name=op.f("fk_badges_authority_id_citizen_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "badge_digest", name=op.f("pk_badges")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "bin_journals",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("journal_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("received", postgresql.INT8MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("lost", postgresql.INT8MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("next_seq", sa.BigInteger(), nullable=True),
        sa.Column("oldest_held", sa.BigInteger(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("journal ~ '^[0-9a-f]{32}$'", name=op.f("ck_bin_journals_journal_hex")),
        sa.ForeignKeyConstraint(
            ["authority_id", "bin_id"],
            ["bins.authority_id", "bins.bin_id"],
            name=op.f("fk_bin_journals_authority_id_bin_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "journal_no", name=op.f("pk_bin_journals")),
        sa.UniqueConstraint(
            "authority_id", "bin_id", "journal", name=op.f("uq_bin_journals_authority_id_bin_id_journal")
        ),
        info={"citus": "distributed"},
    )
    op.create_table(
        "bin_keys",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("key_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('valid', 'revoked')", name=op.f("ck_bin_keys_state_known")),
        sa.CheckConstraint("key_number BETWEEN 1 AND 32767", name=op.f("ck_bin_keys_key_number_range")),
        sa.ForeignKeyConstraint(
            ["authority_id", "bin_id"],
            ["bins.authority_id", "bins.bin_id"],
            name=op.f("fk_bin_keys_authority_id_bin_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "bin_id", "key_number", name=op.f("pk_bin_keys")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "bin_reports",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("last_heard_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("hello_boot", sa.BigInteger(), nullable=True),
        sa.Column("hello_n", sa.BigInteger(), nullable=True),
        sa.Column("firmware", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("status_boot", sa.BigInteger(), nullable=True),
        sa.Column("status_n", sa.BigInteger(), nullable=True),
        sa.Column("status_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("status", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("presence_boot", sa.BigInteger(), nullable=True),
        sa.Column("presence_conn", sa.BigInteger(), nullable=True),
        sa.Column("is_online", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authority_id", "bin_id"],
            ["bins.authority_id", "bins.bin_id"],
            name=op.f("fk_bin_reports_authority_id_bin_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "bin_id", name=op.f("pk_bin_reports")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "cap_usages",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("cap_points", sa.Integer(), nullable=False),
        sa.Column("used_points", sa.Integer(), nullable=False),
        sa.Column("last_granted", sa.Integer(), nullable=False),
        sa.CheckConstraint("period IN ('day', 'week')", name=op.f("ck_cap_usages_period_known")),
        sa.CheckConstraint("used_points >= 0", name=op.f("ck_cap_usages_used_points_not_negative")),
        sa.ForeignKeyConstraint(
            ["authority_id", "citizen_id"],
            ["citizens.authority_id", "citizens.citizen_id"],
            name=op.f("fk_cap_usages_authority_id_citizen_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "citizen_id", "period", "starts_on", name=op.f("pk_cap_usages")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "contacts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("email_digest", sa.LargeBinary(), nullable=False),
        sa.Column("email_encrypted", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["authority_id", "citizen_id"],
            ["citizens.authority_id", "citizens.citizen_id"],
            name=op.f("fk_contacts_authority_id_citizen_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "citizen_id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("authority_id", "email_digest", name=op.f("uq_contacts_authority_id_email_digest")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "sessions",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["authority_id", "citizen_id"],
            ["citizens.authority_id", "citizens.citizen_id"],
            name=op.f("fk_sessions_authority_id_citizen_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "session_id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("authority_id", "token_digest", name=op.f("uq_sessions_authority_id_token_digest")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "shops",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("insee_code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'revoked')", name=op.f("ck_shops_state_known")),
        sa.ForeignKeyConstraint(
            ["authority_id", "account_id"],
            ["accounts.authority_id", "accounts.account_id"],
            name=op.f("fk_shops_authority_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "insee_code"],
            ["communes.authority_id", "communes.insee_code"],
            name=op.f("fk_shops_authority_id_insee_code"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "shop_id", name=op.f("pk_shops")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "sign_in_codes",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sign_in_id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=True),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("tries_left", sa.SmallInteger(), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_sign_in_codes_tries_left_not_negative")),
        sa.ForeignKeyConstraint(
            ["authority_id", "citizen_id"],
            ["citizens.authority_id", "citizens.citizen_id"],
            name=op.f("fk_sign_in_codes_authority_id_citizen_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "sign_in_id", name=op.f("pk_sign_in_codes")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_sign_in_codes_citizen", "sign_in_codes", ["authority_id", "citizen_id"])
    op.create_table(
        "sites",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("insee_code", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name=op.f("ck_sites_on_earth")
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "insee_code"],
            ["communes.authority_id", "communes.insee_code"],
            name=op.f("fk_sites_authority_id_insee_code"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "site_id", name=op.f("pk_sites")),
        sa.UniqueConstraint("authority_id", "reference", name=op.f("uq_sites_authority_id_reference")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "tariff_lines",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tariff_line_id", sa.Uuid(), nullable=False),
        sa.Column("tariff_id", sa.Uuid(), nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.CheckConstraint("basis IN ('item', 'kilogram')", name=op.f("ck_tariff_lines_basis_known")),
        sa.CheckConstraint("points BETWEEN 0 AND 10000", name=op.f("ck_tariff_lines_points_range")),
        sa.ForeignKeyConstraint(
            ["authority_id", "material"],
            ["materials.authority_id", "materials.material"],
            name=op.f("fk_tariff_lines_authority_id_material"),
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "tariff_id"],
            ["tariffs.authority_id", "tariffs.tariff_id"],
            name=op.f("fk_tariff_lines_authority_id_tariff_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "tariff_line_id", name=op.f("pk_tariff_lines")),
        sa.UniqueConstraint(
            "authority_id",
            "tariff_id",
            "material",
            name=op.f("uq_tariff_lines_authority_id_tariff_id_material"),
        ),
        info={"citus": "distributed"},
    )
    op.create_table(
        "api_keys",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=True),
        sa.Column("secret_digest", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(audience = 'shop') = (shop_id IS NOT NULL)", name=op.f("ck_api_keys_shop_keys_name_their_shop")
        ),
        sa.CheckConstraint("audience IN ('shop', 'authority')", name=op.f("ck_api_keys_audience_known")),
        sa.ForeignKeyConstraint(
            ["authority_id", "shop_id"],
            ["shops.authority_id", "shops.shop_id"],
            name=op.f("fk_api_keys_authority_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "api_key_id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("authority_id", "secret_digest", name=op.f("uq_api_keys_authority_id_secret_digest")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "offers",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.Column("value_cents", sa.Integer(), nullable=False),
        sa.Column("voucher_valid_days", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('published', 'ended')", name=op.f("ck_offers_state_known")),
        sa.CheckConstraint("price_points > 0", name=op.f("ck_offers_price_points_positive")),
        sa.CheckConstraint("value_cents >= 0", name=op.f("ck_offers_value_cents_not_negative")),
        sa.CheckConstraint("voucher_valid_days BETWEEN 1 AND 365", name=op.f("ck_offers_voucher_valid_days_range")),
        sa.ForeignKeyConstraint(
            ["authority_id", "shop_id"],
            ["shops.authority_id", "shops.shop_id"],
            name=op.f("fk_offers_authority_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "offer_id", name=op.f("pk_offers")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "placements",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("placement_id", sa.Uuid(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("placed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("removed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("authority_id"), "="),
            (sa.column("bin_id"), "="),
            (sa.text("tstzrange(placed_at, removed_at)"), "&&"),
            using="gist",
            name="ex_placements_one_at_a_time",
        ),
        sa.CheckConstraint("removed_at > placed_at", name=op.f("ck_placements_removed_after_placed")),
        sa.ForeignKeyConstraint(
            ["authority_id", "bin_id"],
            ["bins.authority_id", "bins.bin_id"],
            name=op.f("fk_placements_authority_id_bin_id"),
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "site_id"],
            ["sites.authority_id", "sites.site_id"],
            name=op.f("fk_placements_authority_id_site_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "placement_id", name=op.f("pk_placements")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_placements_site", "placements", ["authority_id", "site_id"], unique=False)
    op.create_table(
        "redemption_attempts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("voucher_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("attempted_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('redeemed', 'voucher_unknown', 'voucher_of_another_shop', 'voucher_already_redeemed', 'voucher_cancelled', 'voucher_expired')",
            name=op.f("ck_redemption_attempts_outcome_known"),
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "shop_id"],
            ["shops.authority_id", "shops.shop_id"],
            name=op.f("fk_redemption_attempts_authority_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "attempt_id", name=op.f("pk_redemption_attempts")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "vouchers",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.Column("value_cents", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("redemption_key", sa.Text(), nullable=True),
        sa.CheckConstraint("(status = 'issued') = (ended_at IS NULL)", name=op.f("ck_vouchers_ended_unless_issued")),
        sa.CheckConstraint(
            "(status = 'redeemed') = (redemption_key IS NOT NULL)", name=op.f("ck_vouchers_redeemed_by_a_key")
        ),
        sa.CheckConstraint(
            "status IN ('issued', 'redeemed', 'cancelled', 'expired')", name=op.f("ck_vouchers_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "offer_id"],
            ["offers.authority_id", "offers.offer_id"],
            name=op.f("fk_vouchers_authority_id_offer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["authority_id", "shop_id"],
            ["shops.authority_id", "shops.shop_id"],
            name=op.f("fk_vouchers_authority_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "voucher_id", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("authority_id", "code_digest", name=op.f("uq_vouchers_authority_id_code_digest")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "ix_vouchers_expiring",
        "vouchers",
        ["authority_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'issued'"),
    )
    op.create_index(
        "uq_vouchers_redemption_key",
        "vouchers",
        ["authority_id", "shop_id", "redemption_key"],
        unique=True,
        postgresql_where=sa.text("redemption_key IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_vouchers_redemption_key",
        table_name="vouchers",
        postgresql_where=sa.text("redemption_key IS NOT NULL"),
    )
    op.drop_index("ix_vouchers_expiring", table_name="vouchers", postgresql_where=sa.text("status = 'issued'"))
    op.drop_table("vouchers")
    op.drop_table("redemption_attempts")
    op.drop_index("ix_placements_site", table_name="placements")
    op.drop_table("placements")
    op.drop_table("offers")
    op.drop_table("api_keys")
    op.drop_table("tariff_lines")
    op.drop_table("sites")
    op.drop_index("ix_sign_in_codes_citizen", table_name="sign_in_codes")
    op.drop_table("sign_in_codes")
    op.drop_table("shops")
    op.drop_table("sessions")
    op.drop_table("contacts")
    op.drop_table("cap_usages")
    op.drop_table("bin_reports")
    op.drop_table("bin_keys")
    op.drop_table("bin_journals")
    op.drop_table("badges")
    op.drop_table("wallet_accounts")
    op.drop_table("tariffs")
    op.drop_table("quarantined_events")
    op.drop_table("materials")
    op.drop_table("communes")
    op.drop_table("citizens")
    op.drop_table("bins")
    op.drop_table("bin_directory")
    op.drop_table("wallets")
    op.drop_index("uq_transfers_pending", table_name="transfers", postgresql_where=sa.text("pending_id IS NOT NULL"))
    op.drop_index("uq_transfers_event", table_name="transfers", postgresql_where=sa.text("journal_no IS NOT NULL"))
    op.drop_index("ix_transfers_voucher", table_name="transfers", postgresql_where=sa.text("voucher_id IS NOT NULL"))
    op.drop_index(
        "ix_transfers_debit_account",
        table_name="transfers",
        postgresql_where=sa.text("voucher_id IS NOT NULL"),
    )
    op.drop_index("ix_transfers_credit_account", table_name="transfers")
    op.drop_table("transfers")
    op.drop_table("quarantined_messages")
    op.drop_table("idempotent_requests")
    op.drop_table("events")
    op.drop_table("daily_deposits")
    op.drop_index("ix_capped_deposits_account", table_name="capped_deposits")
    op.drop_table("capped_deposits")
    op.drop_table("authorities")
    op.drop_table("accounts")
