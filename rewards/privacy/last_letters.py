"""The letter that says that an account is erased: it carries the address, since by then that is kept nowhere else."""

import datetime
from collections.abc import Collection
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, text

from rewards.citizens import EMAIL_PURPOSE
from rewards.keyring import Keyring
from rewards.outbox import post_to_address

LIST_ADDRESSES = text("""
    SELECT k.email_encrypted, c.language
      FROM contacts k
      JOIN citizens c ON c.authority_id = k.authority_id AND c.citizen_id = k.citizen_id
     WHERE k.authority_id = :authority_id AND k.citizen_id = ANY(CAST(:citizen_ids AS uuid[]))
     ORDER BY k.citizen_id
""")
GOOD_FOR = datetime.timedelta(days=1)
"""As long as an erasure takes to be finished: what has not left by then never does."""


def post_last_letters(
    connection: Connection,
    keyring: Keyring,
    citizen_ids: Collection[UUID],
    *,
    authority_id: int,
    now: datetime.datetime,
) -> None:
    """Write to those of citizens who have an address, before it is removed."""
    values = {"authority_id": authority_id, "citizen_ids": list(citizen_ids)}
    for encrypted, language in connection.execute(LIST_ADDRESSES, values).all():
        try:
            address = keyring.decrypt(bytes(encrypted), purpose=EMAIL_PURPOSE).decode()
        except InvalidTag:
            # A key that is lost keeps nobody from being erased.
            continue
        post_to_address(
            connection,
            keyring,
            "account_erased",
            address,
            {},
            authority_id=authority_id,
            language=language,
            good_for=GOOD_FOR,
            now=now,
        )
