"""Writing letters into the outbox, beside the event they are about. What they say in words is decided when they leave.

Facts are readable in the database until the letter has left; what must not be (a code) is encrypted.
"""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.arrays import Columns
from rewards.citizens import EMAIL_PURPOSE
from rewards.ids import new_id, new_id_text
from rewards.keyring import Keyring
from rewards.languages import Language
from rewards.schema.jobs import CODE_KINDS, NOTICE_KINDS, OutboxMessage

FACTS_PURPOSE = "letter-facts"

Facts = Mapping[str, Any]
"""What a letter tells, as JSON knows it; days as text."""

WALLETS = Columns(wallet_id="uuid", place="integer")
LIST_READERS = text(f"""
    SELECT t.place, CAST(c.citizen_id AS text) AS citizen_id
      FROM {WALLETS.unnest("t")}
      JOIN citizens c ON c.authority_id = :authority_id AND c.wallet_id = t.wallet_id AND c.state = 'active'
                     AND (c.wants_notices OR NOT :is_notice)
      JOIN contacts k ON k.authority_id = :authority_id AND k.citizen_id = c.citizen_id
     ORDER BY t.place, c.citizen_id
""")
POSTED = Columns(message_id="uuid", citizen_id="uuid", facts="jsonb")
POST = text(f"""
    INSERT INTO outbox (authority_id, message_id, citizen_id, kind, facts, created_at, next_try_at)
    SELECT :authority_id, t.message_id, t.citizen_id, :kind, t.facts, :now, :now FROM {POSTED.unnest("t")}
""")
POST_TO_SHOP = text("""
    INSERT INTO outbox (authority_id, message_id, shop_id, kind, facts, created_at, next_try_at)
    SELECT :authority_id, :message_id, s.shop_id, :kind, CAST(:facts AS jsonb), :now, :now
      FROM shop_contacts s
     WHERE s.authority_id = :authority_id AND s.shop_id = :shop_id
""")


def post_to_wallets(
    connection: Connection,
    kind: str,
    letters: Iterable[tuple[UUID | str, Facts]],
    *,
    authority_id: int,
    now: datetime.datetime,
    only_to: UUID | None = None,
) -> int:
    """Write to everybody who shares each wallet and has an address, or to one of them; return how many letters.

    Notices go to those who have not switched them off.
    """
    letters = list(letters)
    if not letters:
        return 0
    values = {"authority_id": authority_id, "is_notice": kind in NOTICE_KINDS}
    wallets = WALLETS.bind(wallet_id=[wallet_id for wallet_id, _ in letters], place=range(len(letters)))
    readers = [
        (row.citizen_id, letters[row.place][1])
        for row in connection.execute(LIST_READERS, {**values, **wallets})
        if only_to is None or row.citizen_id == str(only_to)
    ]
    post_to_citizens(connection, kind, readers, authority_id=authority_id, now=now)
    return len(readers)


def post_to_citizens(
    connection: Connection,
    kind: str,
    letters: Sequence[tuple[UUID | str, Facts]],
    *,
    authority_id: int,
    now: datetime.datetime,
) -> None:
    """Write to citizens who have an address; whether they want notices is not asked."""
    if not letters:
        return
    posted = POSTED.bind(
        message_id=[new_id_text() for _ in letters],
        citizen_id=[citizen_id for citizen_id, _ in letters],
        facts=[json.dumps(facts) for _, facts in letters],
    )
    connection.execute(POST, {"authority_id": authority_id, "kind": kind, "now": now, **posted})


def post_to_shop(
    connection: Connection, kind: str, shop_id: UUID, facts: Facts, *, authority_id: int, now: datetime.datetime
) -> bool:
    """Write to a shop; return False when it has no address."""
    values = {"authority_id": authority_id, "message_id": new_id(), "shop_id": shop_id, "kind": kind, "now": now}
    return connection.execute(POST_TO_SHOP, {**values, "facts": json.dumps(facts)}).rowcount == 1


def post_to_address(
    connection: Connection,
    keyring: Keyring,
    kind: str,
    address: str,
    facts: Facts,
    *,
    authority_id: int,
    language: Language | None,
    good_for: datetime.timedelta | None,
    now: datetime.datetime,
) -> UUID:
    """Write to an address that is kept nowhere else: of somebody who is no citizen, not yet or no longer.

    ``language`` None is the authority's. After ``good_for`` the letter is given up and the address forgotten; None
    keeps trying for days.
    """
    is_secret = kind in CODE_KINDS
    message_id = new_id()
    connection.execute(
        insert(OutboxMessage).values(
            authority_id=authority_id,
            message_id=message_id,
            address_encrypted=keyring.encrypt(address.encode(), purpose=EMAIL_PURPOSE),
            language=language,
            kind=kind,
            facts={} if is_secret else facts,
            facts_encrypted=keyring.encrypt(json.dumps(facts).encode(), purpose=FACTS_PURPOSE) if is_secret else None,
            created_at=now,
            good_until=None if good_for is None else now + good_for,
            next_try_at=now,
        )
    )
    return message_id


def post_code(
    connection: Connection,
    keyring: Keyring,
    kind: str,
    address: str | None,
    code: str,
    *,
    authority_id: int,
    language: Language | None,
    good_for: datetime.timedelta,
    now: datetime.datetime,
) -> None:
    """Write a code to an address; with None the same work for a letter that will go to nobody.

    So nobody learns from the time an answer takes whether there is somebody to write to.
    """
    post_to_address(
        connection,
        keyring,
        kind,
        address or "",
        {"code": code},
        authority_id=authority_id,
        language=language,
        good_for=good_for,
        now=now,
    )
