"""Communes have outlines, for maps without tiles.

Revision ID: 0043
Revises: 0042
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0043"
down_revision = "0042"

GRANTS = {"bontri_operator": "SELECT, INSERT, UPDATE", "bontri_api": "SELECT", "bontri_reader": "SELECT"}
CHECKS = {
    "outline_is_a_shape": "outline ->> 'type' IN ('Polygon', 'MultiPolygon')",
    "source_length": "char_length(source) BETWEEN 1 AND 300",
}


def upgrade() -> None:
    op.create_table(
        "commune_outlines",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("insee_code", sa.Text(), nullable=False),
        sa.Column("outline", postgresql.JSONB(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_commune_outlines_{name}")) for name, rule in CHECKS.items()),
        sa.ForeignKeyConstraint(
            ["authority_id", "insee_code"],
            ["communes.authority_id", "communes.insee_code"],
            name=op.f("fk_commune_outlines_authority_id_insee_code"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "insee_code", name=op.f("pk_commune_outlines")),
        info={"citus": "distributed"},
    )
    protect_tenants("commune_outlines")
    for role, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON commune_outlines TO {role}")


def downgrade() -> None:
    op.drop_table("commune_outlines")
