"""Populations of communes are kept by year and with their source.

Revision ID: 0036
Revises: 0035
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import protect_tenants

revision = "0036"
down_revision = "0035"

GRANTS = {"bontri_operator": "SELECT, INSERT, UPDATE", "bontri_api": "SELECT", "bontri_reader": "SELECT"}
CHECKS = {
    "population_positive": "population > 0",
    "year_of_a_census": "year BETWEEN 1962 AND 2100",
    "source_length": "char_length(source) BETWEEN 1 AND 300",
}


def upgrade() -> None:
    op.create_table(
        "populations",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("insee_code", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_populations_{name}")) for name, rule in CHECKS.items()),
        sa.ForeignKeyConstraint(
            ["authority_id", "insee_code"],
            ["communes.authority_id", "communes.insee_code"],
            name=op.f("fk_populations_authority_id_insee_code"),
        ),
        sa.PrimaryKeyConstraint("authority_id", "insee_code", "year", name=op.f("pk_populations")),
        info={"citus": "distributed"},
    )
    protect_tenants("populations")
    for role, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON populations TO {role}")
    op.execute("""
        INSERT INTO populations (authority_id, insee_code, year, population, source)
        SELECT authority_id, insee_code, population_year, population, 'said when the commune was added' FROM communes
    """)
    op.drop_column("communes", "population")
    op.drop_column("communes", "population_year")


def downgrade() -> None:
    op.add_column("communes", sa.Column("population", sa.Integer(), nullable=True))
    op.add_column("communes", sa.Column("population_year", sa.Integer(), nullable=True))
    op.execute("""
        UPDATE communes c SET population = p.population, population_year = p.year
          FROM (SELECT DISTINCT ON (authority_id, insee_code) * FROM populations
                 ORDER BY authority_id, insee_code, year DESC) AS p
         WHERE p.authority_id = c.authority_id AND p.insee_code = c.insee_code
    """)
    # Until now a commune had one: of those without nobody knows.
    op.execute("UPDATE communes SET population = 1, population_year = 1962 WHERE population IS NULL")
    op.alter_column("communes", "population", nullable=False)
    op.alter_column("communes", "population_year", nullable=False)
    op.create_check_constraint(op.f("ck_communes_population_positive"), "communes", "population > 0")
    op.drop_table("populations")
