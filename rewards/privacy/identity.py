"""What names a citizen, lets them in or counts for them; all of it goes, and none of it says how many points there are.

Every table that refers to ``citizens`` is in ``OF_CITIZENS``; a test holds it to the schema.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

OF_CITIZENS = (
    "badges",
    "cap_usages",
    "contacts",
    "disputes",
    "erasure_requests",
    "invitation_tries",
    "outbox",
    "sessions",
    "sign_in_codes",
)

DELETE_OF_CITIZENS = [
    text(f"DELETE FROM {table} WHERE authority_id = :authority_id AND citizen_id = ANY(CAST(:citizen_ids AS uuid[]))")
    for table in OF_CITIZENS
]
DELETE_ANSWERS = text("""
    DELETE FROM idempotent_requests
     WHERE authority_id = :authority_id AND principal_id = ANY(CAST(:citizen_ids AS uuid[]))
""")
DELETE_INVITATION = text("""
    DELETE FROM wallet_invitations WHERE authority_id = :authority_id AND wallet_id = :wallet_id
""")
DELETE_WARNINGS = text("""
    DELETE FROM expiry_warnings WHERE authority_id = :authority_id AND wallet_id = :wallet_id
""")


def remove_identity(connection: Connection, citizen_ids: Collection[UUID], *, authority_id: int) -> None:
    """Remove badges, addresses, sessions, codes, letters, answers and counts of citizens; their ids stay."""
    values = {"authority_id": authority_id, "citizen_ids": list(citizen_ids)}
    for statement in (*DELETE_OF_CITIZENS, DELETE_ANSWERS):
        connection.execute(statement, values)


def remove_invitation(connection: Connection, wallet_id: UUID, *, authority_id: int) -> None:
    """Remove the code by which somebody may join a wallet.

    Before the wallet is locked: who accepts a code holds it when asking for the wallet.
    """
    connection.execute(DELETE_INVITATION, {"authority_id": authority_id, "wallet_id": wallet_id})


def remove_warnings(connection: Connection, wallet_id: UUID, *, authority_id: int) -> None:
    """Remove the notes of which expiries a wallet was warned of."""
    connection.execute(DELETE_WARNINGS, {"authority_id": authority_id, "wallet_id": wallet_id})
