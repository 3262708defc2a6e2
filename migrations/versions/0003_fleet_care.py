"""What the full protocol needs: bins in test, commands and configuration, alarms, replay and bounds of quarantine.

Revision ID: 0003
Revises: 0002
"""

import importlib

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)

GRANTS: dict[str, dict[str, str]] = {
    "bontri_ingest": {
        "SELECT": "bin_commands, bin_alarms, quarantine_overflows",
        "INSERT": "bin_commands, bin_alarms, quarantine_overflows",
        "UPDATE": "bin_alarms, quarantine_overflows",
        "UPDATE (sent_at, times_sent, outcome, ended_at)": "bin_commands",
        "UPDATE (configured_version, configured_key_number)": "bins",
        "UPDATE (code, detail, replay_requested_at, replay_taken_at, replayed_at)": "quarantined_messages",
        "UPDATE (code, detail, message_digest)": "quarantined_events",
    },
    "bontri_reader": {"SELECT": "bin_commands, bin_alarms, quarantine_overflows"},
    "bontri_operator": {
        "SELECT": (
            "authorities, communes, sites, materials, bin_directory, bins, bin_keys, placements, bin_reports,"
            " bin_journals, bin_commands, bin_alarms, events, accounts, quarantined_messages, quarantined_events,"
            " quarantine_overflows"
        ),
        "INSERT": "bin_directory, accounts, bins, bin_keys, placements, bin_commands",
        "UPDATE (epoch, fleet_version, config_version, display_texts)": "authorities",
        "UPDATE (authority_id)": "bin_directory",
        "UPDATE (state, newest_key_number, configured_version)": "bins",
        "UPDATE (state)": "bin_keys",
        "UPDATE (removed_at)": "placements",
        "UPDATE (ended_at)": "bin_alarms",
        "UPDATE (replay_requested_at)": "quarantined_messages",
        "UPDATE (message_digest, detail)": "quarantined_events",
        "DELETE": "quarantined_messages, quarantine_overflows, bin_commands",
    },
}


