"""The newest verdict on the effect is kept for each material, for pages that must not wait for it.

Revision ID: 0045
Revises: 0044
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0045"
down_revision = "0044"

GRANTS = {"bontri_operator": "SELECT, INSERT, UPDATE", "bontri_api": "SELECT", "bontri_reader": "SELECT"}


def upgrade() -> None:
    op.create_table(
        "effect_verdicts",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("verdict", postgresql.JSONB(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict ? 'is_measurable'", name=op.f("ck_effect_verdicts_says_whether_measurable")),
        sa.ForeignKeyConstraint(
            ["authority_id", "material"],
            ["materials.authority_id", "materials.material"],
            name=op.f("fk_effect_verdicts_authority_id_material"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "material", name=op.f("pk_effect_verdicts")),
        info={"citus": "distributed"},
    )
    protect_tenants("effect_verdicts")
    for role, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON effect_verdicts TO {role}")


def downgrade() -> None:
    op.drop_table("effect_verdicts")
