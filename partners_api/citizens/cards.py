"""A citizen's cards: which there are, one more, one lost, one for another."""

from functools import partial
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.citizens.blueprint import citizen_of, citizens
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import keyring, now
from partners_api.texts import LABEL, WholeText
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.cards import CardBlockedError, CardUnknownError
from rewards.cards.own import (
    ClaimingClosedError,
    OwnCard,
    TooManyCardsError,
    block_own_card,
    claim_own_card,
    get_own_card,
    list_own_cards,
    replace_own_card,
    take_claim_try,
)
from rewards.citizens import BadgeTakenError
from rewards.households import WalletChangedError, WalletSharedError
from rewards.limits import TooManyTriesError

OF_CLAIMING = (
    TooManyTriesError,
    ClaimingClosedError,
    TooManyCardsError,
    BadgeTakenError,
    CardBlockedError,
    WalletSharedError,
    WalletChangedError,
)


class CardOrderSchema(ma.Schema):
    """A card by what is printed on it, or what a phone reads from it."""

    card = fields.String(
        required=True,
        validate=WholeText(r"^[!-~]{4,64}$"),
        metadata={"description": "As bins read it: capitals and blanks matter"},
    )
    label = fields.String(load_default=None, validate=LABEL, metadata={"description": "What to call it"})


class OwnCardSchema(ma.Schema):
    """A card of the citizen. Its number is stored nowhere and cannot be shown."""

    card_id = fields.UUID(required=True)
    label = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(["active", "blocked"]))
    paired_at = Instant(required=True)


class ClaimedCardSchema(OwnCardSchema):
    """A card that is the citizen's now."""

    points = Integer(required=True, metadata={"description": "Earned with it before it had a name, now in the wallet"})


@listing(citizens, "/cards", audience="citizen", item=OwnCardSchema, key=(UUID,))
def show_cards(caller: Principal, asked: dict[str, Any]) -> Page[OwnCard]:
    """List one's cards, blocked ones too."""
    cards = list_own_cards(connection(), keyring(), **citizen_of(caller), **asked)
    return page_of(cards, asked["limit"], lambda card: (card.card_id,))


@operation(
    citizens,
    "POST",
    "/cards",
    audience="citizen",
    body=CardOrderSchema,
    answers=(201, ClaimedCardSchema),
    refuses=OF_CLAIMING,
    is_idempotent=True,
)
def claim_citizen_card(caller: Principal, order: dict[str, Any], key: str) -> dict[str, Any]:
    """Pair a card with oneself: a new one, or one used by nobody with a name, whose points come along.

    Five tries a day, ten cards in use. An authority may add cards at the town hall only.
    """

    def claim() -> dict[str, str]:
        done = claim_own_card(
            connection(), keyring(), **citizen_of(caller), badge=order["card"], label=order["label"], now=now()
        )
        return {"card_id": str(done.card_id), "points": str(done.points)}

    return show_claimed(caller, once(caller, key, claim, take_try=partial(take_try, caller)))


@operation(
    citizens,
    "POST",
    "/cards/<uuid:card_id>/block",
    audience="citizen",
    answers=(200, OwnCardSchema),
    refuses=(CardUnknownError,),
)
def block_citizen_card(caller: Principal, card_id: UUID) -> OwnCard:
    """Block a card for ever: within a second it earns and spends nothing. The points stay. Safe to repeat."""
    block_own_card(connection(), card_id, **citizen_of(caller), now=now())
    return get_own_card(connection(), keyring(), card_id, **citizen_of(caller))


@operation(
    citizens,
    "POST",
    "/cards/<uuid:card_id>/replacement",
    audience="citizen",
    body=CardOrderSchema,
    answers=(201, ClaimedCardSchema),
    refuses=(CardUnknownError, *OF_CLAIMING),
    is_idempotent=True,
)
def replace_citizen_card(caller: Principal, order: dict[str, Any], key: str, card_id: UUID) -> dict[str, Any]:
    """Block a lost card and pair another in its place. Points are the wallet's: the new card spends them all."""

    def replace() -> dict[str, str]:
        done = replace_own_card(
            connection(),
            keyring(),
            card_id,
            **citizen_of(caller),
            badge=order["card"],
            label=order["label"],
            now=now(),
        )
        return {"card_id": str(done.card_id), "points": str(done.points)}

    return show_claimed(caller, once(caller, key, replace, take_try=partial(take_try, caller)))


def take_try(caller: Principal) -> None:
    """Take one of the tries at cards, before the card is looked at."""
    take_claim_try(connection(), keyring(), **citizen_of(caller), now=now())


def show_claimed(caller: Principal, answer: dict[str, str]) -> dict[str, Any]:
    """Return the card a stored answer names, with the points it brought."""
    card = get_own_card(connection(), keyring(), UUID(answer["card_id"]), **citizen_of(caller))
    shown = {name: getattr(card, name) for name in ("card_id", "label", "state", "paired_at")}
    return {**shown, "points": int(answer["points"])}
