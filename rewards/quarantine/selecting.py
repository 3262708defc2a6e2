"""Which messages are meant: what waits, of a bin, by a code, since when; for listing, counting and replaying alike."""

import datetime
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages are meant; None means any. ``since`` is about the last copy received.

    Only what still waits, unless ``with_done``.
    """

    bin_id: str | None = None
    code: str | None = None
    since: datetime.datetime | None = None
    with_done: bool = False


EVERYTHING_WAITING = Selection()

IS_RECORDED = """
    EXISTS (SELECT FROM events v WHERE v.authority_id = e.authority_id AND v.journal_no = e.journal_no
                                   AND v.seq = e.seq AND v.content_digest = e.content_digest)
"""
REFUSED_EVENTS = f"""
    SELECT e.* FROM quarantined_events e
     WHERE e.authority_id = :authority_id AND e.message_digest IS NOT NULL AND NOT {IS_RECORDED}
"""
IS_WAITING = f"""
    (q.replay_requested_at IS NOT NULL
     OR (q.replayed_at IS NULL
         AND (q.code IS NOT NULL
              OR EXISTS (SELECT FROM ({REFUSED_EVENTS}) w WHERE w.authority_id = q.authority_id
                                                           AND w.message_digest = q.message_digest))))
"""
IS_SELECTED = f"""
    (CAST(:bin_id AS text) IS NULL OR q.bin_id = :bin_id)
    AND (CAST(:since AS timestamptz) IS NULL OR q.last_received_at >= :since)
    AND (:with_done OR {IS_WAITING})
    AND (CAST(:code AS text) IS NULL OR q.code = :code
         OR q.message_digest IN (SELECT r.message_digest FROM ({REFUSED_EVENTS}) r
                                 WHERE r.authority_id = :authority_id AND r.code = :code))
"""


def bind(selection: Selection, authority_id: int) -> dict[str, Any]:
    """Return the parameters of a statement about selected messages."""
    return {
        "authority_id": authority_id,
        "bin_id": selection.bin_id,
        "code": selection.code,
        "since": selection.since,
        "with_done": selection.with_done,
    }
