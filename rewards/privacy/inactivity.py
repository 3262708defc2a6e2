"""Citizens who did nothing for as long as their authority says: warned, and 30 days later erased like who asks for it.

Active is who was credited, took a voucher or had one redeemed, gave points or left a household, or signed in; a
household is active when one of its members is. Whoever has no address cannot be written to and is erased all the same.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select, text, update

from rewards.outbox import post_to_citizens
from rewards.privacy.erasing import BEFORE_ALL
from rewards.schema.territory import Authority

WARNED_BEFORE = datetime.timedelta(days=30)
BATCH = 1000

WALLETS_OF_CITIZEN = """
    (SELECT x.wallet_id FROM wallets x
      WHERE x.authority_id = c.authority_id AND (x.wallet_id = c.wallet_id OR x.merged_into = c.wallet_id))
"""
# A lot is of the month in which its points were credited: active until that is over.
LIST_IDLE = text(f"""
    SELECT seen.citizen_id, seen.inactivity_warned_at,
           seen.last_active_at < CAST(:now AS timestamptz) - make_interval(months => a.inactive_after_months)
               AS is_idle,
           seen.last_active_at < CAST(:soon AS timestamptz) - make_interval(months => a.inactive_after_months)
               AS is_nearly_idle
      FROM authorities a
     CROSS JOIN LATERAL (
        SELECT c.citizen_id, c.inactivity_warned_at,
               greatest(c.created_at,
                        (SELECT max(s.created_at) FROM sessions s
                          WHERE s.authority_id = c.authority_id AND s.citizen_id = c.citizen_id),
                        (SELECT CAST(max(w.lot_month) + interval '1 month' AS timestamptz) FROM wallet_accounts w
                          WHERE w.authority_id = c.authority_id AND w.wallet_id IN {WALLETS_OF_CITIZEN}),
                        (SELECT max(t.recorded_at) FROM wallet_accounts w
                           JOIN transfers t ON t.authority_id = w.authority_id AND t.debit_account_id = w.account_id
                                           AND t.journal_no IS NULL
                          WHERE w.authority_id = c.authority_id AND w.wallet_id IN {WALLETS_OF_CITIZEN}
                            AND ((t.voucher_id IS NOT NULL AND t.phase IN ('pending', 'post'))
                                 OR t.reason IN ('donation', 'split')))) AS last_active_at
          FROM (SELECT authority_id, citizen_id, wallet_id, created_at, inactivity_warned_at FROM citizens
                 WHERE authority_id = :authority_id AND state = 'active' AND citizen_id > :after
                 ORDER BY citizen_id LIMIT :limit) c) AS seen
     WHERE a.authority_id = :authority_id AND a.inactive_after_months IS NOT NULL
     ORDER BY seen.citizen_id
""")
NOTE = text("""
    UPDATE citizens SET inactivity_warned_at = :warned_at
     WHERE authority_id = :authority_id AND citizen_id = ANY(CAST(:citizen_ids AS uuid[])) AND state = 'active'
       AND (inactivity_warned_at IS NULL) <> (CAST(:warned_at AS timestamptz) IS NULL)
    RETURNING citizen_id
""")
LIST_READERS = text("""
    SELECT c.citizen_id,
           (SELECT CAST(coalesce(sum(a.credits_posted - a.debits_posted - a.debits_pending), 0) AS bigint)
              FROM wallet_accounts w
              JOIN accounts a ON a.authority_id = w.authority_id AND a.account_id = w.account_id
             WHERE w.authority_id = c.authority_id AND w.wallet_id = c.wallet_id) AS points
      FROM citizens c
      JOIN contacts k ON k.authority_id = c.authority_id AND k.citizen_id = c.citizen_id
     WHERE c.authority_id = :authority_id AND c.citizen_id = ANY(CAST(:citizen_ids AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Idle:
    """What is to be done about a page of citizens; ``position`` is None when it was the last."""

    to_warn: list[UUID]
    to_erase: list[UUID]
    active_again: list[UUID]
    position: UUID | None


def set_inactivity(connection: Connection, months: int | None, *, authority_id: int) -> None:
    """Say after how many months (12 to 120) without anything done citizens are erased; None keeps them."""
    connection.execute(
        update(Authority).where(Authority.authority_id == authority_id).values(inactive_after_months=months)
    )


def get_inactivity(connection: Connection, *, authority_id: int) -> int | None:
    """Return after how many months without anything done citizens are erased; None keeps them."""
    return connection.scalar(select(Authority.inactive_after_months).where(Authority.authority_id == authority_id))


def list_idle(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    after: UUID = BEFORE_ALL,
    limit: int = BATCH,
) -> Idle:
    """Look at up to ``limit`` citizens behind ``after``, by id; none where the authority keeps everybody."""
    values = {"authority_id": authority_id, "now": now, "soon": now + WARNED_BEFORE, "after": after, "limit": limit}
    rows = connection.execute(LIST_IDLE, values).all()
    warned = [row for row in rows if row.inactivity_warned_at is not None]
    return Idle(
        to_warn=[row.citizen_id for row in rows if row.inactivity_warned_at is None and row.is_nearly_idle],
        to_erase=[row.citizen_id for row in warned if row.is_idle and row.inactivity_warned_at <= now - WARNED_BEFORE],
        active_again=[row.citizen_id for row in warned if not row.is_nearly_idle],
        position=rows[-1].citizen_id if rows else None,
    )


def is_to_be_erased(connection: Connection, citizen_id: UUID, *, authority_id: int, now: datetime.datetime) -> bool:
    """Tell whether a citizen is still to be erased, just before it is done."""
    before = UUID(int=citizen_id.int - 1)
    return citizen_id in list_idle(connection, authority_id=authority_id, now=now, after=before, limit=1).to_erase


def warn_idle(connection: Connection, citizen_ids: Sequence[UUID], *, authority_id: int, now: datetime.datetime) -> int:
    """Note that citizens are warned, and write to those with an address; return how many letters. Safe at once."""
    values = {"authority_id": authority_id, "citizen_ids": list(citizen_ids), "warned_at": now}
    noted = list(connection.scalars(NOTE, values))
    readers = connection.execute(LIST_READERS, {"authority_id": authority_id, "citizen_ids": noted}).all()
    erased_on = (now + WARNED_BEFORE).date().isoformat()
    letters = [(row.citizen_id, {"points": row.points, "erased_on": erased_on}) for row in readers]
    post_to_citizens(connection, "account_inactive", letters, authority_id=authority_id, now=now)
    return len(letters)


def forget_warnings(connection: Connection, citizen_ids: Sequence[UUID], *, authority_id: int) -> None:
    """Forget that citizens were warned: they did something since."""
    values = {"authority_id": authority_id, "citizen_ids": list(citizen_ids), "warned_at": None}
    connection.execute(NOTE, values)
