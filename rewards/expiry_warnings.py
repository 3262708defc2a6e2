"""Warning citizens before their points expire: once for each day on which some will, by e-mail from the outbox."""

import datetime
from typing import Any

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.expiry import today_of
from rewards.outbox import post_to_wallets

BEFORE = datetime.timedelta(days=30)
BATCH_WALLETS = 500

# The insert decides who warns; of two runs at once one does.
NOTE = text("""
    INSERT INTO expiry_warnings (authority_id, wallet_id, expires_on, warned_at)
    SELECT :authority_id, coalesce(x.merged_into, x.wallet_id) AS holding_id, a.expires_on, :now
      FROM accounts a
      JOIN wallet_accounts w ON w.authority_id = a.authority_id AND w.account_id = a.account_id
      JOIN wallets x ON x.authority_id = w.authority_id AND x.wallet_id = w.wallet_id
     WHERE a.authority_id = :authority_id AND a.kind = 'lot' AND a.expires_on > :today AND a.expires_on <= :last
       AND a.credits_posted - a.debits_posted - a.debits_pending > 0
       AND NOT EXISTS (SELECT FROM expiry_warnings n WHERE n.authority_id = a.authority_id
                          AND n.wallet_id = coalesce(x.merged_into, x.wallet_id)
                          AND n.expires_on = a.expires_on)
     GROUP BY holding_id, a.expires_on
     ORDER BY holding_id, a.expires_on LIMIT :limit
    ON CONFLICT (authority_id, wallet_id, expires_on) DO NOTHING
    RETURNING CAST(wallet_id AS text), expires_on
""")
WARNED = Columns(wallet_id="uuid", expires_on="date")
LIST_POINTS = text(f"""
    SELECT t.wallet_id, t.expires_on,
           CAST(sum(a.credits_posted - a.debits_posted - a.debits_pending) AS bigint) AS points
      FROM {WARNED.unnest("t")}
      JOIN wallets x ON x.authority_id = :authority_id AND (x.wallet_id = t.wallet_id OR x.merged_into = t.wallet_id)
      JOIN wallet_accounts w ON w.authority_id = :authority_id AND w.wallet_id = x.wallet_id
      JOIN accounts a ON a.authority_id = :authority_id AND a.account_id = w.account_id
                     AND a.expires_on = t.expires_on
     GROUP BY t.wallet_id, t.expires_on
""")


def warn_of_expiry(
    connection: Connection, *, authority_id: int, now: datetime.datetime, limit: int = BATCH_WALLETS
) -> tuple[int, int]:
    """Warn up to ``limit`` wallets of points that expire within ``BEFORE``; return (wallets, messages).

    Safe to run twice and at once. A wallet whose citizens have no address, or want no notices, counts as warned: the
    statement shows it. Call until no wallet is left.
    """
    today = today_of(connection, authority_id=authority_id, now=now)
    tenant: dict[str, Any] = {"authority_id": authority_id, "now": now}
    warned = connection.execute(NOTE, {**tenant, "today": today, "last": today + BEFORE, "limit": limit}).all()
    if not warned:
        return 0, 0
    columns = WARNED.bind(wallet_id=[row[0] for row in warned], expires_on=[row[1] for row in warned])
    expiring = connection.execute(LIST_POINTS, {"authority_id": authority_id, **columns})
    letters = [(row.wallet_id, {"points": row.points, "expires_on": row.expires_on.isoformat()}) for row in expiring]
    return len(warned), post_to_wallets(connection, "points_expiring", letters, **tenant)
