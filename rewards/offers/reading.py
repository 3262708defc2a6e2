"""Showing offers. Nothing here changes anything."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.offers.refusals import OfferNotOnSaleError, OfferUnknownError

OFFERS_MAX = 500


@dataclass(frozen=True, slots=True)
class Offer:
    """What citizens see of an offer; ``shop`` is None when every partner shop takes it.

    ``stock_left`` is None without end. Points of a voucher are held towards ``held_by_account_id``. ``budget_year``
    names the budget of its funder it counts in, None where the funder has none.
    """

    offer_id: UUID
    shop_id: UUID | None
    shop: str | None
    held_by_account_id: UUID
    title: str
    category: str
    price_points: int
    value_cents: int
    funder_id: UUID
    voucher_valid_days: int
    stock_left: int | None
    offered_until: datetime.datetime | None
    most_per_wallet: int | None
    limit_period: str | None
    minimum_purchase_cents: int
    budget_year: int | None


IS_ON_SALE = """
    (o.state = 'published' AND (o.offered_from IS NULL OR o.offered_from <= :now)
     AND (o.offered_until IS NULL OR o.offered_until > :now))
"""
# An offer for all shops has no shop: its points are held towards the network's account until one redeems.
OFFERS = f"""
    SELECT o.offer_id, o.shop_id, s.name AS shop, coalesce(s.account_id, n.account_id) AS held_by_account_id, o.title,
           o.category, o.price_points, o.value_cents, o.funder_id, o.voucher_valid_days, o.stock - o.sold AS stock_left,
           o.offered_until, o.most_per_wallet, o.limit_period, o.minimum_purchase_cents, b.year AS budget_year,
           {IS_ON_SALE} AS is_on_sale
      FROM offers o
      LEFT JOIN shops s ON s.authority_id = o.authority_id AND s.shop_id = o.shop_id
      JOIN authority_accounts n ON n.authority_id = o.authority_id AND n.kind = 'network'
      JOIN authorities a ON a.authority_id = o.authority_id
      LEFT JOIN funder_budgets b ON b.authority_id = o.authority_id AND b.funder_id = o.funder_id
                                AND b.year = EXTRACT(year FROM CAST(:now AS timestamptz) AT TIME ZONE a.timezone)
     WHERE o.authority_id = :authority_id AND (o.shop_id IS NULL OR s.state = 'active')
"""
LIST_OFFERS = text(f"""
    {OFFERS} AND {IS_ON_SALE} AND (o.stock IS NULL OR o.sold < o.stock)
       AND (b.year IS NULL OR b.committed_cents + o.value_cents <= b.budget_cents)
       AND (CAST(:category AS text) IS NULL OR o.category = :category)
       AND (CAST(:shop_id AS uuid) IS NULL OR o.shop_id IS NULL OR o.shop_id = :shop_id)
       AND (CAST(:most_points AS bigint) IS NULL OR o.price_points <= :most_points)
       AND (CAST(:after_price AS bigint) IS NULL
            OR (o.price_points, o.offer_id) > (:after_price, CAST(:after_id AS uuid)))
     ORDER BY o.price_points, o.offer_id LIMIT :limit
""")
FIND_OFFER = text(f"{OFFERS} AND o.offer_id = :offer_id AND o.state IN ('published', 'paused')")


# With those nobody can buy: for the authority, which decides about them.
LIST_OF_STATES = text("""
    SELECT o.offer_id, o.state, o.title, s.name AS shop, o.price_points, o.value_cents, f.name AS funder, o.stock,
           o.sold, o.moderated_by, o.note
      FROM offers o
      JOIN funders f ON f.authority_id = o.authority_id AND f.funder_id = o.funder_id
      LEFT JOIN shops s ON s.authority_id = o.authority_id AND s.shop_id = o.shop_id
     WHERE o.authority_id = :authority_id AND o.state = ANY(CAST(:states AS text[]))
     ORDER BY o.title, o.offer_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ModeratedOffer:
    """What an authority sees of an offer; ``shop`` None: all shops. ``note`` says why it was handed back."""

    offer_id: UUID
    state: str
    title: str
    shop: str | None
    price_points: int
    value_cents: int
    funder: str
    stock: int | None
    sold: int
    moderated_by: str | None
    note: str | None


def list_moderated_offers(
    connection: Connection, states: Collection[str], *, authority_id: int, limit: int = OFFERS_MAX
) -> list[ModeratedOffer]:
    """List the offers in some states by title."""
    values = {"authority_id": authority_id, "states": list(states), "limit": limit}
    return [ModeratedOffer(*row) for row in connection.execute(LIST_OF_STATES, values)]


def list_offers(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    category: str | None = None,
    shop_id: UUID | None = None,
    price_points_max: int | None = None,
    after: tuple[int, UUID] | None = None,
    limit: int = OFFERS_MAX,
) -> list[Offer]:
    """List the offers on sale, cheapest first, those behind the (price, id) of ``after``.

    A shop's are those of all shops too.
    """
    price, offer_id = after or (None, None)
    values = {"authority_id": authority_id, "now": now, "after_price": price, "after_id": offer_id, "limit": limit}
    wanted = {"category": category, "shop_id": shop_id, "most_points": price_points_max}
    rows = connection.execute(LIST_OFFERS, {**values, **wanted})
    return [Offer(*facts) for *facts, _ in rows.all()]


def get_offer(connection: Connection, *, authority_id: int, offer_id: UUID, now: datetime.datetime) -> Offer:
    """Return an offer that is on sale.

    Raises:
        OfferUnknownError: none is published, or its shop has left.
        OfferNotOnSaleError: it is paused, or its time has not come or is over.
    """
    values = {"authority_id": authority_id, "offer_id": offer_id, "now": now}
    row = connection.execute(FIND_OFFER, values).one_or_none()
    if row is None:
        raise OfferUnknownError
    *facts, is_on_sale = row
    if not is_on_sale:
        raise OfferNotOnSaleError
    return Offer(*facts)
