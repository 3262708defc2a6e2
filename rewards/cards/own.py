"""A citizen's own cards, by themselves: listed, claimed, blocked, replaced.

A card is called by its ``card_id``: whoever has lost it cannot read it any more, and no digest is shown. What is
printed on a card is no proof of having it: so few tries a day, few cards a citizen, only cards nobody registered, and
an authority can keep claiming for the town hall (docs/decisions/0038-what-citizens-do-themselves.md).
"""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select, text

from rewards.cards.blocking import tell_of_block
from rewards.cards.claiming import claim_card
from rewards.cards.finding import get_citizen
from rewards.cards.refusals import CardUnknownError
from rewards.errors import RewardsError
from rewards.keyring import Keyring
from rewards.limits import DAY, Limit, Trier, take_tries
from rewards.schema.territory import Authority
from rewards.sessions import open_label, seal_label

CLAIMED_BY_CITIZEN = Limit("claim card", 5, DAY)
MOST_CARDS = 10

LIST = text("""
    SELECT card_id, label_encrypted, state, paired_at FROM badges
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id
       AND (CAST(:after AS uuid) IS NULL OR card_id > :after)
     ORDER BY card_id LIMIT :limit
""")
COUNT = text("""
    SELECT count(*) FROM badges WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND state = 'active'
""")
# Whoever adds a card to the same citizen waits, or two at once would each be the last allowed. No row is locked for it:
# wallets are, before citizens, by who merges them.
LOCK_CITIZEN = text("SELECT pg_advisory_xact_lock(7106005, hashtext(:authority_id || ' ' || :citizen_id))")
FIND = text("""
    SELECT card_id, label_encrypted, state, paired_at FROM badges
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND card_id = :card_id
""")
FIND_CLAIMED = text("""
    SELECT card_id FROM badges
     WHERE authority_id = :authority_id AND badge_digest = ANY(CAST(:badge_digests AS bytea[]))
""")
BLOCK = text("""
    UPDATE badges SET state = 'blocked'
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND card_id = :card_id AND state = 'active'
""")
LABEL = text("""
    UPDATE badges SET label_encrypted = :label
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND card_id = :card_id
""")


class ClaimingClosedError(RewardsError):
    """The authority adds cards at the town hall only."""

    code = "claiming_closed"


class TooManyCardsError(RewardsError):
    """The citizen has as many cards in use as one may have; block one first."""

    code = "too_many_cards"


@dataclass(frozen=True, slots=True)
class OwnCard:
    """A card as its citizen sees it; ``label`` is what they call it."""

    card_id: UUID
    label: str | None
    state: str
    paired_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """A card that became a citizen's, and the points somebody earned with it before."""

    card_id: UUID
    points: int


def list_own_cards(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    citizen_id: UUID,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[OwnCard]:
    """List a citizen's cards, blocked ones too, by id, behind the one of ``after``."""
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "limit": limit}
    rows = connection.execute(LIST, {**values, "after": after[0] if after else None})
    return [OwnCard(row.card_id, open_label(keyring, row.label_encrypted), row.state, row.paired_at) for row in rows]


def get_own_card(
    connection: Connection, keyring: Keyring, card_id: UUID, *, authority_id: int, citizen_id: UUID
) -> OwnCard:
    """Return one of a citizen's cards.

    Raises:
        CardUnknownError: it is not theirs.
    """
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "card_id": card_id}
    row = connection.execute(FIND, values).one_or_none()
    if row is None:
        raise CardUnknownError
    return OwnCard(row.card_id, open_label(keyring, row.label_encrypted), row.state, row.paired_at)


def take_claim_try(
    connection: Connection, keyring: Keyring, *, authority_id: int, citizen_id: UUID, now: datetime.datetime
) -> None:
    """Take one of a citizen's tries of the day; to be committed before :func:`claim_own_card`.

    Raises:
        TooManyTriesError: none is left.
    """
    triers = [Trier(CLAIMED_BY_CITIZEN, str(citizen_id))]
    take_tries(connection, keyring, triers, authority_id=authority_id, now=now)


def claim_own_card(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    citizen_id: UUID,
    badge: str,
    label: str | None,
    now: datetime.datetime,
) -> Claimed:
    """Make a card a citizen's, a new one or one that was used by itself; safe to repeat.

    Raises:
        ClaimingClosedError: the authority wants to see the card.
        TooManyCardsError: the citizen has enough.
        BadgeTakenError, CardBlockedError, WalletSharedError, WalletChangedError: of the card.
    """
    is_open = select(Authority.claiming_is_open).where(Authority.authority_id == authority_id)
    if not connection.scalar(is_open):
        raise ClaimingClosedError
    own = {"authority_id": authority_id, "citizen_id": citizen_id}
    connection.execute(LOCK_CITIZEN, {"authority_id": authority_id, "citizen_id": str(citizen_id)})
    points = claim_card(
        connection,
        keyring,
        authority_id=authority_id,
        badge=badge,
        citizen=get_citizen(connection, citizen_id, authority_id=authority_id),
        made_by="citizen",
        now=now,
    )
    if connection.execute(COUNT, own).scalar_one() > MOST_CARDS:
        raise TooManyCardsError
    # A card that was used stands under the former pepper until a worker has stored it anew.
    digests = keyring.badge_digests(authority_id=authority_id, badge=badge)
    values = {"authority_id": authority_id, "badge_digests": digests}
    card_id: UUID = connection.execute(FIND_CLAIMED, values).scalar_one()
    if label is not None:
        connection.execute(LABEL, {**own, "card_id": card_id, "label": seal_label(keyring, label)})
    return Claimed(card_id, points)


def block_own_card(
    connection: Connection, card_id: UUID, *, authority_id: int, citizen_id: UUID, now: datetime.datetime
) -> None:
    """Block one of a citizen's cards for ever and write so to them; safe to repeat. The points stay theirs.

    Raises:
        CardUnknownError: it is not theirs.
    """
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "card_id": card_id}
    if connection.execute(BLOCK, values).rowcount == 1:
        citizen = get_citizen(connection, citizen_id, authority_id=authority_id)
        tell_of_block(connection, citizen, authority_id=authority_id, now=now)
    elif connection.execute(FIND, values).one_or_none() is None:
        raise CardUnknownError


def replace_own_card(
    connection: Connection,
    keyring: Keyring,
    card_id: UUID,
    *,
    authority_id: int,
    citizen_id: UUID,
    badge: str,
    label: str | None,
    now: datetime.datetime,
) -> Claimed:
    """Block one of a citizen's cards and claim another in its place; the points are there, whichever card earned them.

    Raises:
        CardUnknownError: the old one is not theirs; and what :func:`claim_own_card` raises.
    """
    block_own_card(connection, card_id, authority_id=authority_id, citizen_id=citizen_id, now=now)
    return claim_own_card(
        connection, keyring, authority_id=authority_id, citizen_id=citizen_id, badge=badge, label=label, now=now
    )
