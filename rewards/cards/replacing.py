"""Replacing a lost card: it is blocked, and the new one spends and earns for the same citizen. No point moves.

A new card that was used by itself before brings its points along.
"""

import datetime

from sqlalchemy import Connection

from rewards.cards.blocking import block_card
from rewards.cards.claiming import claim_card
from rewards.cards.finding import get_card
from rewards.keyring import Keyring


def replace_card(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    lost_badge: str,
    new_badge: str,
    made_by: str,
    now: datetime.datetime,
) -> int:
    """Block a lost card and make a new one its citizen's; return the points the new one brought. Safe to repeat.

    Raises:
        CardUnknownError: no citizen has the lost card.
        BadgeTakenError, CardBlockedError, WalletSharedError, WalletChangedError: of the new one.
    """
    tenant = {"authority_id": authority_id}
    lost = get_card(connection, keyring, **tenant, badge=lost_badge)
    block_card(connection, keyring, **tenant, badge=lost_badge, now=now)
    return claim_card(connection, keyring, **tenant, badge=new_badge, citizen=lost.citizen, made_by=made_by, now=now)