def upgrade() -> None:
    for name, kind, default in (
        ("holders_version", sa.BigInteger(), "1"),
        ("config_version", sa.Integer(), "1"),
        ("display_texts", postgresql.JSONB(), "'{}'"),
    ):
        op.add_column("authorities", sa.Column(name, kind, server_default=sa.text(default), nullable=False))
    for name in ("configured_version", "configured_key_number"):
        op.add_column("bins", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.drop_constraint("ck_bins_state_known", "bins")
    op.create_check_constraint("state_known", "bins", "state IN ('test', 'live', 'revoked')")
    op.add_column("bin_reports", sa.Column("materials", postgresql.JSONB(), nullable=True))
    op.add_column("bin_reports", sa.Column("capacity_l", sa.Integer(), nullable=True))
    op.add_column("bin_reports", sa.Column("config_version", sa.Integer(), nullable=True))
    op.add_column("bin_journals", sa.Column("last_received_at", TIMESTAMP, nullable=True))
    op.drop_constraint("ck_events_type_known", "events")
    op.create_check_constraint("type_known", "events", "type IN ('deposit', 'emptying', 'test')")
    op.drop_constraint("ck_events_deposits_have_items", "events")
    op.create_check_constraint(
        "deposits_have_items", "events", "type = 'test' OR (type = 'deposit') = (items IS NOT NULL)"
    )
    # The exclusion constraint's index finds a bin's placements in 60 µs.
    op.create_index("ix_placements_bin", "placements", ["authority_id", "bin_id", "placed_at"])
    change_quarantine()
    create_bin_commands()
    create_bin_alarms()
    grant()


def change_quarantine() -> None:
    for name in ("replay_requested_at", "replay_taken_at", "replayed_at"):
        op.add_column("quarantined_messages", sa.Column(name, TIMESTAMP, nullable=True))
    op.create_index("ix_quarantined_messages_bin", "quarantined_messages", ["authority_id", "bin_id", "received_at"])
    op.create_index(
        "ix_quarantined_messages_requested",
        "quarantined_messages",
        ["authority_id", "replay_requested_at"],
        postgresql_where=sa.text("replay_requested_at IS NOT NULL"),
    )
    op.alter_column("quarantined_events", "message_digest", nullable=True)
    op.create_index(
        "ix_quarantined_events_conflicts",
        "quarantined_events",
        ["authority_id", "received_at"],
        postgresql_where=sa.text("code = 'event_conflict'"),
    )
    op.create_index(
        "ix_quarantined_events_message",
        "quarantined_events",
        ["authority_id", "message_digest"],
        postgresql_where=sa.text("message_digest IS NOT NULL"),
    )
    op.create_table(
        "quarantine_overflows",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("authority_id", "bin_id", "day", "code", name=op.f("pk_quarantine_overflows")),
        info={"citus": "distributed"},
    )


def create_bin_commands() -> None:
    op.create_table(
        "bin_commands",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("command_id", sa.Uuid(), nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("issued_at", TIMESTAMP, nullable=False),
        sa.Column("expires_at", TIMESTAMP, nullable=False),
        sa.Column("sent_at", TIMESTAMP, nullable=True),
        sa.Column("times_sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("ended_at", TIMESTAMP, nullable=True),
        sa.CheckConstraint("kind IN ('resend', 'reboot', 'emptying_mode')", name=op.f("ck_bin_commands_kind_known")),
        sa.CheckConstraint("outcome IN ('done', 'refused', 'expired')", name=op.f("ck_bin_commands_outcome_known")),
        sa.CheckConstraint(
            "(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_bin_commands_ended_with_an_outcome")
        ),
        sa.CheckConstraint("expires_at > issued_at", name=op.f("ck_bin_commands_expires_after_issued")),
        sa.ForeignKeyConstraint(
            ["authority_id", "bin_id"],
            ["bins.authority_id", "bins.bin_id"],
            name=op.f("fk_bin_commands_authority_id_bin_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "command_id", name=op.f("pk_bin_commands")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_bin_commands_bin", "bin_commands", ["authority_id", "bin_id", "issued_at"])
    op.create_index(
        "ix_bin_commands_open",
        "bin_commands",
        ["authority_id", "bin_id"],
        postgresql_where=sa.text("outcome IS NULL"),
    )


def create_bin_alarms() -> None:
    op.create_table(
        "bin_alarms",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("raised_at", TIMESTAMP, nullable=False),
        sa.Column("last_seen_at", TIMESTAMP, nullable=False),
        sa.Column("ended_at", TIMESTAMP, nullable=True),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('gap', 'lost', 'clone', 'wide_journal', 'event_conflict', 'quarantine_flood')",
            name=op.f("ck_bin_alarms_kind_known"),
        ),
        sa.CheckConstraint("times > 0", name=op.f("ck_bin_alarms_times_positive")),
        sa.ForeignKeyConstraint(
            ["authority_id", "bin_id"],
            ["bins.authority_id", "bins.bin_id"],
            name=op.f("fk_bin_alarms_authority_id_bin_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "bin_id", "kind", name=op.f("pk_bin_alarms")),
        info={"citus": "distributed"},
    )
    op.create_index(
        "ix_bin_alarms_open",
        "bin_alarms",
        ["authority_id", "raised_at"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def grant() -> None:
    importlib.import_module("migrations.versions.0002_roles_and_grants").create_role("bontri_operator")
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def downgrade() -> None:
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            if role == "bontri_operator" or not set(tables.split(", ")) & {"bin_commands", "bin_alarms"}:
                op.execute(f"REVOKE {right} ON {tables} FROM {role}")
    op.drop_index("ix_placements_bin", table_name="placements")
    op.drop_table("bin_alarms")
    op.drop_table("bin_commands")
    op.drop_table("quarantine_overflows")
    op.drop_index("ix_quarantined_events_conflicts", table_name="quarantined_events")
    op.drop_index("ix_quarantined_events_message", table_name="quarantined_events")
    op.drop_index("ix_quarantined_messages_requested", table_name="quarantined_messages")
    op.drop_index("ix_quarantined_messages_bin", table_name="quarantined_messages")
    # What only this version can say is removed with it.
    op.execute("DELETE FROM quarantined_events WHERE message_digest IS NULL")
    op.execute("DELETE FROM events WHERE type = 'test'")
    op.execute("UPDATE bins SET state = 'revoked' WHERE state = 'test'")
    op.alter_column("quarantined_events", "message_digest", nullable=False)
    for column in ("replayed_at", "replay_taken_at", "replay_requested_at"):
        op.drop_column("quarantined_messages", column)
    op.drop_constraint("ck_events_deposits_have_items", "events")
    op.create_check_constraint("deposits_have_items", "events", "(type = 'deposit') = (items IS NOT NULL)")
    op.drop_constraint("ck_events_type_known", "events")
    op.create_check_constraint("type_known", "events", "type IN ('deposit', 'emptying')")
    op.drop_column("bin_journals", "last_received_at")
    for column in ("config_version", "capacity_l", "materials"):
        op.drop_column("bin_reports", column)
    op.drop_constraint("ck_bins_state_known", "bins")
    op.create_check_constraint("state_known", "bins", "state IN ('live', 'revoked')")
    for column in ("configured_key_number", "configured_version"):
        op.drop_column("bins", column)
    for column in ("display_texts", "config_version", "holders_version"):
        op.drop_column("authorities", column)
