"""Vouchers of people who show their card: what it can buy here, and redeeming one of them."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from partners_api.operations import operation
from partners_api.schemas import VoucherSchema
from partners_api.services import keyring, now
from partners_api.shops.blueprint import shop_of, shops
from partners_api.shops.redemptions import OF_REDEMPTIONS, RedemptionSchema, prove, recorded
from partners_api.shops.schemas import AtTillSchema
from partners_api.texts import WholeText
from partners_api.transactions import commit, connection
from rewards.access import Principal
from rewards.vouchers import (
    CardsLockedError,
    Redemption,
    Voucher,
    find_repeat_by_card,
    list_vouchers_of_card,
    redeem_by_card,
    take_card_redemption_try,
    take_card_try,
)


class CardSchema(ma.Schema):
    """What was read from a card. In the body, so that it is in no access log."""

    badge = fields.String(required=True, validate=WholeText(r"^[!-~]{1,64}$"))


class CardRedemptionSchema(CardSchema, AtTillSchema):
    """Which of the card's vouchers to redeem, and by whom."""

    voucher_id = fields.UUID(required=True)


class CardVouchersSchema(ma.Schema):
    """What a card can use at this shop now; nothing is told of whose it is, nor of points."""

    vouchers = fields.List(fields.Nested(VoucherSchema), required=True)


@operation(
    shops,
    "POST",
    "/cards/vouchers",
    audience="shop",
    scope="redeem",
    body=CardSchema,
    answers=(200, CardVouchersSchema),
    refuses=(CardsLockedError,),
)
def show_vouchers_of_card(caller: Principal, read: dict[str, str]) -> dict[str, list[Voucher]]:
    """List the vouchers a card can use at this shop, soonest to expire first, at most 50.

    A card that is unknown, blocked or has nothing gets an empty list. Ten cards in ten minutes; a redemption gives one
    back.
    """
    at = now()
    take_card_try(connection(), **shop_of(caller), now=at)
    commit()
    return {"vouchers": list_vouchers_of_card(connection(), keyring(), **shop_of(caller), badge=read["badge"], now=at)}


@operation(
    shops,
    "POST",
    "/cards/redemptions",
    audience="shop",
    scope="redeem",
    body=CardRedemptionSchema,
    answers=(201, RedemptionSchema),
    refuses=(*OF_REDEMPTIONS, CardsLockedError),
    is_idempotent=True,
)
def redeem_voucher_of_card(caller: Principal, order: dict[str, Any], key: str) -> Redemption:
    """Redeem one of a card's vouchers: its points become the shop's, once.

    Repeated with the same `Idempotency-Key` it answers the same again, for ever. Refusals are recorded; ten in ten
    minutes lock this way.
    """
    at, of_shop = now(), shop_of(caller)
    repeat = find_repeat_by_card(connection(), **of_shop, voucher_id=order["voucher_id"], redemption_key=key)
    if repeat is not None:
        return repeat
    with recorded(caller, at):
        staff_id = prove(caller, order, at)
        take_card_redemption_try(connection(), keyring(), **of_shop, now=at)
        commit()
        return redeem_by_card(
            connection(),
            keyring(),
            **of_shop,
            badge=order["badge"],
            voucher_id=order["voucher_id"],
            redemption_key=key,
            now=at,
            staff_id=staff_id,
        )
