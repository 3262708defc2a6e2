"""What one item weighs, and what else figures take for granted, is dated and has a source.

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import protect_tenants

revision = "0033"
down_revision = "0032"

INSTANT = postgresql.TIMESTAMP(timezone=True)
GRANTS = {"bontri_operator": "SELECT, INSERT", "bontri_reader": "SELECT"}
OF_BOTH = {
    "from_first_of_month": "EXTRACT(day FROM valid_from) = 1",
    "source_length": "char_length(source) BETWEEN 1 AND 300",
}


def upgrade() -> None:
    create_table(
        "unit_masses",
        "unit_mass_id",
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("unit_mass_g", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authority_id", "material"],
            ["materials.authority_id", "materials.material"],
            name=op.f("fk_unit_masses_authority_id_material"),
        ),
        unit_mass_g_range="unit_mass_g BETWEEN 1 AND 100000",
    )
    create_table(
        "assumptions",
        "assumption_id",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        value_range="value BETWEEN 0 AND 10000000",
    )
    op.create_index("ix_unit_masses_material", "unit_masses", ["authority_id", "material", "valid_from"])
    op.create_index("ix_assumptions_name", "assumptions", ["authority_id", "name", "valid_from"])
    protect_tenants("unit_masses", "assumptions")
    for role, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON unit_masses, assumptions TO {role}")
    # In force since ever, as it was until now. The ids sort before any that is given later.
    op.execute("""
        INSERT INTO unit_masses
            (authority_id, unit_mass_id, material, valid_from, unit_mass_g, source, set_at)
        SELECT m.authority_id,
               CAST('00000000-0000-7000-8000-' || lpad(to_hex(row_number() OVER ()), 12, '0') AS uuid),
               m.material, '2000-01-01', m.unit_mass_g, 'set before masses had a date and a source', a.created_at
          FROM materials m JOIN authorities a ON a.authority_id = m.authority_id
         WHERE m.unit_mass_g IS NOT NULL
    """)
    op.drop_column("materials", "unit_mass_g")


def create_table(name: str, key: str, *columns: sa.schema.SchemaItem, **checks: str) -> None:
    """Create a table of statements that hold from a month on, until the next."""
    op.create_table(
        name,
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(key, sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=True),
        sa.Column("set_at", INSTANT, nullable=False),
        *columns,
        *(sa.CheckConstraint(rule, name=op.f(f"ck_{name}_{check}")) for check, rule in {**OF_BOTH, **checks}.items()),
        sa.PrimaryKeyConstraint("authority_id", key, name=op.f(f"pk_{name}")),
        info={"citus": "distributed"},
    )


def downgrade() -> None:
    op.add_column("materials", sa.Column("unit_mass_g", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_materials_unit_mass_g_positive"), "materials", "unit_mass_g > 0")
    op.execute("""
        UPDATE materials m SET unit_mass_g = u.unit_mass_g
          FROM (SELECT DISTINCT ON (authority_id, material) authority_id, material, unit_mass_g FROM unit_masses
                 ORDER BY authority_id, material, valid_from DESC, unit_mass_id DESC) AS u
         WHERE m.authority_id = u.authority_id AND m.material = u.material
    """)
    op.drop_table("assumptions")
    op.drop_table("unit_masses")
