"""From draft to end: a shop drafts and submits, the authority publishes or rejects; each step one guarded update.

A step with ``shop_id`` is the shop's own: it can be taken with its offers alone, and does not undo what the authority
decided.
"""

import datetime
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.funders import get_funder_id
from rewards.ids import new_id
from rewards.offers.refusals import OfferHeldError, OfferStateError, OfferUnknownError
from rewards.offers.terms import OfferTerms, require_possible
from rewards.outbox import post_to_shop
from rewards.schema.shops import Offer as OfferRow

STEP = text("""
    UPDATE offers SET state = :to, moderated_by = coalesce(:by, moderated_by), moderated_at = :now, note = :note,
           paused_by = CASE WHEN :to = 'paused'
                            THEN CASE WHEN CAST(:shop_id AS uuid) IS NULL THEN 'authority' ELSE 'shop' END END
     WHERE authority_id = :authority_id AND offer_id = :offer_id AND state = ANY(CAST(:from AS text[]))
       AND (CAST(:shop_id AS uuid) IS NULL
            OR (shop_id = :shop_id AND (:to <> 'published' OR paused_by IS DISTINCT FROM 'authority')))
""")
FIND_STATE = text("""
    SELECT state FROM offers
     WHERE authority_id = :authority_id AND offer_id = :offer_id
       AND (CAST(:shop_id AS uuid) IS NULL OR shop_id = :shop_id)
""")
GET_OFFER = text("SELECT shop_id, title FROM offers WHERE authority_id = :authority_id AND offer_id = :offer_id")


def draft_offer(connection: Connection, terms: OfferTerms, *, authority_id: int) -> UUID:
    """Keep an offer as a draft and return its id.

    Raises:
        OfferTermsError: the terms contradict each other.
    """
    require_possible(terms)
    return keep_offer(connection, terms, "draft", authority_id=authority_id)


def put_on_sale(connection: Connection, terms: OfferTerms, *, authority_id: int) -> UUID:
    """Publish an offer of the authority's own making at once; return its id."""
    return keep_offer(connection, terms, "published", authority_id=authority_id)


def keep_offer(connection: Connection, terms: OfferTerms, state: str, *, authority_id: int) -> UUID:
    """Store an offer; who pays for it is the authority unless its terms say otherwise."""
    offer_id = new_id()
    facts = asdict(terms)
    facts["funder_id"] = terms.funder_id or get_funder_id(connection, authority_id=authority_id)
    connection.execute(insert(OfferRow).values(authority_id=authority_id, offer_id=offer_id, state=state, **facts))
    return offer_id


def submit_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, now: datetime.datetime, shop_id: UUID | None = None
) -> None:
    """Ask the authority to publish a draft."""
    step(connection, offer_id, ["draft"], "submitted", authority_id=authority_id, now=now, shop_id=shop_id)


def withdraw_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, now: datetime.datetime, shop_id: UUID | None = None
) -> None:
    """Take a submitted offer back, as a draft, before the authority has decided."""
    step(connection, offer_id, ["submitted"], "draft", authority_id=authority_id, now=now, shop_id=shop_id)


def publish_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, published_by: str, now: datetime.datetime
) -> None:
    """Put a submitted offer on sale."""
    step(connection, offer_id, ["submitted"], "published", authority_id=authority_id, by=published_by, now=now)
    tell_shop(connection, offer_id, "offer_published", authority_id=authority_id, note=None, now=now)


def reject_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, rejected_by: str, note: str, now: datetime.datetime
) -> None:
    """Hand a submitted offer back to its author, with the reason."""
    step(connection, offer_id, ["submitted"], "draft", authority_id=authority_id, by=rejected_by, note=note, now=now)
    tell_shop(connection, offer_id, "offer_rejected", authority_id=authority_id, note=note, now=now)


def tell_shop(
    connection: Connection,
    offer_id: UUID,
    kind: str,
    *,
    authority_id: int,
    note: str | None,
    now: datetime.datetime,
) -> None:
    """Write to the shop of an offer what was decided; an offer of all shops has nobody to write to."""
    offer = connection.execute(GET_OFFER, {"authority_id": authority_id, "offer_id": offer_id}).one()
    if offer.shop_id is not None:
        told = {"title": offer.title, "note": note}
        post_to_shop(connection, kind, offer.shop_id, told, authority_id=authority_id, now=now)


def pause_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, now: datetime.datetime, shop_id: UUID | None = None
) -> None:
    """Sell no more for a while; vouchers already sold stay good."""
    step(connection, offer_id, ["published"], "paused", authority_id=authority_id, now=now, shop_id=shop_id)


def resume_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, now: datetime.datetime, shop_id: UUID | None = None
) -> None:
    """Sell a paused offer again."""
    step(connection, offer_id, ["paused"], "published", authority_id=authority_id, now=now, shop_id=shop_id)


def end_offer(
    connection: Connection, offer_id: UUID, *, authority_id: int, now: datetime.datetime, shop_id: UUID | None = None
) -> None:
    """End an offer for good, whatever its state; vouchers already sold stay good."""
    before = ["draft", "submitted", "published", "paused"]
    step(connection, offer_id, before, "ended", authority_id=authority_id, now=now, shop_id=shop_id)


def step(
    connection: Connection,
    offer_id: UUID,
    before: list[str],
    after: str,
    *,
    authority_id: int,
    now: datetime.datetime,
    by: str | None = None,
    note: str | None = None,
    shop_id: UUID | None = None,
) -> None:
    """Move an offer from one of some states to another.

    Raises:
        OfferUnknownError: the authority, or the shop that asks, has no such offer.
        OfferStateError: it is in none of these states; nothing was changed.
        OfferHeldError: the authority has paused it, and a shop asks to resume it.
    """
    values = {"authority_id": authority_id, "offer_id": offer_id, "shop_id": shop_id, "from": before, "to": after}
    if connection.execute(STEP, {**values, "by": by, "note": note, "now": now}).rowcount == 1:
        return
    state = connection.scalar(FIND_STATE, values)
    if state is None:
        raise OfferUnknownError
    raise OfferHeldError if state in before else OfferStateError(state)
