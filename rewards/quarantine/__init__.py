"""Quarantine: what could not be accepted is stored, encrypted and counted, until it is replayed or pruned."""

from rewards.quarantine.bounding import MOST_KEPT_PER_DAY, count_overflows_by_code
from rewards.quarantine.reading import (
    KeptEvent,
    KeptMessage,
    UndecryptableError,
    count_by_code,
    count_messages,
    decrypt_payload,
    find_messages,
    get_message,
    list_holders,
    list_messages,
    list_refused_events,
    read_payload,
)
from rewards.quarantine.refusals import MessageMissingError
from rewards.quarantine.refused import NO_AUTHORITY, PURPOSE, RefusedEvent, RefusedMessage, digest_message
from rewards.quarantine.replaying import (
    MOST_REQUESTED,
    ReplayNote,
    TakenMessage,
    count_outcomes,
    count_requested,
    note_replays,
    request_replay,
    request_replay_of,
    take_requested,
)
from rewards.quarantine.retention import KEPT_FOR, count_due, prune_messages, prune_overflows
from rewards.quarantine.selecting import Selection
from rewards.quarantine.storing import store_refused

__all__ = [
    "KEPT_FOR",
    "MOST_KEPT_PER_DAY",
    "MOST_REQUESTED",
    "NO_AUTHORITY",
    "PURPOSE",
    "KeptEvent",
    "KeptMessage",
    "MessageMissingError",
    "RefusedEvent",
    "RefusedMessage",
    "ReplayNote",
    "Selection",
    "TakenMessage",
    "UndecryptableError",
    "count_by_code",
    "count_due",
    "count_messages",
    "count_outcomes",
    "count_overflows_by_code",
    "count_requested",
    "decrypt_payload",
    "digest_message",
    "find_messages",
    "get_message",
    "list_holders",
    "list_messages",
    "list_refused_events",
    "note_replays",
    "prune_messages",
    "prune_overflows",
    "read_payload",
    "request_replay",
    "request_replay_of",
    "store_refused",
    "take_requested",
]
