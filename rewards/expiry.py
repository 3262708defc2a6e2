"""Expiry: on the first day they can no longer be spent, the points of a lot leave it by a transfer.

They go to the authority's ``expired`` account, so every sum stays true and the liability falls. Lots are emptied in
small batches that never wait for anybody; what a redemption holds is left to a later pass. Points that a voucher gives
back into a lot that has expired meanwhile can be spent for another ``GRACE``.
"""

import datetime
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.ids import Id
from rewards.ledger import open_authority_account
from rewards.ledger.sweeping import FIRST, Position, Swept, sweep_lots, sweep_these
from rewards.territory import get_timezone

GRACE = datetime.timedelta(days=30)
BATCH_LOTS = 1000
"""A batch holds its lots for some 50 ms, which is what a redemption of one of them may have to wait."""

GET_WATERMARK = text("SELECT points_expired_on FROM authorities WHERE authority_id = :authority_id")
# Only when nothing was left out; later runs then need not look at what expired before.
RAISE_WATERMARK = text("""
    UPDATE authorities SET points_expired_on = :today
     WHERE authority_id = :authority_id AND (points_expired_on IS NULL OR points_expired_on < :today)
       AND NOT EXISTS (SELECT FROM accounts
                        WHERE authority_id = :authority_id AND kind = 'lot' AND expires_on <= :today
                          AND expires_on > coalesce(points_expired_on, '1970-01-01')
                          AND credits_posted - debits_posted - debits_pending > 0)
""")
FIND_EXPIRED = text("""
    SELECT account_id FROM accounts
     WHERE authority_id = :authority_id AND account_id = ANY(CAST(:account_ids AS uuid[]))
       AND kind = 'lot' AND expires_on <= :today
     ORDER BY account_id
""")
EXTEND = text("""
    UPDATE accounts SET expires_on = GREATEST(expires_on, CAST(:until AS date))
     WHERE authority_id = :authority_id AND account_id = ANY(CAST(:account_ids AS uuid[]))
""")


def first_position(connection: Connection, *, authority_id: int) -> Position:
    """Return where a run begins: behind the day by which all lots are known to be empty."""
    watermark = connection.scalar(GET_WATERMARK, {"authority_id": authority_id})
    return FIRST if watermark is None else (watermark, UUID(int=2**128 - 1))


def expire_points(
    connection: Connection, *, authority_id: int, now: datetime.datetime, after: Position, limit: int = BATCH_LOTS
) -> Swept:
    """Expire the points of up to ``limit`` lots behind a position; needs a transaction of its own, committed at once.

    Safe to run twice and at once: lots somebody holds are left out. Begin with :func:`first_position`, go on from the
    position returned until there is none, then :func:`note_expired`.
    """
    expired = open_authority_account(connection, "expired", authority_id=authority_id, now=now)
    return sweep_lots(
        connection,
        expired,
        authority_id=authority_id,
        today=today_of(connection, authority_id=authority_id, now=now),
        after=after,
        now=now,
        limit=limit,
    )


def note_expired(connection: Connection, *, authority_id: int, now: datetime.datetime) -> bool:
    """Note that everything has expired that had to by today; False when lots were left out, to be visited again."""
    today = today_of(connection, authority_id=authority_id, now=now)
    connection.execute(RAISE_WATERMARK, {"authority_id": authority_id, "today": today})
    watermark = connection.scalar(GET_WATERMARK, {"authority_id": authority_id})
    return watermark is not None and bool(watermark >= today)


def begin_grace(
    connection: Connection, account_ids: Collection[Id], *, authority_id: int, now: datetime.datetime
) -> None:
    """Give what is about to come back into expired lots another ``GRACE``; what they still hold expires first.

    The accounts must be locked.
    """
    late = sweep_late(connection, account_ids, authority_id=authority_id, now=now)
    if late:
        until = today_of(connection, authority_id=authority_id, now=now) + GRACE
        connection.execute(EXTEND, {"authority_id": authority_id, "account_ids": late, "until": until})


def sweep_late(
    connection: Connection, account_ids: Collection[Id], *, authority_id: int, now: datetime.datetime
) -> list[UUID]:
    """Expire what lots still hold that are over, before the job comes to them; return these lots.

    The accounts must be locked.
    """
    today = today_of(connection, authority_id=authority_id, now=now)
    values = {"authority_id": authority_id, "account_ids": list(account_ids), "today": today}
    late = list(connection.scalars(FIND_EXPIRED, values))
    if late:
        expired = open_authority_account(connection, "expired", authority_id=authority_id, now=now)
        sweep_these(connection, late, expired, authority_id=authority_id, now=now)
    return late


def reopen_lot(connection: Connection, account_id: UUID, *, authority_id: int, now: datetime.datetime) -> None:
    """Let what is about to come back into a lot be spent for ``GRACE`` at least, also where an earlier one is running.

    The account must be locked.
    """
    begin_grace(connection, [account_id], authority_id=authority_id, now=now)
    until = today_of(connection, authority_id=authority_id, now=now) + GRACE
    connection.execute(EXTEND, {"authority_id": authority_id, "account_ids": [account_id], "until": until})


def today_of(connection: Connection, *, authority_id: int, now: datetime.datetime) -> datetime.date:
    """Return the day by the authority's calendar."""
    return now.astimezone(get_timezone(connection, authority_id=authority_id)).date()
