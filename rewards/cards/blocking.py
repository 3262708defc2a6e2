"""Blocking a card: from a second later it earns nothing and spends nothing. The points stay its citizen's."""

import datetime

from sqlalchemy import Connection, text

from rewards.badges import announce_holders_change
from rewards.cards.finding import get_card
from rewards.citizens import Citizen
from rewards.keyring import Keyring
from rewards.outbox import post_to_wallets

BLOCK = text("""
    UPDATE badges SET state = 'blocked'
     WHERE authority_id = :authority_id AND badge_digest = ANY(CAST(:badge_digests AS bytea[])) AND state = 'active'
""")


def block_card(
    connection: Connection, keyring: Keyring, *, authority_id: int, badge: str, now: datetime.datetime
) -> bool:
    """Block a card for ever and write so to its citizen; return False when it was blocked before.

    Raises:
        CardUnknownError: no citizen has it.
    """
    citizen = get_card(connection, keyring, authority_id=authority_id, badge=badge).citizen
    digests = keyring.badge_digests(authority_id=authority_id, badge=badge)
    blocked = connection.execute(BLOCK, {"authority_id": authority_id, "badge_digests": digests})
    if blocked.rowcount == 1:
        tell_of_block(connection, citizen, authority_id=authority_id, now=now)
    return blocked.rowcount == 1


def tell_of_block(connection: Connection, citizen: Citizen, *, authority_id: int, now: datetime.datetime) -> None:
    """Let workers know that a citizen's card was blocked, and write so to the citizen."""
    announce_holders_change(connection, authority_id=authority_id)
    post_to_wallets(
        connection,
        "card_blocked",
        [(citizen.wallet_id, {})],
        authority_id=authority_id,
        now=now,
        only_to=citizen.citizen_id,
    )
