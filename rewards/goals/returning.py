"""What was given to a missed goal goes back to the very lots it came from, some donations at a time."""

import datetime

from sqlalchemy import Connection, text

from rewards.expiry import begin_grace
from rewards.ledger import Transfer, lock_accounts, record_transfers

BATCH_DONATIONS = 100

# Chosen once and for all, hence MATERIALIZED. Transfers never change, so they can be read before anything is locked.
LIST_GIFTS = text("""
    WITH owed AS MATERIALIZED (
        SELECT d.donation_id, g.account_id FROM goals g
          JOIN donations d ON d.authority_id = g.authority_id AND d.to_goal_id = g.goal_id AND d.returned_at IS NULL
         WHERE g.authority_id = :authority_id AND g.state = 'missed'
         ORDER BY d.donation_id LIMIT :limit)
    SELECT o.donation_id, t.debit_account_id AS lot_id, t.credit_account_id AS goal_account_id, t.points
      FROM owed o
      JOIN transfers t ON t.authority_id = :authority_id AND t.cause_id = o.donation_id
                      AND t.credit_account_id = o.account_id
""")
NOTE = text("""
    UPDATE donations SET returned_at = :now
     WHERE authority_id = :authority_id AND donation_id = ANY(CAST(:donation_ids AS uuid[])) AND returned_at IS NULL
    RETURNING donation_id
""")


def give_back(
    connection: Connection, *, authority_id: int, now: datetime.datetime, limit: int = BATCH_DONATIONS
) -> int | None:
    """Give up to ``limit`` donations to missed goals back; return how many, None when nothing is owed any more.

    Safe to run twice and at once: the guarded update decides whose a donation is, so 0 means that somebody else gave
    these back. What comes back into a lot that has expired meanwhile can be spent for a while longer.
    """
    gifts = connection.execute(LIST_GIFTS, {"authority_id": authority_id, "limit": limit}).all()
    if not gifts:
        return None
    accounts = {account for gift in gifts for account in (gift.lot_id, gift.goal_account_id)}
    lock_accounts(connection, accounts, authority_id=authority_id)
    donation_ids = list({gift.donation_id for gift in gifts})
    values = {"authority_id": authority_id, "donation_ids": donation_ids, "now": now}
    noted = set(connection.scalars(NOTE, values))
    own = [gift for gift in gifts if gift.donation_id in noted]
    begin_grace(connection, {gift.lot_id for gift in own}, authority_id=authority_id, now=now)
    back = [
        Transfer(gift.goal_account_id, gift.lot_id, gift.points, reason="donation", cause_id=gift.donation_id)
        for gift in own
    ]
    record_transfers(connection, back, authority_id=authority_id, now=now)
    return len(noted)
