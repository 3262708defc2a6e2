"""What figures are compared with: tonnages of départements, the authority's own, and analyses of residual waste.

Revision ID: 0038
Revises: 0037
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0038"
down_revision = "0037"

STREAM = "stream ~ '^[a-z][a-z0-9_-]{1,31}$'"
SOURCE = "char_length(source) BETWEEN 1 AND 300"
MASS = "mass_g >= 0"
GRANTS = {"bontri_operator": "SELECT, INSERT, UPDATE", "bontri_reader": "SELECT"}


def checks(table: str, **rules: str) -> list[sa.CheckConstraint]:
    """Return named checks of a table, those of every stream and source included."""
    rules = {"stream_alphabet": STREAM, "source_length": SOURCE, **rules}
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def upgrade() -> None:
    op.create_table(
        "reference_tonnages",
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("mass_g", sa.BigInteger(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        *checks("reference_tonnages", mass_g_not_negative=MASS, population_positive="population > 0"),
        sa.PrimaryKeyConstraint("year", "department", "stream", name=op.f("pk_reference_tonnages")),
        info={"citus": "reference"},
    )
    create_tonnages()
    op.create_table(
        "characterisations",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("share_permille", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        *checks(
            "characterisations",
            year_of_a_survey="year BETWEEN 1962 AND 2100",
            share_of_a_whole="share_permille BETWEEN 0 AND 1000",
        ),
        sa.PrimaryKeyConstraint("authority_id", "stream", "year", name=op.f("pk_characterisations")),
        info={"citus": "distributed"},
    )
    protect_tenants("tonnages", "characterisations")
    for role, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON reference_tonnages, tonnages, characterisations TO {role}")


def create_tonnages() -> None:
    op.create_table(
        "tonnages",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("mass_g", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("imported_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        *checks(
            "tonnages",
            mass_g_not_negative=MASS,
            level_known="level IN ('site', 'commune', 'authority')",
            place_of_its_level="(level = 'authority') = (place = '')",
            a_year_at_most="last_day BETWEEN first_day AND first_day + 365",
        ),
        sa.PrimaryKeyConstraint("authority_id", "level", "place", "stream", "first_day", name=op.f("pk_tonnages")),
        postgresql.ExcludeConstraint(
            (sa.column("authority_id"), "="),
            (sa.column("level"), "="),
            (sa.column("place"), "="),
            (sa.column("stream"), "="),
            (sa.text("daterange(first_day, last_day, '[]')"), "&&"),
            using="gist",
            name="ex_tonnages_one_a_day",
        ),
        info={"citus": "distributed"},
    )


def downgrade() -> None:
    op.drop_table("characterisations")
    op.drop_table("tonnages")
    op.drop_table("reference_tonnages")
