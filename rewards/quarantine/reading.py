"""Looking at the quarantine: what waits, why, since when. Bytes are decrypted only where they are asked for."""

import datetime
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Row, text

from rewards.keyring import Keyring
from rewards.quarantine.refusals import MessageMissingError
from rewards.quarantine.refused import NO_AUTHORITY, PURPOSE
from rewards.quarantine.selecting import EVERYTHING_WAITING, IS_RECORDED, IS_SELECTED, REFUSED_EVENTS, Selection, bind

ReplayState = Literal["stored", "requested", "replayed", "settled"]

SHORT_ID_DIGITS = 12
DIGEST_BYTES = 16


class UndecryptableError(Exception):
    """The bytes were not stored under this storage key."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message in quarantine without its bytes. ``codes`` has its own, or those of its events still refused."""

    authority_id: int
    message_digest: bytes
    topic: str
    bin_id: str | None
    code: str | None
    detail: str
    received_at: datetime.datetime
    last_received_at: datetime.datetime
    times: int
    replay_requested_at: datetime.datetime | None
    replayed_at: datetime.datetime | None
    codes: tuple[str, ...]

    @property
    def short_id(self) -> str:
        """What operators call it by."""
        return self.message_digest.hex()[:SHORT_ID_DIGITS]

    @property
    def state(self) -> ReplayState:
        """Whether it only lies there, is to be replayed, has been, or waits no more.

        The last when its refused events were recorded from a later copy, or came again in a newer message.
        """
        if self.replay_requested_at is not None:
            return "requested"
        if self.replayed_at is not None:
            return "replayed"
        return "stored" if self.codes else "settled"


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """A refused event; ``is_recorded`` once the same content was recorded after all."""

    journal: str
    seq: int
    code: str
    detail: str
    is_recorded: bool


CODES = f"""
    CASE WHEN q.code IS NOT NULL THEN ARRAY[q.code]
         ELSE ARRAY(SELECT DISTINCT r.code FROM ({REFUSED_EVENTS}) r
                     WHERE r.authority_id = q.authority_id AND r.message_digest = q.message_digest
                     ORDER BY r.code) END AS codes
"""
KEPT = f"""
    SELECT q.authority_id, q.message_digest, q.topic, q.bin_id, q.code, q.detail, q.received_at, q.last_received_at,
           q.times, q.replay_requested_at, q.replayed_at, {CODES}
      FROM quarantined_messages q
"""
LIST = text(f"""
    {KEPT} WHERE q.authority_id = :authority_id AND {IS_SELECTED}
       AND (CAST(:last_at AS timestamptz) IS NULL OR q.last_received_at < :last_at
            OR q.last_received_at = :last_at AND q.message_digest > :last_digest)
     ORDER BY q.last_received_at DESC, q.message_digest LIMIT :limit
""")
FIND = text(f"""
    {KEPT} WHERE q.authority_id = :authority_id AND q.message_digest BETWEEN :lowest AND :highest
     ORDER BY q.message_digest LIMIT :limit
""")
COUNT = text(f"SELECT count(*) FROM quarantined_messages q WHERE q.authority_id = :authority_id AND {IS_SELECTED}")
COUNT_BY_CODE = text(f"""
    SELECT code, count(*) AS times FROM (
        SELECT q.code FROM quarantined_messages q
         WHERE q.authority_id = :authority_id AND q.code IS NOT NULL AND {IS_SELECTED}
        UNION ALL
        SELECT r.code FROM quarantined_messages q JOIN ({REFUSED_EVENTS}) r ON r.message_digest = q.message_digest
         WHERE q.authority_id = :authority_id AND {IS_SELECTED}) AS codes
     GROUP BY code ORDER BY code
""")
LIST_EVENTS = text(f"""
    SELECT j.journal, e.seq, e.code, e.detail, {IS_RECORDED} AS is_recorded
      FROM quarantined_events e
      JOIN bin_journals j ON j.authority_id = e.authority_id AND j.journal_no = e.journal_no
     WHERE e.authority_id = :authority_id AND e.message_digest = :message_digest ORDER BY j.journal, e.seq
""")
READ_PAYLOAD = text("""
    SELECT payload_encrypted FROM quarantined_messages
     WHERE authority_id = :authority_id AND message_digest = :message_digest
""")


