"""What was dropped between two emptyings of a bin, and an alarm where it weighs too much or too little.

Revision ID: 0040
Revises: 0039
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0040"
down_revision = "0039"

INSTANT = postgresql.TIMESTAMP(timezone=True)
CHECKS = {
    "begins_before_it_ends": "(began_journal_no, began_seq) < (journal_no, seq)",
    "deposits_counted": "deposits >= 0 AND anonymous_deposits BETWEEN 0 AND deposits",
    "items_counted": "items >= 0 AND unweighed_items BETWEEN 0 AND items AND mass_g >= 0",
    "weighed_g_positive": "weighed_g > 0",
    "numbers_counted": "settled > 0 AND lost >= 0 AND missing >= 0",
    "numbers_accounted_for": (
        "quarantined >= 0 AND test_events >= 0 AND deposits + quarantined + test_events < settled"
    ),
}
COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "journal_no": sa.Integer(),
    "seq": sa.BigInteger(),
    "began_journal_no": sa.Integer(),
    "began_seq": sa.BigInteger(),
    "bin_id": sa.Text(),
    "site_id": sa.Uuid(),
    "material": sa.Text(),
    "began_at": INSTANT,
    "ended_at": INSTANT,
    "deposits": sa.Integer(),
    "anonymous_deposits": sa.Integer(),
    "items": sa.Integer(),
    "unweighed_items": sa.Integer(),
    "mass_g": sa.BigInteger(),
    "weighed_g": sa.Integer(),
    "is_moved": sa.Boolean(),
    "settled": sa.BigInteger(),
    "quarantined": sa.BigInteger(),
    "test_events": sa.BigInteger(),
    "lost": sa.BigInteger(),
    "missing": sa.BigInteger(),
    "computed_at": INSTANT,
}
KINDS = "'gap', 'lost', 'clone', 'wide_journal', 'event_conflict', 'quarantine_flood'"
GRANTS = {
    "bontri_api": {"SELECT": "collection_rounds"},
    "bontri_reader": {"SELECT": "collection_rounds"},
    "bontri_operator": {
        "SELECT": "collection_rounds, transfers, capped_deposits",
        "INSERT": "bin_alarms",
        "INSERT, UPDATE": "collection_rounds",
        "UPDATE (detail, raised_at, last_seen_at, ended_at, times)": "bin_alarms",
        "UPDATE (balance_over_percent)": "authorities",
    },
}


def upgrade() -> None:
    create_rounds()
    protect_tenants("collection_rounds")
    # Reads all events once; the ingest waits meanwhile, bins keep what they have and send it again.
    op.create_index(
        "ix_events_emptyings",
        "events",
        ["authority_id", "bin_id", "material", "journal_no", "seq"],
        postgresql_where=sa.text("type = 'emptying'"),
    )
    op.add_column(
        "authorities",
        sa.Column("balance_over_percent", sa.SmallInteger(), server_default=sa.text("40"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_authorities_balance_over_percent_range"), "authorities", "balance_over_percent BETWEEN 10 AND 400"
    )
    know_kinds(f"{KINDS}, 'mass_balance'")
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def create_rounds() -> None:
    op.create_table(
        "collection_rounds",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, kind, autoincrement=False, nullable=name == "weighed_g") for name, kind in COLUMNS.items()),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_collection_rounds_{name}")) for name, rule in CHECKS.items()),
        *(
            sa.ForeignKeyConstraint(
                ["authority_id", column],
                [f"{table}.authority_id", f"{table}.{column}"],
                name=op.f(f"fk_collection_rounds_authority_id_{column}"),
            )
            for table, column in (("bins", "bin_id"), ("sites", "site_id"), ("materials", "material"))
        ),
        sa.PrimaryKeyConstraint("authority_id", "journal_no", "seq", name=op.f("pk_collection_rounds")),
        info={"citus": "distributed"},
    )
    op.create_index("ix_collection_rounds_bin", "collection_rounds", ["authority_id", "bin_id", "material"])


def know_kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_bin_alarms_kind_known"), "bin_alarms")
    op.create_check_constraint(op.f("ck_bin_alarms_kind_known"), "bin_alarms", f"kind IN ({kinds})")


def downgrade() -> None:
    op.execute("DELETE FROM bin_alarms WHERE kind = 'mass_balance'")
    know_kinds(KINDS)
    op.execute("REVOKE INSERT, UPDATE (detail, raised_at, last_seen_at, times) ON bin_alarms FROM bontri_operator")
    op.drop_column("authorities", "balance_over_percent")
    op.drop_index("ix_events_emptyings", table_name="events")
    op.drop_table("collection_rounds")
