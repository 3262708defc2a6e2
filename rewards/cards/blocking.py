"""Blocking a card: from a second later it earns nothing and spends nothing. The points stay its citizen's."""

from sqlalchemy import Connection, text

from rewards.badges import announce_holders_change
from rewards.cards.finding import get_card
from rewards.keyring import Keyring

BLOCK = text("""
    UPDATE badges SET state = 'blocked'
     WHERE authority_id = :authority_id AND badge_digest = :badge_digest AND state = 'active'
""")


def block_card(connection: Connection, keyring: Keyring, *, authority_id: int, badge: str) -> bool:
    """Block a card for ever; return False when it was blocked before.

    Raises:
        CardUnknownError: no citizen has it.
    """
    get_card(connection, keyring, authority_id=authority_id, badge=badge)
    digest = keyring.badge_digest(authority_id=authority_id, badge=badge)
    blocked = connection.execute(BLOCK, {"authority_id": authority_id, "badge_digest": digest})
    if blocked.rowcount == 1:
        announce_holders_change(connection, authority_id=authority_id)
    return blocked.rowcount == 1
