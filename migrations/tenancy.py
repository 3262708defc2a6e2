"""Row-level security, the second belt of tenancy: docs/decisions/0034-row-level-security.md.

A migration that makes a table with ``authority_id`` protects it in one line, ``protect_tenants("stickers")``;
``tests/integration/test_row_level_security.py`` fails until it does.
"""

from alembic import op

IS_OWN = "authority_id = NULLIF(current_setting('bontri.authority_id', true), '')::integer"
"""Whether a row is of the authority the session says; where it says none, no row is."""


def protect_tenants(*tables: str) -> None:
    """Let the API's role see and change rows of its session's authority alone; nothing changes for other roles.

    Not forced upon the owner, who migrates, sets authorities up and checks foreign keys.
    """
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        # Without a policy that permits nobody sees anything. This one leaves everything to the grants.
        op.execute(f"CREATE POLICY every_authority ON {table} USING (true)")
        op.execute(f"CREATE POLICY own_authority ON {table} AS RESTRICTIVE TO bontri_api USING ({IS_OWN})")
