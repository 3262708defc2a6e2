"""Tables that were published, cell by cell; what is withheld stands apart, where nothing that serves reads.

Revision ID: 0039
Revises: 0038
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0039"
down_revision = "0038"

INSTANT = postgresql.TIMESTAMP(timezone=True)
CELL = ["authority_id", "granularity", "first_day", "level", "code", "material"]
CHECKS = {
    "publications": {
        "granularity_known": "granularity IN ('month', 'year')",
        "first_day_of_month": "extract(day FROM first_day) = 1",
        "withheld_range": "withheld BETWEEN 0 AND cells",
    },
    "published_cells": {
        "level_known": "level IN ('authority', 'commune', 'site')",
        "sites_in_a_commune": "(level = 'site') = (insee_code IS NOT NULL)",
        "withheld_whole": "num_nulls(deposits, items, points, holders) = CASE WHEN is_withheld THEN 4 ELSE 0 END",
        "mass_g_withheld": "NOT is_withheld OR mass_g IS NULL",
        "eleven_holders": "deposits = 0 OR holders >= 11",
    },
    "withheld_cells": {
        "reason_known": "reason IN ('primary', 'complementary')",
        "deposits_positive": "deposits > 0",
    },
}
# Nobody may change what was published; only who publishes sees what was withheld.
GRANTS = {
    "bontri_operator": {
        "SELECT, INSERT": "publications, published_cells, withheld_cells",
        "SELECT": "unit_masses, bin_calibrations",
    },
    "bontri_api": {"SELECT": "publications, published_cells"},
    "bontri_reader": {"SELECT": "publications, published_cells"},
}


def key_columns() -> list[sa.Column[object]]:
    texts = [sa.Column(name, sa.Text(), nullable=False) for name in ("level", "code", "material")]
    return [*publication_columns(), *texts]


def publication_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("granularity", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
    ]


def measures(*, may_be_withheld: bool) -> list[sa.Column[object]]:
    return [
        *(
            sa.Column(name, sa.BigInteger(), nullable=may_be_withheld or name == "mass_g")
            for name in ("deposits", "items", "mass_g", "points")
        ),
        sa.Column("holders", sa.Integer(), nullable=may_be_withheld),
    ]


def checks(table: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in CHECKS[table].items()]


def upgrade() -> None:
    op.create_table(
        "publications",
        *publication_columns(),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("cells", sa.Integer(), nullable=False),
        sa.Column("withheld", sa.Integer(), nullable=False),
        *checks("publications"),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["authorities.authority_id"], name=op.f("fk_publications_authority_id")
        ),
        sa.PrimaryKeyConstraint("authority_id", "granularity", "first_day", name=op.f("pk_publications")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "published_cells",
        *key_columns(),
        sa.Column("insee_code", sa.Text(), nullable=True),
        sa.Column("is_withheld", sa.Boolean(), nullable=False),
        *measures(may_be_withheld=True),
        *checks("published_cells"),
        sa.ForeignKeyConstraint(
            CELL[:3],
            [f"publications.{name}" for name in CELL[:3]],
            name=op.f("fk_published_cells_publication"),
        ),
        sa.PrimaryKeyConstraint(*CELL, name=op.f("pk_published_cells")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "withheld_cells",
        *key_columns(),
        sa.Column("reason", sa.Text(), nullable=False),
        *measures(may_be_withheld=False),
        *checks("withheld_cells"),
        sa.ForeignKeyConstraint(
            CELL, [f"published_cells.{name}" for name in CELL], name=op.f("fk_withheld_cells_cell")
        ),
        sa.PrimaryKeyConstraint(*CELL, name=op.f("pk_withheld_cells")),
        info={"citus": "distributed"},
    )
    protect_tenants("publications", "published_cells", "withheld_cells")
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")


def downgrade() -> None:
    op.drop_table("withheld_cells")
    op.drop_table("published_cells")
    op.drop_table("publications")
