"""Rotating the encryption key: addresses are encrypted anew, a batch at a time, each with the number of its key.

Quarantined messages and letters with what they carry are not: they are gone after 35 days, and can be read as long as
the old key is given. So is the link in a notice, which is stored nowhere.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.citizens import EMAIL_PURPOSE
from rewards.keyring import Keyring
from rewards.privacy.erasing import BEFORE_ALL

BATCH = 500

OWNERS = {"agents": "agent_id", "contacts": "citizen_id", "shop_contacts": "shop_id"}
"""Every table with addresses, and whose they are."""

LIST_OLD = {
    table: text(f"""
        SELECT {owner} AS owner_id, email_encrypted FROM {table}
         WHERE authority_id = :authority_id AND key_no <> :key_no AND {owner} > :after
         ORDER BY {owner} LIMIT :limit
    """)
    for table, owner in OWNERS.items()
}
RENEWED = Columns(owner_id="uuid", former="bytea", email_encrypted="bytea")
# An address that was changed meanwhile is under the present key already.
RENEW = {
    table: text(f"""
        UPDATE {table} k SET email_encrypted = t.email_encrypted, key_no = :key_no
          FROM (SELECT * FROM {RENEWED.unnest("u")} ORDER BY owner_id) AS t
         WHERE k.authority_id = :authority_id AND k.{owner} = t.owner_id AND k.email_encrypted = t.former
    """)
    for table, owner in OWNERS.items()
}
COUNT_PEPPERS = text("""
    SELECT pepper_no, count(*) FROM badges WHERE authority_id = :authority_id GROUP BY pepper_no ORDER BY pepper_no
""")
COUNT_KEYS = text("""
    SELECT key_no, count(*)
      FROM (SELECT key_no FROM agents WHERE authority_id = :authority_id
            UNION ALL SELECT key_no FROM contacts WHERE authority_id = :authority_id
            UNION ALL SELECT key_no FROM shop_contacts WHERE authority_id = :authority_id) AS addresses
     GROUP BY key_no ORDER BY key_no
""")


@dataclass(frozen=True, slots=True)
class Secrets:
    """How many cards stand under each pepper, and addresses under each key, by its number."""

    cards: dict[int, int]
    addresses: dict[int, int]


def reencrypt_addresses(
    connection: Connection,
    keyring: Keyring,
    table: str,
    *,
    authority_id: int,
    after: UUID = BEFORE_ALL,
    limit: int = BATCH,
) -> tuple[int, UUID | None]:
    """Encrypt the next addresses of a table under the present key; return how many, and whose was looked at last.

    Go on behind that one, in a transaction of its own, until it is None. Safe to repeat and at once.

    Raises:
        cryptography.exceptions.InvalidTag: an address is under a key that is not given.
    """
    values = {"authority_id": authority_id, "key_no": keyring.encryption_key_no, "after": after, "limit": limit}
    rows = connection.execute(LIST_OLD[table], values).all()
    if not rows:
        return 0, None
    former = [bytes(row.email_encrypted) for row in rows]
    emails = (keyring.decrypt(each, purpose=EMAIL_PURPOSE) for each in former)
    columns = RENEWED.bind(
        owner_id=[row.owner_id for row in rows],
        former=former,
        email_encrypted=[keyring.encrypt(email, purpose=EMAIL_PURPOSE) for email in emails],
    )
    tenant = {"authority_id": authority_id, "key_no": keyring.encryption_key_no}
    return connection.execute(RENEW[table], {**tenant, **columns}).rowcount, rows[-1].owner_id


def count_secrets(connection: Connection, *, authority_id: int) -> Secrets:
    """Count what stands under which pepper and key."""
    tenant = {"authority_id": authority_id}
    cards, addresses = (
        {row[0]: row[1] for row in connection.execute(query, tenant)} for query in (COUNT_PEPPERS, COUNT_KEYS)
    )
    return Secrets(cards, addresses)
