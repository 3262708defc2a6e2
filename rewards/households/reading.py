"""What the town hall tells somebody who shows a card: what the wallet holds, and how many share it."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.wallets import Lot, get_wallet

COUNT = text("""
    SELECT (SELECT count(*) FROM citizens c
             WHERE c.authority_id = :authority_id AND c.wallet_id = :wallet_id AND c.state = 'active') AS members,
           (SELECT count(*) FROM citizens c
              JOIN badges b ON b.authority_id = c.authority_id AND b.citizen_id = c.citizen_id AND b.state = 'active'
             WHERE c.authority_id = :authority_id AND c.wallet_id = :wallet_id AND c.state = 'active') AS cards
""")


@dataclass(frozen=True, slots=True)
class WalletOverview:
    """A wallet as it is read out: points, who shares it, how many cards pay into it."""

    wallet_id: UUID
    points: int
    pending_points: int
    members: int
    cards: int
    lots: list[Lot]


def describe_wallet(
    connection: Connection, *, authority_id: int, wallet_id: UUID, now: datetime.datetime
) -> WalletOverview:
    """Describe a wallet at ``now``; its lots soonest to expire first."""
    wallet = get_wallet(connection, authority_id=authority_id, wallet_id=wallet_id, now=now)
    row = connection.execute(COUNT, {"authority_id": authority_id, "wallet_id": wallet_id}).one()
    return WalletOverview(wallet_id, wallet.points, wallet.pending_points, row.members, row.cards, wallet.lots)
