"""Every offer as the authority sees it, in whatever state, with all of its terms. Nothing here changes anything."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.offers.refusals import OfferUnknownError

OFFERS = """
    SELECT o.offer_id, o.state, o.title, o.category, o.shop_id, s.name AS shop, o.price_points, o.value_cents,
           o.funder_id, f.name AS funder, o.voucher_valid_days, o.stock, o.sold, o.offered_from, o.offered_until,
           o.most_per_wallet, o.limit_period, o.minimum_purchase_cents, o.moderated_by, o.moderated_at, o.note
      FROM offers o
      JOIN funders f ON f.authority_id = o.authority_id AND f.funder_id = o.funder_id
      LEFT JOIN shops s ON s.authority_id = o.authority_id AND s.shop_id = o.shop_id
     WHERE o.authority_id = :authority_id
"""
LIST = text(f"""
    {OFFERS} AND (CAST(:state AS text) IS NULL OR o.state = :state)
       AND (CAST(:shop_id AS uuid) IS NULL OR o.shop_id = :shop_id)
       AND (CAST(:after_title AS text) IS NULL OR (o.title, o.offer_id) > (:after_title, CAST(:after_id AS uuid)))
     ORDER BY o.title, o.offer_id LIMIT :limit
""")
GET = text(f"{OFFERS} AND o.offer_id = :offer_id")
LOCK = text("SELECT offer_id FROM offers WHERE authority_id = :authority_id AND offer_id = :offer_id FOR NO KEY UPDATE")


@dataclass(frozen=True, slots=True)
class RegisteredOffer:
    """An offer; ``shop`` None: all shops. ``note`` says why it was handed back, ``sold`` how many are out or redeemed.

    ``stock`` None is without end.
    """

    offer_id: UUID
    state: str
    title: str
    category: str
    shop_id: UUID | None
    shop: str | None
    price_points: int
    value_cents: int
    funder_id: UUID
    funder: str
    voucher_valid_days: int
    stock: int | None
    sold: int
    offered_from: datetime.datetime | None
    offered_until: datetime.datetime | None
    most_per_wallet: int | None
    limit_period: str | None
    minimum_purchase_cents: int
    moderated_by: str | None
    moderated_at: datetime.datetime | None
    note: str | None


def list_registered_offers(
    connection: Connection,
    *,
    authority_id: int,
    state: str | None = None,
    shop_id: UUID | None = None,
    after: tuple[str, UUID] | None = None,
    limit: int = 50,
) -> list[RegisteredOffer]:
    """List offers by title, of a state or a shop or all, those behind the (title, id) of ``after``."""
    title, offer_id = after or (None, None)
    values = {"authority_id": authority_id, "state": state, "shop_id": shop_id, "limit": limit}
    rows = connection.execute(LIST, {**values, "after_title": title, "after_id": offer_id})
    return [RegisteredOffer(*row) for row in rows]


def get_registered_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, is_to_change: bool = False
) -> RegisteredOffer:
    """Return an offer, which stays as it is until the transaction ends when it is to be changed.

    Raises:
        OfferUnknownError: the authority has no such offer.
    """
    values = {"authority_id": authority_id, "offer_id": offer_id}
    if is_to_change:
        connection.execute(LOCK, values)
    row = connection.execute(GET, values).one_or_none()
    if row is None:
        raise OfferUnknownError
    return RegisteredOffer(*row)
