"""The wallet, its statement, and what it can buy."""

from typing import Any
from zoneinfo import ZoneInfo

from partners_api.citizens.blueprint import citizens
from partners_api.citizens.schemas import OffersSchema, WalletSchema
from partners_api.citizens.statement_schemas import (
    StatementQuerySchema,
    StatementSchema,
    find_position,
    render_statement,
)
from partners_api.languages import language_of_request
from partners_api.operations import operation
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.offers import Offer, list_offers
from rewards.statements import list_movements
from rewards.wallets import Wallet, get_wallet


@operation(citizens, "GET", "/wallet", audience="citizen", answers=(200, WalletSchema))
def show_wallet(caller: Principal) -> Wallet:
    """Show the balance, what vouchers hold, and which points expire when."""
    assert caller.wallet_id is not None  # noqa: S101 (citizens have one)
    return get_wallet(connection(), authority_id=caller.authority_id, wallet_id=caller.wallet_id, now=now())


@operation(
    citizens, "GET", "/statement", audience="citizen", query=StatementQuerySchema, answers=(200, StatementSchema)
)
def show_statement(caller: Principal, asked: dict[str, Any]) -> dict[str, Any]:
    """List what happened to the points, newest first, each with how it came about.

    `sentence` says it in words, in French or English (`lang`, else `Accept-Language`).
    """
    assert caller.wallet_id is not None  # noqa: S101 (citizens have one)
    movements = list_movements(
        connection(),
        authority_id=caller.authority_id,
        wallet_id=caller.wallet_id,
        timezone=ZoneInfo(caller.timezone),
        before=find_position(asked["before"]),
        limit=asked["limit"],
    )
    return render_statement(
        movements, limit=asked["limit"], timezone=ZoneInfo(caller.timezone), language=language_of_request()
    )


@operation(citizens, "GET", "/offers", audience="citizen", answers=(200, OffersSchema))
def show_offers(caller: Principal) -> dict[str, list[Offer]]:
    """List what shops give for points, cheapest first."""
    return {"offers": list_offers(connection(), authority_id=caller.authority_id, now=now())}
