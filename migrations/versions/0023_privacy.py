"""Erasure of citizens: where their points go, and the role that may do it; an end for accounts nobody uses.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
import uuid_utils.compat
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)
KINDS = "'cause', 'expired', 'goal', 'lot', 'network', 'settled', 'shop'"
OWN_KINDS = "'bonus', 'expired', 'loss', 'network', 'settled'"
REASONS = (
    "'adjustment', 'donation', 'expiry', 'merge', 'reinstatement', 'reversal', 'review', 'settlement', 'split',"
    " 'welcome'"
)
LETTERS = (
    "'sign_in_code', 'sign_up_code', 'points_expiring', 'goal_reached', 'goal_missed', 'wallet_merged', 'wallet_left',"
    " 'card_blocked', 'account_erased', 'statement_ready', 'offer_published', 'offer_rejected'"
)
COUNTERS = "debits_posted, credits_posted, debits_pending, credits_pending"
OF_CITIZENS = (
    "badges, cap_usages, contacts, expiry_warnings, idempotent_requests, invitation_tries, outbox, sessions,"
    " sign_in_codes, wallet_invitations"
)

GRANTS: dict[str, dict[str, str]] = {
    # Alone may delete, and only what names or lets in a citizen: points leave by transfers, as everywhere.
    "bontri_privacy": {
        "SELECT": (
            f"{OF_CITIZENS}, authorities, authority_accounts, accounts, citizens, wallets, vouchers, transfers, offers,"
            " funder_budgets, short_codes, short_code_tries, card_tries"
        ),
        "DELETE": f"{OF_CITIZENS}, citizens, short_codes, short_code_tries, card_tries",
        "INSERT": "wallets, transfers, accounts, authority_accounts, outbox",
        f"UPDATE ({COUNTERS}, expires_on)": "accounts",
        "UPDATE (state, wallet_id, erased_at, inactivity_warned_at)": "citizens",
        # To hold a wallet against those who merge or leave it.
        "UPDATE (merged_into)": "wallets",
        "UPDATE (status, ended_at)": "vouchers",
        "UPDATE (sold)": "offers",
        "UPDATE (committed_cents)": "funder_budgets",
        "UPDATE (holders_version)": "authorities",
    },
    # What a citizen may take along.
    "bontri_api": {"SELECT": "cap_usages", "SELECT (paired_at)": "badges"},
    "bontri_operator": {"UPDATE (inactive_after_months)": "authorities"},
}


def upgrade() -> None:
    change_kinds(f"{KINDS}, 'forfeited'", f"{OWN_KINDS}, 'forfeited'")
    replace_check("transfers", "reason_known", f"reason IN ({REASONS}, 'forfeiture')")
    op.add_column("authorities", sa.Column("inactive_after_months", sa.SmallInteger(), nullable=True))
    op.create_check_constraint("inactive_after_months_range", "authorities", "inactive_after_months BETWEEN 12 AND 120")
    op.add_column("citizens", sa.Column("erased_at", TIMESTAMP, nullable=True))
    op.add_column("citizens", sa.Column("inactivity_warned_at", TIMESTAMP, nullable=True))
    replace_check("citizens", "state_known", "state IN ('active', 'blocked', 'erased')")
    op.create_check_constraint("erased_some_time", "citizens", "(state = 'erased') = (erased_at IS NOT NULL)")
    op.create_index(
        "ix_citizens_erased",
        "citizens",
        ["authority_id", "erased_at"],
        postgresql_where=sa.text("erased_at IS NOT NULL"),
    )
    replace_check("outbox", "kind_known", f"kind IN ({LETTERS}, 'account_inactive')")
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


def open_accounts() -> None:
    """Give every authority the account that takes the points of citizens who are erased."""
    connection = op.get_bind()
    for authority_id in connection.scalars(sa.text("SELECT authority_id FROM authorities ORDER BY 1")).all():
        values = {"authority_id": authority_id, "account_id": uuid_utils.compat.uuid7()}
        for statement in (
            "INSERT INTO accounts (authority_id, account_id, kind, created_at)"
            " VALUES (:authority_id, :account_id, 'forfeited', now())",
            "INSERT INTO authority_accounts (authority_id, kind, account_id)"
            " VALUES (:authority_id, 'forfeited', :account_id)",
        ):
            connection.execute(sa.text(statement), values)
    # What is deferred is looked at now: a table with pending checks cannot be altered by the next migration.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")


def downgrade() -> None:
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"REVOKE {right} ON {tables} FROM {role}")
    # As it was from the first version on.
    op.execute("GRANT SELECT, DELETE ON wallet_accounts, badges, contacts TO bontri_privacy")
    op.execute("DELETE FROM outbox WHERE kind = 'account_inactive'")
    replace_check("outbox", "kind_known", f"kind IN ({LETTERS})")
    op.drop_index("ix_citizens_erased", table_name="citizens")
    op.drop_constraint("ck_citizens_erased_some_time", "citizens")
    op.execute("UPDATE citizens SET state = 'blocked' WHERE state = 'erased'")
    replace_check("citizens", "state_known", "state IN ('active', 'blocked')")
    op.drop_column("citizens", "inactivity_warned_at")
    op.drop_column("citizens", "erased_at")
    op.drop_constraint("ck_authorities_inactive_after_months_range", "authorities")
    op.drop_column("authorities", "inactive_after_months")
    # To an earlier version points of citizens who were erased are expired ones.
    op.execute("DELETE FROM authority_accounts WHERE kind = 'forfeited'")
    op.execute("DELETE FROM accounts WHERE kind = 'forfeited' AND credits_posted = 0 AND credits_pending = 0")
    op.execute("UPDATE accounts SET kind = 'expired' WHERE kind = 'forfeited'")
    op.execute("UPDATE transfers SET reason = 'expiry' WHERE reason = 'forfeiture'")
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    change_kinds(KINDS, OWN_KINDS)
    replace_check("transfers", "reason_known", f"reason IN ({REASONS})")
