"""Rotating the encryption key: whatever is encrypted is encrypted anew, a batch at a time.

Under which key something stands is not noted beside it: the tag of the ciphertext tells for sure, and for nothing more
than opening it. So a run that was interrupted begins again and writes what is left. Once a whole pass finds nothing
under an earlier key, that is noted, and processes start without it (docs/privacy.md).

What is encrypted is said in ``rewards/schema/personal_data.py``; a test holds ``SEALED`` to it. The link in a notice is
stored nowhere.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, TextClause, text

from rewards.arrays import Columns
from rewards.citizens import EMAIL_PURPOSE
from rewards.disputes.opening import WORDS_PURPOSE
from rewards.keyring import Keyring
from rewards.outbox.posting import FACTS_PURPOSE
from rewards.privacy.refusals import EncryptionKeyNeededError
from rewards.profiles import NAME_PURPOSE
from rewards.quarantine import PURPOSE as QUARANTINE_PURPOSE
from rewards.sessions import LABEL_PURPOSE

FIRST_KEY_NO = 1


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column that is encrypted: for which purpose, and by what its rows are told apart, besides the authority.

    ``limit``: so many of them are opened at once.
    """

    table: str
    column: str
    purpose: str
    key: str
    key_kind: str = "uuid"
    limit: int = 500

    @property
    def name(self) -> str:
        """What it is told as."""
        return f"{self.table}.{self.column}"

    @property
    def list_statement(self) -> TextClause:
        """Return the statement that lists the next ones."""
        return text(f"""
            SELECT {self.key} AS row_key, {self.column} AS sealed FROM {self.table}
             WHERE authority_id = :authority_id AND {self.column} IS NOT NULL
               AND (CAST(:after AS {self.key_kind}) IS NULL OR {self.key} > :after)
             ORDER BY {self.key} LIMIT :limit
        """)

    @property
    def renewed(self) -> Columns:
        """What the statement that writes them anew is given."""
        return Columns(row_key=self.key_kind, former="bytea", sealed="bytea")

    @property
    def renew_statement(self) -> TextClause:
        """Return the statement that writes them anew; one that was changed meanwhile is under the present key."""
        return text(f"""
            UPDATE {self.table} k SET {self.column} = t.sealed
              FROM (SELECT * FROM {self.renewed.unnest("u")} ORDER BY row_key) AS t
             WHERE k.authority_id = :authority_id AND k.{self.key} = t.row_key AND k.{self.column} = t.former
        """)


SEALED = (
    Sealed("agents", "email_encrypted", EMAIL_PURPOSE, "agent_id"),
    # Not by the digest, which changes when the card is used.
    Sealed("badges", "label_encrypted", LABEL_PURPOSE, "card_id"),
    Sealed("contacts", "email_encrypted", EMAIL_PURPOSE, "citizen_id"),
    Sealed("contacts", "display_name_encrypted", NAME_PURPOSE, "citizen_id"),
    Sealed("disputes", "words_encrypted", WORDS_PURPOSE, "dispute_id"),
    Sealed("outbox", "address_encrypted", EMAIL_PURPOSE, "message_id"),
    Sealed("outbox", "facts_encrypted", FACTS_PURPOSE, "message_id"),
    # Up to 256 KiB each.
    Sealed("quarantined_messages", "payload_encrypted", QUARANTINE_PURPOSE, "message_digest", "bytea", limit=50),
    Sealed("sessions", "label_encrypted", LABEL_PURPOSE, "session_id"),
    Sealed("shop_contacts", "email_encrypted", EMAIL_PURPOSE, "shop_id"),
    Sealed("sign_in_codes", "email_encrypted", EMAIL_PURPOSE, "sign_in_id"),
)
STATEMENTS = {each.name: (each.list_statement, each.renew_statement) for each in SEALED}

COUNT_PEPPERS = text("""
    SELECT pepper_no, count(*) FROM badges WHERE authority_id = :authority_id GROUP BY pepper_no ORDER BY pepper_no
""")
FIND_OLDEST = text("SELECT max(oldest_key_no) FROM authorities")
NOTE_OLDEST = text("""
    UPDATE authorities SET oldest_key_no = :key_no WHERE authority_id = :authority_id AND oldest_key_no < :key_no
""")


@dataclass(slots=True)
class Pass:
    """What a pass over columns found: how many stood under which key, those no given key opens, and wrote anew."""

    under: Counter[int] = field(default_factory=Counter)
    unreadable: int = 0
    renewed: int = 0

    def add(self, other: "Pass") -> None:
        """Count what another pass found too."""
        self.under.update(other.under)
        self.unreadable += other.unreadable
        self.renewed += other.renewed


def reencrypt_next(
    connection: Connection, keyring: Keyring, sealed: Sealed, *, authority_id: int, after: Any = None
) -> tuple[Pass, Any]:
    """Encrypt the next of a column that stand under an earlier key; return what was found, and the last row's key.

    Go on behind that one, in a transaction of its own, until it is None. Safe to repeat and at once. What no key opens
    stays as it is.
    """
    listing, renewing = STATEMENTS[sealed.name]
    values = {"authority_id": authority_id, "after": after, "limit": sealed.limit}
    rows = connection.execute(listing, values).all()
    found, old = Pass(), list[tuple[Any, bytes, bytes]]()
    for row_key, ciphertext in rows:
        try:
            key_no, plaintext = keyring.unseal(bytes(ciphertext), purpose=sealed.purpose)
        except InvalidTag:
            found.unreadable += 1
            continue
        found.under[key_no] += 1
        if key_no != keyring.encryption_key_no:
            old.append((row_key, bytes(ciphertext), keyring.encrypt(plaintext, purpose=sealed.purpose)))
    if old:
        row_keys, former, renewed = zip(*old, strict=True)
        columns = sealed.renewed.bind(row_key=row_keys, former=former, sealed=renewed)
        found.renewed = connection.execute(renewing, {"authority_id": authority_id, **columns}).rowcount
    return found, rows[-1].row_key if rows else None


def count_peppers(connection: Connection, *, authority_id: int) -> Mapping[int, int]:
    """Count the cards that stand under each pepper, by its number."""
    return {row[0]: row[1] for row in connection.execute(COUNT_PEPPERS, {"authority_id": authority_id})}


def note_oldest_key(connection: Connection, key_no: int, *, authority_id: int) -> None:
    """Note that nothing of the installation stands under an earlier key; after a pass over all authorities."""
    connection.execute(NOTE_OLDEST, {"authority_id": authority_id, "key_no": key_no})


def require_encryption_keys(connection: Connection, keyring: Keyring) -> None:
    """Refuse to work without a key that something may stand under, or with one that is older than what is noted.

    Raises:
        EncryptionKeyNeededError: the settings lack it.
    """
    oldest = connection.scalar(FIND_OLDEST) or FIRST_KEY_NO
    wanted = range(oldest, max(oldest, keyring.encryption_key_no) + 1)
    given = keyring.list_encryption_key_nos()
    missing = [number for number in wanted if number not in given]
    if missing:
        raise EncryptionKeyNeededError(missing, oldest_key_no=oldest)
