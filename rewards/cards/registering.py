"""Registering cards by the box, as they are handed out: each is a citizen with a wallet and no person behind it.

Three statements, however many cards: one at a time cost 3 ms each.
"""

import datetime
from collections.abc import Mapping

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.citizens import BadgeTakenError, Citizen
from rewards.ids import new_id
from rewards.keyring import Keyring

DIGESTS = Columns(badge_digest="bytea")
FIND_TAKEN = text(f"""
    SELECT 1 FROM {DIGESTS.unnest("t")} JOIN badges b ON b.authority_id = :authority_id
       AND b.badge_digest = t.badge_digest LIMIT 1
""")
NEW = Columns(badge_digest="bytea", card_id="uuid", citizen_id="uuid", wallet_id="uuid", registered_at="timestamptz")
ADD_WALLETS = text(f"""
    INSERT INTO wallets (authority_id, wallet_id, created_at)
    SELECT :authority_id, t.wallet_id, t.registered_at FROM {NEW.unnest("t")}
""")
ADD_CITIZENS = text(f"""
    INSERT INTO citizens (authority_id, citizen_id, wallet_id, state, created_at)
    SELECT :authority_id, t.citizen_id, t.wallet_id, 'active', t.registered_at FROM {NEW.unnest("t")}
""")
# In the order of the digests, so that two boxes with the same cards wait for each other; the second is refused.
PAIR = text(f"""
    INSERT INTO badges (authority_id, badge_digest, pepper_no, citizen_id, state, paired_at, card_id)
    SELECT :authority_id, t.badge_digest, :pepper_no, t.citizen_id, 'active', t.registered_at, t.card_id
      FROM {NEW.unnest("t")} ORDER BY t.badge_digest
    ON CONFLICT DO NOTHING
""")


def register_cards(
    connection: Connection, keyring: Keyring, registered_at: Mapping[str, datetime.datetime], *, authority_id: int
) -> dict[str, Citizen]:
    """Register cards, each at its time; return whose they are. All or none.

    Raises:
        BadgeTakenError: one of them is somebody's already; the transaction must be rolled back.
    """
    if not registered_at:
        return {}
    citizens = {badge: Citizen(citizen_id=new_id(), wallet_id=new_id()) for badge in registered_at}
    digests = [keyring.badge_digests(authority_id=authority_id, badge=badge) for badge in registered_at]
    tenant = {"authority_id": authority_id}
    every = DIGESTS.bind(badge_digest=[digest for each in digests for digest in each])
    if connection.execute(FIND_TAKEN, {**tenant, **every}).first() is not None:
        raise BadgeTakenError
    columns = NEW.bind(
        badge_digest=[each[0] for each in digests],
        card_id=[new_id() for _ in digests],
        citizen_id=[each.citizen_id for each in citizens.values()],
        wallet_id=[each.wallet_id for each in citizens.values()],
        registered_at=registered_at.values(),
    )
    connection.execute(ADD_WALLETS, {**tenant, **columns})
    connection.execute(ADD_CITIZENS, {**tenant, **columns})
    paired = connection.execute(PAIR, {**tenant, "pepper_no": keyring.badge_pepper_no, **columns}).rowcount
    if paired != len(citizens):
        raise BadgeTakenError
    return citizens
