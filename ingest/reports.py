"""What hellos, statuses and presences report of their bins, as the domain stores it."""

from collections.abc import Iterable

import msgspec

from ingest.contract import Hello, Presence, Status
from ingest.decoding import DecodedMessage
from rewards.bin_reports import BinReport

ENVELOPE = {"v", "bin", "boot", "n", "sent_at", "clock"}


def list_reports(messages: Iterable[DecodedMessage]) -> list[BinReport]:
    """List the reports among ``messages``, in the order received."""
    return [report for report in map(find_report, messages) if report is not None]


def find_report(decoded: DecodedMessage) -> BinReport | None:
    """Find what a message reports of its bin; None for events."""
    content, received_at = decoded.content, decoded.verified.message.received_at
    match content:
        case Hello():
            facts: dict[str, object] = {"firmware": content.firmware, "model": content.model}
            return BinReport(decoded.bin_id, "hello", (content.boot, content.n), received_at, facts)
        case Status():
            return BinReport(decoded.bin_id, "status", (content.boot, content.n), received_at, readings(content))
        case Presence():
            online = {"is_online": content.online}
            return BinReport(decoded.bin_id, "presence", (content.boot, content.conn), received_at, online)
        case _:
            return None


def readings(status: Status) -> dict[str, object]:
    """Return the readings a status carries, without its envelope."""
    builtins = msgspec.to_builtins(status)
    return {name: value for name, value in builtins.items() if name not in ENVELOPE and value is not None}
