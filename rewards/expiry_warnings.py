"""Warning citizens before their points expire: once for each day on which some will, by e-mail from the outbox."""

import datetime

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.expiry import today_of
from rewards.ids import new_id_text

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
LIST_READERS = text(f"""
    SELECT CAST(c.citizen_id AS text), t.expires_on, CAST(sum(a.credits_posted - a.debits_posted - a.debits_pending)
                                                          AS bigint)
      FROM {WARNED.unnest("t")}
      JOIN citizens c ON c.authority_id = :authority_id AND c.wallet_id = t.wallet_id AND c.state = 'active'
      JOIN contacts k ON k.authority_id = :authority_id AND k.citizen_id = c.citizen_id
      JOIN wallets x ON x.authority_id = :authority_id AND (x.wallet_id = t.wallet_id OR x.merged_into = t.wallet_id)
      JOIN wallet_accounts w ON w.authority_id = :authority_id AND w.wallet_id = x.wallet_id
      JOIN accounts a ON a.authority_id = :authority_id AND a.account_id = w.account_id
                     AND a.expires_on = t.expires_on
     GROUP BY c.citizen_id, t.expires_on
""")
POSTED = Columns(message_id="uuid", citizen_id="uuid", points="bigint", expires_on="date")
POST = text(f"""
    INSERT INTO outbox (authority_id, message_id, citizen_id, kind, facts, created_at, next_try_at)
    SELECT :authority_id, t.message_id, t.citizen_id, 'points_expiring',
           jsonb_build_object('points', t.points, 'expires_on', CAST(t.expires_on AS text)), :now, :now
      FROM {POSTED.unnest("t")}
""")


def warn_of_expiry(
    connection: Connection, *, authority_id: int, now: datetime.datetime, limit: int = BATCH_WALLETS
) -> tuple[int, int]:
    """Warn up to ``limit`` wallets of points that expire within ``BEFORE``; return (wallets, messages).

    Safe to run twice and at once. A wallet without an address counts as warned: the statement shows it. Call until no
    wallet is left.
    """
    today = today_of(connection, authority_id=authority_id, now=now)
    tenant = {"authority_id": authority_id, "now": now}
    warned = connection.execute(NOTE, {**tenant, "today": today, "last": today + BEFORE, "limit": limit}).all()
    if not warned:
        return 0, 0
    columns = WARNED.bind(wallet_id=[row[0] for row in warned], expires_on=[row[1] for row in warned])
    readers = connection.execute(LIST_READERS, {"authority_id": authority_id, **columns}).all()
    if readers:
        posted = POSTED.bind(
            message_id=[new_id_text() for _ in readers],
            citizen_id=[row[0] for row in readers],
            points=[row[2] for row in readers],
            expires_on=[row[1] for row in readers],
        )
        connection.execute(POST, {**tenant, **posted})
    return len(warned), len(readers)
