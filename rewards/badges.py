"""Whose points a badge earns, and into which lot."""

import datetime
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text, update

from rewards.arrays import Columns
from rewards.keyring import FormerBadge
from rewards.schema.territory import Authority


@dataclass(slots=True)
class Holder:
    """The citizen behind a badge (caps are the citizen's) and the wallet credited (a household may share it).

    ``lot_account_id`` is the wallet's lot of the month; None while there is none. ``is_new``: no deposit was credited
    to the citizen yet, as far as was known when asked. Identifiers are text.
    """

    citizen_id: str
    wallet_id: str
    lot_account_id: str | None
    is_new: bool = False


DIGESTS = Columns(badge_digest="bytea")
# One look-up after the other, whatever the planner believes: before their first ANALYZE it takes tables for empty, and
# read all badges of the authority for each one asked (345 µs). OFFSET 0 keeps a subquery by itself.
FIND_HOLDERS = text(f"""
    SELECT t.badge_digest, CAST(c.citizen_id AS text), CAST(c.wallet_id AS text),
           (SELECT CAST(w.account_id AS text) FROM wallet_accounts w
             WHERE w.authority_id = :authority_id AND w.wallet_id = c.wallet_id AND w.lot_month = :lot_month),
           c.first_credited_on IS NULL
      FROM {DIGESTS.unnest("t")}
     CROSS JOIN LATERAL (SELECT b.citizen_id FROM badges b
                          WHERE b.authority_id = :authority_id AND b.badge_digest = t.badge_digest
                            AND b.state = 'active' OFFSET 0) AS b
     CROSS JOIN LATERAL (SELECT c.citizen_id, c.wallet_id, c.first_credited_on FROM citizens c
                          WHERE c.authority_id = :authority_id AND c.citizen_id = b.citizen_id
                            AND c.state = 'active' OFFSET 0) AS c
""")


def find_holders(
    connection: Connection, digests: Collection[bytes], *, authority_id: int, lot_month: datetime.date
) -> dict[bytes, Holder]:
    """Find the holders of active badges; unknown and blocked ones are absent."""
    if not digests:
        return {}
    parameters = {"authority_id": authority_id, "lot_month": lot_month, **DIGESTS.bind(badge_digest=digests)}
    return {bytes(digest): Holder(*holder) for digest, *holder in connection.execute(FIND_HOLDERS, parameters).all()}


RENEWED = Columns(former_digest="bytea", badge_digest="bytea", pepper_no="smallint")
# In the order of the old digests, so that two workers wait for each other; the second then finds nothing to renew.
RENEW = text(f"""
    UPDATE badges b SET badge_digest = t.badge_digest, pepper_no = t.pepper_no
      FROM (SELECT * FROM {RENEWED.unnest("u")} ORDER BY former_digest) AS t
     WHERE b.authority_id = :authority_id AND b.badge_digest = t.former_digest
       AND NOT EXISTS (SELECT FROM badges n
                        WHERE n.authority_id = :authority_id AND n.badge_digest = t.badge_digest)
""")


def renew_badges(connection: Connection, former: Mapping[bytes, FormerBadge], *, authority_id: int) -> int:
    """Store badges anew that stand under the old pepper, by their digest under the present one; return how many."""
    if not former:
        return 0
    columns = RENEWED.bind(
        former_digest=[each.digest for each in former.values()],
        badge_digest=list(former),
        pepper_no=[each.pepper_no for each in former.values()],
    )
    return connection.execute(RENEW, {"authority_id": authority_id, **columns}).rowcount


CITIZENS = Columns(citizen_id="uuid")
LOCK_NEWCOMERS = text(f"""
    SELECT c.citizen_id FROM citizens c JOIN {CITIZENS.unnest("t")} ON t.citizen_id = c.citizen_id
     WHERE c.authority_id = :authority_id ORDER BY c.citizen_id FOR NO KEY UPDATE OF c
""")
NOTE_FIRST_CREDITS = text(f"""
    UPDATE citizens c SET first_credited_on = :day FROM {CITIZENS.unnest("t")}
     WHERE c.authority_id = :authority_id AND c.citizen_id = t.citizen_id AND c.first_credited_on IS NULL
    RETURNING CAST(c.citizen_id AS text)
""")


def note_first_credits(
    connection: Connection, citizen_ids: Iterable[str], *, authority_id: int, day: datetime.date
) -> set[str]:
    """Note the first credit of citizens, on ``day`` by the authority's calendar; return whose first it was.

    Of two transactions at once the second waits, and finds that it was not the first.
    """
    parameters = {"authority_id": authority_id, "day": day, **CITIZENS.bind(citizen_id=citizen_ids)}
    connection.execute(LOCK_NEWCOMERS, parameters)
    return set(connection.scalars(NOTE_FIRST_CREDITS, parameters).all())


def announce_holders_change(connection: Connection, *, authority_id: int) -> None:
    """Have the workers forget the holders they remember, within a second of the commit.

    For whoever blocks or moves a badge or a citizen, or cuts a wallet's link to its lots; a new badge needs it not,
    since unknown ones are not remembered.
    """
    connection.execute(
        update(Authority)
        .where(Authority.authority_id == authority_id)
        .values(holders_version=Authority.holders_version + 1)
    )
