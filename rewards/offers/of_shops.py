"""A shop's own offers: all of them, in whatever state, with what the authority said; and drafts, which it may change.

What was submitted or published is never edited: a shop withdraws or ends it.
"""

import datetime
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.offers.refusals import OfferStateError, OfferUnknownError
from rewards.offers.terms import OfferTerms, require_possible

OWN = """
    SELECT o.offer_id, o.state, o.paused_by, o.title, o.category, o.price_points, o.value_cents, f.name AS funder,
           o.voucher_valid_days, o.stock, o.sold, o.offered_from, o.offered_until, o.most_per_wallet, o.limit_period,
           o.minimum_purchase_cents, o.note
      FROM offers o
      JOIN funders f ON f.authority_id = o.authority_id AND f.funder_id = o.funder_id
     WHERE o.authority_id = :authority_id AND o.shop_id = :shop_id
"""
LIST = text(f"""
    {OWN} AND (CAST(:state AS text) IS NULL OR o.state = CAST(:state AS text))
       AND (CAST(:after AS uuid) IS NULL OR o.offer_id < CAST(:after AS uuid))
     ORDER BY o.offer_id DESC LIMIT :limit
""")
GET = text(f"{OWN} AND o.offer_id = :offer_id")
LOCK = text(f"{OWN} AND (o.authority_id, o.offer_id) = (:authority_id, :offer_id) FOR UPDATE OF o")
CHANGE = text("""
    UPDATE offers SET title = :title, category = :category, price_points = :price_points, value_cents = :value_cents,
           voucher_valid_days = :voucher_valid_days, stock = :stock, offered_from = :offered_from,
           offered_until = :offered_until, most_per_wallet = :most_per_wallet, limit_period = :limit_period,
           minimum_purchase_cents = :minimum_purchase_cents
     WHERE authority_id = :authority_id AND offer_id = :offer_id AND shop_id = :shop_id AND state = 'draft'
""")


@dataclass(frozen=True, slots=True)
class OwnOffer:
    """What a shop sees of its offer. ``note`` says why the authority handed it back; ``paused_by`` who paused it."""

    offer_id: UUID
    state: str
    paused_by: str | None
    title: str
    category: str
    price_points: int
    value_cents: int
    funder: str
    voucher_valid_days: int
    stock: int | None
    sold: int
    offered_from: datetime.datetime | None
    offered_until: datetime.datetime | None
    most_per_wallet: int | None
    limit_period: str | None
    minimum_purchase_cents: int
    note: str | None


def list_own_offers(
    connection: Connection,
    *,
    authority_id: int,
    shop_id: UUID,
    state: str | None = None,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[OwnOffer]:
    """List a shop's offers, newest first, those in a state or all, behind the id of ``after``."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "state": state, "limit": limit}
    rows = connection.execute(LIST, {**values, "after": after[0] if after else None})
    return [OwnOffer(*row) for row in rows]


def get_own_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, shop_id: UUID, is_to_change: bool = False
) -> OwnOffer:
    """Return one of a shop's offers; nobody changes or buys it before the transaction ends if it ``is_to_change``.

    Raises:
        OfferUnknownError: the shop has no such offer.
    """
    values = {"authority_id": authority_id, "shop_id": shop_id, "offer_id": offer_id}
    row = connection.execute(LOCK if is_to_change else GET, values).one_or_none()
    if row is None:
        raise OfferUnknownError
    return OwnOffer(*row)


def change_draft(
    connection: Connection, offer_id: UUID, terms: OfferTerms, *, authority_id: int, shop_id: UUID
) -> None:
    """Give a draft other terms; who pays for it stays as it was.

    Raises:
        OfferTermsError: the terms contradict each other.
        OfferUnknownError: the shop has no such offer.
        OfferStateError: it is no draft any more; nothing was changed.
    """
    require_possible(terms)
    values: dict[str, Any] = {**asdict(terms), "authority_id": authority_id, "offer_id": offer_id, "shop_id": shop_id}
    if connection.execute(CHANGE, values).rowcount != 1:
        offer = get_own_offer(connection, offer_id, authority_id=authority_id, shop_id=shop_id)
        raise OfferStateError(offer.state)
