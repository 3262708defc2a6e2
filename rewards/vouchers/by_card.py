"""Vouchers for people without a phone: the shop reads the card, sees what can be used there, and redeems one.

What a shop is told must not help it to try out cards. A card that is unknown, blocked, or has nothing for this shop
gets the same empty list by the same work, and no name and no balance is told. A shop may look at ten cards in ten
minutes; only a redemption gives one back. Redeeming tells a right card from a wrong one too, so ten redemptions may
fail in ten minutes: counted apart, or the last card that was looked at could not be redeemed.
Source: docs/decisions/0031-a-merged-wallet-points-to-another.md.
"""

import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.cards.finding import find_card
from rewards.keyring import Keyring
from rewards.limits import MINUTE, Limit, TooManyTriesError, Trier, give_back_tries, take_tries
from rewards.tries import Tries
from rewards.vouchers.reading import IS_AMONG_THOSE_OF_WALLET, IS_PAID_BY_WALLET, VOUCHERS, Voucher
from rewards.vouchers.redeeming import Redemption, redeem_by_digest
from rewards.vouchers.refusals import CardsLockedError, VoucherUnknownError

TRIES = Tries("card_tries", "shop_id", most=10, window=10 * MINUTE)
REDEEMED_BY_SHOP = Limit("redeem by card", 10, 10 * MINUTE)

LIST = text(f"""
    {VOUCHERS}
       AND v.status = 'issued' AND v.expires_at > :now AND (v.shop_id IS NULL OR v.shop_id = :shop_id)
       AND {IS_AMONG_THOSE_OF_WALLET}
     ORDER BY v.expires_at, v.voucher_id LIMIT :limit
""")
FIND = text(f"""
    SELECT v.code_digest FROM vouchers v
     WHERE v.authority_id = :authority_id AND v.voucher_id = :voucher_id AND {IS_PAID_BY_WALLET}
""")


def take_card_try(connection: Connection, *, authority_id: int, shop_id: UUID, now: datetime.datetime) -> None:
    """Take one of a shop's tries; to be committed before :func:`list_vouchers_of_card`.

    Raises:
        CardsLockedError: none is left for now.
    """
    if not TRIES.take(connection, shop_id, authority_id=authority_id, now=now):
        raise CardsLockedError(TRIES.find_wait_s(connection, shop_id, authority_id=authority_id, now=now))


def take_card_redemption_try(
    connection: Connection, keyring: Keyring, *, authority_id: int, shop_id: UUID, now: datetime.datetime
) -> None:
    """Take one of a shop's tries at redeeming; to be committed before :func:`redeem_by_card`.

    Raises:
        CardsLockedError: none is left for now.
    """
    triers = [Trier(REDEEMED_BY_SHOP, str(shop_id))]
    try:
        take_tries(connection, keyring, triers, authority_id=authority_id, now=now)
    except TooManyTriesError as spent:
        raise CardsLockedError(spent.retry_after_s) from spent


def list_vouchers_of_card(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    badge: str,
    now: datetime.datetime,
    limit: int = 50,
) -> list[Voucher]:
    """List the vouchers a card can use at the shop now, soonest to expire first; whatever is wrong, none."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "now": now, "limit": limit}
    wallet_id = find_wallet_of_card(connection, keyring, authority_id=authority_id, badge=badge)
    return [Voucher(*row) for row in connection.execute(LIST, {**values, "wallet_id": wallet_id})]


def redeem_by_card(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    badge: str,
    voucher_id: UUID,
    redemption_key: str,
    now: datetime.datetime,
    staff_id: UUID | None = None,
) -> Redemption:
    """Redeem one of a card's vouchers at the shop, as ``redeem_voucher`` does; the tries are given back.

    Raises:
        VoucherUnknownError: the card has no such voucher, or is blocked; and what ``redeem_voucher`` raises.
    """
    wallet_id = find_wallet_of_card(connection, keyring, authority_id=authority_id, badge=badge)
    values = {"authority_id": authority_id, "voucher_id": voucher_id, "wallet_id": wallet_id}
    code_digest = connection.scalar(FIND, values)
    if code_digest is None:
        raise VoucherUnknownError
    redemption = redeem_by_digest(
        connection,
        bytes(code_digest),
        authority_id=authority_id,
        shop_id=shop_id,
        redemption_key=redemption_key,
        now=now,
        staff_id=staff_id,
    )
    give_back_tries(connection, keyring, [Trier(REDEEMED_BY_SHOP, str(shop_id))], authority_id=authority_id)
    if not redemption.is_repeat:
        TRIES.give_back(connection, shop_id, authority_id=authority_id)
    return redemption


def find_wallet_of_card(connection: Connection, keyring: Keyring, *, authority_id: int, badge: str) -> UUID | None:
    """Find the wallet a card may spend from; None when the card or its citizen is unknown or blocked."""
    card = find_card(connection, keyring, authority_id=authority_id, badge=badge)
    return card.citizen.wallet_id if card is not None and card.is_active else None
