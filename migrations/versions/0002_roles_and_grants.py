"""Roles with the least rights for each task; events and transfers are append-only by grant.

Revision ID: 0002
Revises: 0001
"""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"

COUNTERS = "debits_posted, credits_posted, debits_pending, credits_pending"

GRANTS: dict[str, dict[str, str]] = {
    "bontri_ingest": {
        "SELECT": (
            "authorities, bin_directory, bins, bin_keys, placements, materials, tariffs, tariff_lines, badges,"
            " citizens, accounts, wallet_accounts, bin_journals, events, transfers, capped_deposits, cap_usages,"
            " daily_deposits, bin_reports, quarantined_messages, quarantined_events"
        ),
        "INSERT": (
            "events, transfers, capped_deposits, accounts, wallet_accounts, bin_journals, cap_usages,"
            " daily_deposits, bin_reports, quarantined_messages, quarantined_events"
        ),
        "UPDATE": "bin_journals, cap_usages, daily_deposits, bin_reports",
        f"UPDATE ({COUNTERS})": "accounts",
        "UPDATE (newest_key_number)": "bins",
        "UPDATE (times, last_received_at)": "quarantined_messages",
    },
    "bontri_api": {
        "SELECT": (
            "authorities, communes, sites, bins, bin_reports, placements, materials, tariffs, tariff_lines, citizens,"
            " wallets, contacts, accounts, wallet_accounts, events, transfers, capped_deposits, daily_deposits, shops,"
            " offers, vouchers, redemption_attempts, sessions, sign_in_codes, api_keys, idempotent_requests"
        ),
        "INSERT": ("transfers, vouchers, redemption_attempts, sessions, sign_in_codes, idempotent_requests"),
        f"UPDATE ({COUNTERS})": "accounts",
        "UPDATE (status, ended_at, redemption_key)": "vouchers",
        "UPDATE (revoked_at)": "sessions",
        "UPDATE (tries_left, used_at)": "sign_in_codes",
    },
    "bontri_reader": {
        "SELECT": (
            "authorities, communes, sites, bin_directory, bins, bin_keys, bin_reports, placements, materials, tariffs,"
            " tariff_lines, citizens, wallets, accounts, wallet_accounts, bin_journals, events, transfers,"
            " capped_deposits, cap_usages, daily_deposits, shops, offers, vouchers, redemption_attempts,"
            " quarantined_messages, quarantined_events, alembic_version"
        ),
    },
    "bontri_privacy": {"SELECT, DELETE": "wallet_accounts, badges, contacts"},
}


def upgrade() -> None:
    for role, rights in GRANTS.items():
        create_role(role)
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def create_role(role: str) -> None:
    """Create the group role unless the server has it, and make the migrating user a member.

    Roles belong to the whole server: two databases share them, and a user without CREATEROLE can migrate once an
    administrator has created them (docs/operators.md).
    """
    connection = op.get_bind()
    if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}) is None:
        op.execute(f"CREATE ROLE {role} NOLOGIN")
    # Since PostgreSQL 16 whoever creates a role may administer it, yet not become it.
    is_newer = connection.scalar(text("SELECT current_setting('server_version_num')::int >= 160000"))
    wanted = "SET" if is_newer else "MEMBER"
    if not connection.scalar(
        text("SELECT pg_has_role(current_user, :role, :wanted)"), {"role": role, "wanted": wanted}
    ):
        op.execute(f"GRANT {role} TO CURRENT_USER")


def downgrade() -> None:
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"REVOKE {right} ON {tables} FROM {role}")
