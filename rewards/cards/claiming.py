"""Claiming a card: it becomes a citizen's, with the points somebody earned with it before.

A card nobody registered is a citizen of its own; that one's wallet is merged into the claimer's, and all its cards go
along. Whoever claims shows the card, at the town hall: what is read from a card is no proof of having it.
"""

import datetime

from sqlalchemy import Connection, text

from rewards.badges import announce_holders_change
from rewards.cards.finding import Card, find_card
from rewards.cards.refusals import CardBlockedError
from rewards.citizens import BadgeTakenError, Citizen, pair_badge
from rewards.households import WalletChangedError, WalletSharedError, count_members, merge_wallets
from rewards.households.changes import lock_wallets
from rewards.keyring import Keyring

# Decides who claims: a second one finds the card's citizen ended, or its cards gone.
END_CITIZEN = text("""
    UPDATE citizens SET state = 'blocked'
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND wallet_id = :wallet_id AND state = 'active'
    RETURNING first_credited_on
""")
MOVE_CARDS = text("""
    UPDATE badges SET citizen_id = :to_citizen_id WHERE authority_id = :authority_id AND citizen_id = :citizen_id
""")
# Who was welcomed with the card is welcomed no second time.
KEEP_FIRST_CREDIT = text("""
    UPDATE citizens SET first_credited_on = least(first_credited_on, :day)
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id
""")


def claim_card(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    badge: str,
    citizen: Citizen,
    made_by: str,
    now: datetime.datetime,
) -> int:
    """Make a card a citizen's and return the points that came with it. Safe to repeat.

    The caps of the day begin anew for a card that moves.

    Raises:
        BadgeTakenError: a registered citizen has it.
        CardBlockedError: it is blocked.
        WalletSharedError: its wallet is a household's.
        WalletChangedError: somebody claimed or merged it at the same moment.
    """
    card = find_card(connection, keyring, authority_id=authority_id, badge=badge)
    if card is None:
        pair_badge(connection, keyring, authority_id=authority_id, citizen_id=citizen.citizen_id, badge=badge, now=now)
        return 0
    if not card.is_active:
        raise CardBlockedError
    if card.citizen.citizen_id == citizen.citizen_id:
        return 0
    if card.is_registered:
        raise BadgeTakenError
    return take_over(connection, card, citizen, authority_id=authority_id, made_by=made_by, now=now)


def take_over(
    connection: Connection, card: Card, citizen: Citizen, *, authority_id: int, made_by: str, now: datetime.datetime
) -> int:
    """Merge the wallet of a card's own citizen, end that citizen, and move the cards; return the points."""
    tenant, former = {"authority_id": authority_id}, card.citizen
    lock_wallets(connection, [former.wallet_id, citizen.wallet_id], **tenant)
    is_shared = former.wallet_id != citizen.wallet_id
    if is_shared and count_members(connection, **tenant, wallet_id=former.wallet_id) > 1:
        raise WalletSharedError
    merged = merge_wallets(
        connection,
        **tenant,
        from_wallet_id=former.wallet_id,
        to_wallet_id=citizen.wallet_id,
        made_by=made_by,
        now=now,
    )
    values = {**tenant, "citizen_id": former.citizen_id, "wallet_id": citizen.wallet_id}
    ended = connection.execute(END_CITIZEN, values).one_or_none()
    if ended is None:
        raise WalletChangedError
    connection.execute(MOVE_CARDS, {**values, "to_citizen_id": citizen.citizen_id})
    connection.execute(KEEP_FIRST_CREDIT, {**tenant, "citizen_id": citizen.citizen_id, "day": ended.first_credited_on})
    announce_holders_change(connection, authority_id=authority_id)
    return merged.points
