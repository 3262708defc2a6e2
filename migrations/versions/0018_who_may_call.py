"""Agents who sign in, roles and scopes of keys, keys of operators; and the role that serves agents and operators.

Keys from before could do everything: a till's gets every scope, an authority's the role of an admin.

Revision ID: 0018
Revises: 0017
"""

import importlib

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"

INSTANT = postgresql.TIMESTAMP(timezone=True)
ROLES = "('viewer', 'manager', 'admin')"
SCOPES = "ARRAY['redeem', 'offers', 'statements', 'staff']"
MADE_FROM = ("bontri_api", "bontri_operator")
GRANTS = {
    "bontri_api": {"SELECT": "agents, operator_keys"},
    "bontri_operator": {
        "SELECT": "agents, api_keys, operator_keys",
        "INSERT": "agents, api_keys, operator_keys",
        "UPDATE (name, email_digest, email_encrypted, role, state)": "agents",
        "UPDATE (label, expires_at, revoked_at)": "api_keys, operator_keys",
    },
}


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("authority_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email_digest", sa.LargeBinary(), nullable=False),
        sa.Column("email_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint(f"role IN {ROLES}", name=op.f("ck_agents_role_known")),
        sa.CheckConstraint("state IN ('active', 'blocked')", name=op.f("ck_agents_state_known")),
        sa.PrimaryKeyConstraint("authority_id", "agent_id", name=op.f("pk_agents")),
        sa.UniqueConstraint("authority_id", "email_digest", name=op.f("uq_agents_authority_id_email_digest")),
        info={"citus": "distributed"},
    )
    op.create_table(
        "operator_keys",
        sa.Column("operator_key_id", sa.Uuid(), nullable=False),
        sa.Column("secret_digest", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("operator_key_id", name=op.f("pk_operator_keys")),
        sa.UniqueConstraint("secret_digest", name=op.f("uq_operator_keys_secret_digest")),
        info={"citus": "reference"},
    )
    for table, least in (("sign_in_codes", "<="), ("sessions", "=")):
        op.add_column(table, sa.Column("agent_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_authority_id_agent_id"),
            table,
            "agents",
            ["authority_id", "agent_id"],
            ["authority_id", "agent_id"],
        )
        name = "for_one" if least == "<=" else "of_one"
        if least == "=":
            op.alter_column(table, "citizen_id", nullable=True)
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"num_nonnulls(citizen_id, agent_id) {least} 1")
    op.create_index("ix_sign_in_codes_agent", "sign_in_codes", ["authority_id", "agent_id"])
    op.add_column("api_keys", sa.Column("role", sa.Text(), nullable=True))
    op.add_column("api_keys", sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column("api_keys", sa.Column("expires_at", INSTANT, nullable=True))
    op.execute("UPDATE api_keys SET role = 'admin' WHERE audience = 'authority'")
    op.execute(f"UPDATE api_keys SET scopes = {SCOPES} WHERE audience = 'shop'")
    for name, condition in (
        ("shop_keys_have_scopes", "(audience = 'shop') = (scopes IS NOT NULL)"),
        ("authority_keys_have_a_role", "(audience = 'authority') = (role IS NOT NULL)"),
        ("role_known", f"role IN {ROLES}"),
        ("scopes_known", f"scopes <@ {SCOPES} AND cardinality(scopes) > 0"),
    ):
        op.create_check_constraint(op.f(f"ck_api_keys_{name}"), "api_keys", condition)
    op.create_check_constraint(op.f("ck_authorities_slug_not_reserved"), "authorities", "slug <> 'operator'")
    for role, rights in GRANTS.items():
        for right, tables in rights.items():
            op.execute(f"GRANT {right} ON {tables} TO {role}")
    make_agent_role()


def make_agent_role() -> None:
    """Give one role the rights of the API and of operators; an administrator may have done so already."""
    importlib.import_module("migrations.versions.0002_roles_and_grants").create_role("bontri_agent")
    for role in MADE_FROM:
        if not op.get_bind().scalar(text("SELECT pg_has_role('bontri_agent', :role, 'USAGE')"), {"role": role}):
            op.execute(f"GRANT {role} TO bontri_agent")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_authorities_slug_not_reserved"), "authorities")
    for name in ("shop_keys_have_scopes", "authority_keys_have_a_role", "role_known", "scopes_known"):
        op.drop_constraint(op.f(f"ck_api_keys_{name}"), "api_keys")
    for column in ("expires_at", "scopes", "role"):
        op.drop_column("api_keys", column)
    op.drop_index("ix_sign_in_codes_agent", table_name="sign_in_codes")
    op.execute("DELETE FROM sessions WHERE citizen_id IS NULL")
    for table in ("sign_in_codes", "sessions"):
        op.drop_column(table, "agent_id")
    op.alter_column("sessions", "citizen_id", nullable=False)
    # The privileges of dropped tables go with them; roles belong to the server and stay.
    op.execute("REVOKE SELECT, INSERT, UPDATE (label, revoked_at) ON api_keys FROM bontri_operator")
    op.drop_table("operator_keys")
    op.drop_table("agents")
