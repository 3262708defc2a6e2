"""The API's role sees and changes rows of one authority alone.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import IS_OWN, protect_tenants

revision = "0020"
down_revision = "0019"

LIST_TENANT_TABLES = sa.text("""
    SELECT c.relname FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'authority_id' AND NOT a.attisdropped
     WHERE c.relnamespace = CAST('public' AS regnamespace) AND c.relkind = 'r' AND c.relname <> 'authorities'
     ORDER BY c.relname
""")
POLICIES_OF_AUTHORITIES = {
    "every_authority": "USING (true)",
    # Names are public, and a request finds its authority by one. None is added, changed or removed but one's own.
    "own_authority_inserted": f"AS RESTRICTIVE FOR INSERT TO bontri_api WITH CHECK ({IS_OWN})",
    "own_authority_updated": f"AS RESTRICTIVE FOR UPDATE TO bontri_api USING ({IS_OWN})",
    "own_authority_deleted": f"AS RESTRICTIVE FOR DELETE TO bontri_api USING ({IS_OWN})",
}


def list_tenant_tables() -> list[str]:
    return list(op.get_bind().scalars(LIST_TENANT_TABLES))


def upgrade() -> None:
    protect_tenants(*list_tenant_tables())
    op.execute("ALTER TABLE authorities ENABLE ROW LEVEL SECURITY")
    for name, policy in POLICIES_OF_AUTHORITIES.items():
        op.execute(f"CREATE POLICY {name} ON authorities {policy}")


def downgrade() -> None:
    for table in list_tenant_tables():
        for name in ("own_authority", "every_authority"):
            op.execute(f"DROP POLICY {name} ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for name in POLICIES_OF_AUTHORITIES:
        op.execute(f"DROP POLICY {name} ON authorities")
    op.execute("ALTER TABLE authorities DISABLE ROW LEVEL SECURITY")
