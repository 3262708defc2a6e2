"""Letters to citizens, shops and addresses, in one language; codes by e-mail wait in the outbox, encrypted.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"

TIMESTAMP = postgresql.TIMESTAMP(timezone=True)

LANGUAGES = "language IN ('fr', 'en')"
ADDRESSEES = "num_nonnulls(citizen_id, shop_id, address_encrypted)"
WAITING = "sent_at IS NULL AND given_up_at IS NULL"
CODES = "'sign_in_code', 'sign_up_code'"
KINDS = (
    f"{CODES}, 'points_expiring', 'goal_reached', 'goal_missed', 'wallet_merged', 'wallet_left', 'card_blocked',"
    " 'account_erased', 'statement_ready', 'offer_published', 'offer_rejected'"
)
CHECKS = {
    "language_known": LANGUAGES,
    "one_addressee": f"{ADDRESSEES} <= 1",
    "somebodys_while_it_waits": f"sent_at IS NOT NULL OR given_up_at IS NOT NULL OR {ADDRESSEES} = 1",
    "one_end": "sent_at IS NULL OR given_up_at IS NULL",
    "nothing_kept_once_sent": (
        "sent_at IS NULL OR (address_encrypted IS NULL AND facts_encrypted IS NULL AND facts = '{}')"
    ),
    "no_secret_kept_once_useless": (
        "given_up_at IS NULL OR good_until IS NULL OR (address_encrypted IS NULL AND facts_encrypted IS NULL)"
    ),
    "no_code_in_the_open": f"kind NOT IN ({CODES}) OR (good_until IS NOT NULL AND facts = '{{}}')",
}

ENDING = "tries, next_try_at, fault, sent_at, given_up_at, facts, facts_encrypted, address_encrypted"
LISTED = (
    "authority_id, message_id, citizen_id, shop_id, language, kind, created_at, good_until, next_try_at, tries, fault,"
    " sent_at, given_up_at"
)

GRANTS: dict[str, dict[str, str]] = {
    "bontri_api": {
        "SELECT": "shop_contacts",
        f"UPDATE ({ENDING})": "outbox",
        "UPDATE (language, wants_notices)": "citizens",
    },
    # Operators have letters sent again; they read neither what is in them nor where they go.
    "bontri_operator": {
        f"SELECT ({LISTED})": "outbox",
        "SELECT (authority_id, shop_id, language)": "shop_contacts",
        "INSERT": "outbox, shop_contacts",
        "UPDATE (tries, next_try_at, given_up_at)": "outbox",
        "UPDATE (email_encrypted, language)": "shop_contacts",
        "DELETE": "shop_contacts, outbox",
        "UPDATE (language)": "authorities",
    },
    "bontri_reader": {f"SELECT ({LISTED})": "outbox"},
}


def upgrade() -> None:
    op.add_column("authorities", sa.Column("language", sa.Text(), server_default=sa.text("'fr'"), nullable=False))
    op.create_check_constraint("language_known", "authorities", LANGUAGES)
    op.add_column("citizens", sa.Column("language", sa.Text(), nullable=True))
    op.create_check_constraint("language_known", "citizens", LANGUAGES)
    op.add_column("citizens", sa.Column("wants_notices", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    create_shop_contacts()
    change_outbox()
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def create_shop_contacts() -> None:
    op.create_table(
        "shop_contacts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("email_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.CheckConstraint(LANGUAGES, name=op.f("ck_shop_contacts_language_known")),
        sa.ForeignKeyConstraint(
            ["authority_id", "shop_id"],
            ["shops.authority_id", "shops.shop_id"],
            name=op.f("fk_shop_contacts_authority_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "shop_id", name=op.f("pk_shop_contacts")),
        info={"citus": "distributed"},
    )


def change_outbox() -> None:
    op.alter_column("outbox", "citizen_id", nullable=True)
    op.alter_column("outbox", "facts", server_default=sa.text("'{}'"))
    for column in (
        sa.Column("shop_id", sa.Uuid(), nullable=True),
        sa.Column("address_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("facts_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("good_until", TIMESTAMP, nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
    ):
        op.add_column("outbox", column)
    op.create_foreign_key(
        op.f("fk_outbox_authority_id_shop_id"),
        "outbox",
        "shops",
        ["authority_id", "shop_id"],
        ["authority_id", "shop_id"],
    )
    op.drop_constraint("ck_outbox_kind_known", "outbox")
    op.create_check_constraint("kind_known", "outbox", f"kind IN ({KINDS})")
    op.execute("UPDATE outbox SET facts = '{}' WHERE sent_at IS NOT NULL")
    for name, condition in CHECKS.items():
        op.create_check_constraint(name, "outbox", condition)
    op.create_index(
        "ix_outbox_urgent",
        "outbox",
        ["authority_id", "next_try_at"],
        postgresql_where=sa.text(f"{WAITING} AND good_until IS NOT NULL"),
    )


def downgrade() -> None:
    # Rights on columns and tables that go, go with them; the others were here before, or are taken back.
    op.execute(
        f"REVOKE SELECT ({LISTED}), INSERT, DELETE, UPDATE (tries, next_try_at, given_up_at) ON outbox FROM bontri_operator"
    )
    op.execute(f"REVOKE SELECT ({LISTED}) ON outbox FROM bontri_reader")
    op.execute("REVOKE UPDATE (facts) ON outbox FROM bontri_api")
    op.drop_index("ix_outbox_urgent", table_name="outbox")
    for name in CHECKS:
        op.drop_constraint(f"ck_outbox_{name}", "outbox")
    # The earlier version knows one letter, to citizens.
    op.execute("DELETE FROM outbox WHERE kind <> 'points_expiring' OR citizen_id IS NULL")
    op.drop_constraint("ck_outbox_kind_known", "outbox")
    op.create_check_constraint("kind_known", "outbox", "kind IN ('points_expiring')")
    op.drop_constraint("fk_outbox_authority_id_shop_id", "outbox")
    for column in ("shop_id", "address_encrypted", "language", "facts_encrypted", "good_until", "fault"):
        op.drop_column("outbox", column)
    op.alter_column("outbox", "facts", server_default=None)
    op.alter_column("outbox", "citizen_id", nullable=False)
    op.drop_table("shop_contacts")
    op.drop_column("citizens", "wants_notices")
    op.drop_constraint("ck_citizens_language_known", "citizens")
    op.drop_column("citizens", "language")
    op.drop_constraint("ck_authorities_language_known", "authorities")
    op.drop_column("authorities", "language")