def list_holders(connection: Connection) -> dict[str | None, int]:
    """List whose quarantine there is by slug: that of no authority first (None), then each authority's by slug."""
    rows = connection.execute(text("SELECT slug, authority_id FROM authorities ORDER BY slug"))
    return {None: NO_AUTHORITY, **{row.slug: row.authority_id for row in rows}}


def list_messages(
    connection: Connection,
    selection: Selection,
    *,
    authority_id: int,
    after: tuple[datetime.datetime, bytes] | None = None,
    limit: int,
) -> list[KeptMessage]:
    """List messages, the last received first; ``after`` is (last received at, id) of the last of the page before."""
    last_at, last_digest = after or (None, None)
    page = {"last_at": last_at, "last_digest": last_digest, "limit": limit}
    rows = connection.execute(LIST, {**bind(selection, authority_id), **page})
    return [kept_message(row) for row in rows]


def find_messages(connection: Connection, id_digits: str, *, authority_id: int, limit: int = 2) -> list[KeptMessage]:
    """Find the messages whose id begins with hexadecimal digits, by id; one more than one is enough to doubt."""
    lowest, highest = (bytes.fromhex(id_digits.ljust(2 * DIGEST_BYTES, digit)) for digit in "0f")
    rows = connection.execute(
        FIND, {"authority_id": authority_id, "lowest": lowest, "highest": highest, "limit": limit}
    )
    return [kept_message(row) for row in rows]


def get_message(connection: Connection, message_digest: bytes, *, authority_id: int) -> KeptMessage:
    """Return a message by its whole id.

    Raises:
        MessageMissingError: there is none.
    """
    found = find_messages(connection, message_digest.hex(), authority_id=authority_id)
    if not found:
        raise MessageMissingError(message_digest.hex())
    return found[0]


def count_messages(connection: Connection, selection: Selection, *, authority_id: int) -> int:
    """Count the selected messages."""
    return int(connection.scalar(COUNT, bind(selection, authority_id)) or 0)


def count_by_code(
    connection: Connection, selection: Selection = EVERYTHING_WAITING, *, authority_id: int
) -> dict[str, int]:
    """Count what waits in quarantine, by code: messages refused whole, and events refused singly.

    Events recorded since, and those whose message was pruned, wait no longer.
    """
    rows = connection.execute(COUNT_BY_CODE, bind(selection, authority_id))
    return {row.code: row.times for row in rows}


def list_refused_events(connection: Connection, message: KeptMessage) -> list[KeptEvent]:
    """List the events of a message that were refused singly, by journal and number."""
    parameters = {"authority_id": message.authority_id, "message_digest": message.message_digest}
    return [KeptEvent(*row) for row in connection.execute(LIST_EVENTS, parameters)]


def read_payload(connection: Connection, message: KeptMessage, *, keyring: Keyring) -> bytes:
    """Return the exact bytes of a message; they may hold a badge.

    Raises:
        UndecryptableError: they were stored under another storage key.
    """
    parameters = {"authority_id": message.authority_id, "message_digest": message.message_digest}
    return decrypt_payload(connection.execute(READ_PAYLOAD, parameters).scalar_one(), keyring=keyring)


def decrypt_payload(payload_encrypted: bytes, *, keyring: Keyring) -> bytes:
    """Return the bytes of a message as they were received; raises :class:`UndecryptableError`."""
    try:
        return keyring.decrypt(bytes(payload_encrypted), purpose=PURPOSE)
    except InvalidTag:
        raise UndecryptableError from None


def kept_message(row: Row[Any]) -> KeptMessage:
    """Turn a row into what callers see."""
    facts = {**row._mapping, "message_digest": bytes(row.message_digest), "codes": tuple(row.codes)}
    return KeptMessage(**facts)
