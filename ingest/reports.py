"""What hellos, statuses and presences report of their bins, as the domain stores it."""

from collections.abc import Iterable

import msgspec

from ingest.contract import Hello, Presence, Status
from ingest.decoding import DecodedMessage
from rewards.bin_reports import BinReport

NO_READINGS = {"v", "bin", "boot", "n", "sent_at", "clock", "ahead_ms", "commands"}
"""The envelope of a status, and the answers in it (``ingest/answers.py``)."""


def list_reports(messages: Iterable[DecodedMessage]) -> list[BinReport]:
    """List the reports among ``messages``, in the order received."""
    return [report for report in map(find_report, messages) if report is not None]


def find_report(decoded: DecodedMessage) -> BinReport | None:
    """Find what a message reports of its bin; None for events."""
    content, received_at = decoded.content, decoded.verified.message.received_at
    match content:
        case Hello():
            facts: dict[str, object] = {
                "firmware": content.firmware,
                "model": content.model,
                "materials": content.materials or None,
                "capacity_l": content.capacity_l,
                "config_version": content.config,
            }
            return BinReport(decoded.bin_id, "hello", (content.boot, content.n), received_at, facts)
        case Status():
            return BinReport(decoded.bin_id, "status", (content.boot, content.n), received_at, readings(content))
        case Presence():
            online = {"is_online": content.online}
            return BinReport(decoded.bin_id, "presence", (content.boot, content.conn), received_at, online)
        case _:
            return None


def readings(status: Status) -> dict[str, object]:
    """Return the readings a status carries, and nothing else."""
    builtins = msgspec.to_builtins(status)
    return {name: value for name, value in builtins.items() if name not in NO_READINGS and value is not None}
