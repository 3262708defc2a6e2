"""Orders to bins and what became of them; alarms that are up."""

import datetime
from typing import Any, get_args
from uuid import UUID

from marshmallow import fields

from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.operators.bins import OF_ONE_BIN
from partners_api.operators.blueprint import operators
from partners_api.operators.order_schemas import (
    AlarmSchema,
    BinCommandSchema,
    EmptyingModeSchema,
    GivenOrderSchema,
    OrderSchema,
    ResendSchema,
)
from partners_api.operators.tenants import bin_named, get_tenant
from partners_api.refusals import AuthorityUnknownError
from partners_api.schemas import Boolean
from partners_api.services import now
from partners_api.texts import BIN_ID
from partners_api.transactions import connection
from rewards.access import Operator
from rewards.alarms import Alarm, AlarmKind, end_alarm, list_alarms
from rewards.commands import CommandKind, ListedCommand, list_commands
from rewards.fleet.refusals import AlarmMissingError, BinNeverHeardError, BinRevokedError
from rewards.orders import give_order

KINDS = "', '".join(get_args(AlarmKind))
OF_BIN = fields.String(load_default=None, validate=BIN_ID, metadata={"description": "Only of this bin"})


@listing(
    operators,
    "/authorities/<slug>/commands",
    audience="operator",
    item=BinCommandSchema,
    key=(datetime.datetime, UUID),
    filters={"bin_id": OF_BIN},
    refuses=(AuthorityUnknownError,),
)
def show_commands(caller: Operator, asked: dict[str, Any], slug: str) -> Page[ListedCommand]:
    """List orders to bins and what became of them, newest first."""
    found = list_commands(connection(), authority_id=get_tenant(slug).authority_id, **asked)
    return page_of(found, asked["limit"], lambda each: (each.issued_at, each.command_id))


@operation(
    operators,
    "POST",
    "/authorities/<slug>/bins/<bin_id>/resends",
    audience="operator",
    body=ResendSchema,
    answers=(202, GivenOrderSchema),
    refuses=(*OF_ONE_BIN, BinRevokedError, BinNeverHeardError),
    is_idempotent=True,
)
def order_resend(caller: Operator, order: dict[str, Any], key: str, slug: str, bin_id: str) -> dict[str, str]:
    """Have a bin send events again that are missing here. It executes an order once, and answers."""
    numbers = {"first": order["first"], "last": order["first"] + order["events"] - 1, "journal": order.get("journal")}
    return give_once(caller, key, "resend", numbers, slug=slug, bin_id=bin_id, valid_s=order["valid_s"])


@operation(
    operators,
    "POST",
    "/authorities/<slug>/bins/<bin_id>/reboots",
    audience="operator",
    body=OrderSchema,
    answers=(202, GivenOrderSchema),
    refuses=(*OF_ONE_BIN, BinRevokedError),
    is_idempotent=True,
)
def order_reboot(caller: Operator, order: dict[str, Any], key: str, slug: str, bin_id: str) -> dict[str, str]:
    """Have a bin restart."""
    return give_once(caller, key, "reboot", {}, slug=slug, bin_id=bin_id, valid_s=order["valid_s"])


@operation(
    operators,
    "POST",
    "/authorities/<slug>/bins/<bin_id>/emptying-mode",
    audience="operator",
    body=EmptyingModeSchema,
    answers=(202, GivenOrderSchema),
    refuses=(*OF_ONE_BIN, BinRevokedError),
    is_idempotent=True,
)
def order_emptying_mode(caller: Operator, order: dict[str, Any], key: str, slug: str, bin_id: str) -> dict[str, str]:
    """Have a bin begin or end emptying mode, in which nothing is credited."""
    return give_once(caller, key, "emptying_mode", order, slug=slug, bin_id=bin_id, valid_s=order["valid_s"])


@listing(
    operators,
    "/authorities/<slug>/alarms",
    audience="operator",
    item=AlarmSchema,
    key=(datetime.datetime, str, str),
    filters={
        "bin_id": OF_BIN,
        "with_ended": Boolean(load_default=False, strict=False, metadata={"description": "Those that ended too"}),
    },
    refuses=(AuthorityUnknownError,),
)
def show_alarms(caller: Operator, asked: dict[str, Any], slug: str) -> Page[Alarm]:
    """List the alarms that are up, newest first."""
    found = list_alarms(connection(), authority_id=get_tenant(slug).authority_id, **asked)
    return page_of(found, asked["limit"], lambda each: (each.raised_at, each.bin_id, each.kind))


@operation(
    operators,
    "DELETE",
    f"/authorities/<slug>/bins/<bin_id>/alarms/<any('{KINDS}'):kind>",
    audience="operator",
    answers=(204, None),
    refuses=(*OF_ONE_BIN, AlarmMissingError),
)
def end_alarm_of_bin(caller: Operator, slug: str, bin_id: str, kind: AlarmKind) -> None:
    """End an alarm that has been looked at; it is raised again when there is more of its cause."""
    end_alarm(connection(), bin_named(bin_id), kind, authority_id=get_tenant(slug).authority_id, now=now())


def give_once(
    caller: Operator, key: str, kind: CommandKind, given: dict[str, Any], *, slug: str, bin_id: str, valid_s: int
) -> dict[str, str]:
    """Give a bin an order, once for each Idempotency-Key."""
    owner = get_tenant(slug)

    def give() -> dict[str, str]:
        valid = datetime.timedelta(seconds=valid_s)
        order = give_order(
            connection(), bin_named(bin_id), kind, given, authority_id=owner.authority_id, now=now(), valid=valid
        )
        return {"command_id": str(order)}

    return once(caller, key, give, authority_id=owner.authority_id)
