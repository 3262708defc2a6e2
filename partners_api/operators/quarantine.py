"""Messages that could not be accepted: listed, looked at without their bytes, replayed by the workers."""

import datetime
from typing import Any

from marshmallow import fields

from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.operators.blueprint import operators
from partners_api.operators.quarantine_schemas import (
    CODE,
    MESSAGE_ID,
    KeptMessageSchema,
    KeptMessageWithEventsSchema,
    QuarantineSummarySchema,
    ReplaySchema,
    RequestedReplaySchema,
)
from partners_api.operators.tenants import get_holder
from partners_api.refusals import AuthorityUnknownError
from partners_api.schemas import Boolean, Instant
from partners_api.services import now
from partners_api.texts import BIN_ID
from partners_api.transactions import connection
from rewards.access import Operator
from rewards.quarantine import (
    MOST_REQUESTED,
    KeptMessage,
    MessageMissingError,
    Selection,
    count_by_code,
    count_due,
    count_messages,
    count_overflows_by_code,
    get_message,
    list_messages,
    list_refused_events,
    request_replay,
    request_replay_of,
)


@listing(
    operators,
    "/authorities/<slug>/quarantine",
    audience="operator",
    item=KeptMessageSchema,
    key=(datetime.datetime, str),
    filters={
        "bin_id": fields.String(load_default=None, validate=BIN_ID),
        "code": fields.String(load_default=None, validate=CODE),
        "since": Instant(load_default=None),
        "with_done": Boolean(load_default=False, strict=False, metadata={"description": "What no longer waits too"}),
    },
    refuses=(AuthorityUnknownError,),
)
def show_quarantine(caller: Operator, asked: dict[str, Any], slug: str) -> Page[dict[str, Any]]:
    """List messages in quarantine, the last received first. As authority, `0` names none of ours."""
    limit, after = asked.pop("limit"), asked.pop("after")
    found = list_messages(
        connection(),
        Selection(**asked),
        authority_id=get_holder(slug).authority_id,
        after=after and (after[0], digest_of(after[1])),
        limit=limit,
    )
    page = page_of(found, limit, lambda each: (each.last_received_at, each.message_digest.hex()))
    return Page([render_message(each) for each in page.items], page.next)


@operation(
    operators,
    "GET",
    "/authorities/<slug>/quarantine/summary",
    audience="operator",
    answers=(200, QuarantineSummarySchema),
    refuses=(AuthorityUnknownError,),
)
def summarize_quarantine(caller: Operator, slug: str) -> dict[str, Any]:
    """Count what waits in quarantine by code, what was not even kept, and what is about to be removed."""
    authority_id = get_holder(slug).authority_id
    return {
        "waiting_messages": count_messages(connection(), Selection(), authority_id=authority_id),
        "waiting_by_code": count_by_code(connection(), authority_id=authority_id),
        "overflows_by_code": count_overflows_by_code(connection(), authority_id=authority_id),
        "due_for_pruning": count_due(connection(), authority_id=authority_id, now=now()),
    }


@operation(
    operators,
    "GET",
    "/authorities/<slug>/quarantine/<message_id>",
    audience="operator",
    answers=(200, KeptMessageWithEventsSchema),
    refuses=(AuthorityUnknownError, MessageMissingError),
)
def show_quarantined(caller: Operator, slug: str, message_id: str) -> dict[str, Any]:
    """Show a message in quarantine and which of its events were refused; its bytes only the command shows."""
    authority_id = get_holder(slug).authority_id
    message = get_message(connection(), digest_of(message_id), authority_id=authority_id)
    return render_message(message) | {"events": list_refused_events(connection(), message)}


@operation(
    operators,
    "POST",
    "/authorities/<slug>/quarantine/replays",
    audience="operator",
    body=ReplaySchema,
    answers=(202, RequestedReplaySchema),
    refuses=(AuthorityUnknownError,),
)
def replay_quarantined(caller: Operator, asked: dict[str, Any], slug: str) -> dict[str, Any]:
    """Ask the workers to replay what waits, at most 5,000 messages at a time.

    Safe to repeat: what is recorded already is recorded once. The list tells what came of it.
    """
    authority_id = get_holder(slug).authority_id
    requested = request_replay(connection(), Selection(**asked), authority_id=authority_id, now=now())
    return {"requested_messages": len(requested), "may_be_more": len(requested) == MOST_REQUESTED}


@operation(
    operators,
    "POST",
    "/authorities/<slug>/quarantine/<message_id>/replay",
    audience="operator",
    answers=(202, RequestedReplaySchema),
    refuses=(AuthorityUnknownError, MessageMissingError),
)
def replay_one_quarantined(caller: Operator, slug: str, message_id: str) -> dict[str, Any]:
    """Ask the workers to replay one message, a replayed one too. Safe to repeat."""
    authority_id = get_holder(slug).authority_id
    if not request_replay_of(connection(), [digest_of(message_id)], authority_id=authority_id, now=now()):
        raise MessageMissingError(message_id)
    return {"requested_messages": 1, "may_be_more": False}


def digest_of(message_id: str) -> bytes:
    """Return the digest an id stands for.

    Raises:
        MessageMissingError: it is none.
    """
    if not MESSAGE_ID.fullmatch(message_id):
        raise MessageMissingError(message_id)
    return bytes.fromhex(message_id)


def render_message(message: KeptMessage) -> dict[str, Any]:
    """Return what is told of a message."""
    return {
        "message_id": message.message_digest.hex(),
        "bin_id": message.bin_id,
        "topic": message.topic,
        "code": message.code,
        "codes": message.codes,
        "detail": message.detail,
        "times": message.times,
        "received_at": message.received_at,
        "last_received_at": message.last_received_at,
        "replay": message.state,
        "replay_requested_at": message.replay_requested_at,
        "replayed_at": message.replayed_at,
    }
