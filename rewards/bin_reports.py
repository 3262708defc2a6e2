"""The newest hello, status and presence of each bin; the bin's own counters decide what is newer, never a clock."""

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class BinReport:
    """One report; ``order`` is (boot, n), for presence (boot, conn). ``facts`` are its columns' values."""

    bin_id: str
    kind: Literal["hello", "status", "presence"]
    order: tuple[int, int]
    received_at: datetime.datetime
    facts: dict[str, Any]


HEARD = text("""
    INSERT INTO bin_reports AS r (authority_id, bin_id, last_heard_at)
    SELECT :authority_id, t.bin_id, t.heard_at
      FROM unnest(CAST(:bin_ids AS text[]), CAST(:heard_at AS timestamptz[])) AS t(bin_id, heard_at)
     ORDER BY t.bin_id
    ON CONFLICT (authority_id, bin_id) DO UPDATE SET last_heard_at = GREATEST(r.last_heard_at, excluded.last_heard_at)
""")

HELLO = text("""
    UPDATE bin_reports r SET hello_boot = t.boot, hello_n = t.n, firmware = t.firmware, model = t.model
      FROM (SELECT * FROM unnest(CAST(:bin_id AS text[]), CAST(:boot AS bigint[]), CAST(:n AS bigint[]),
                                 CAST(:firmware AS text[]), CAST(:model AS text[]))
                AS u(bin_id, boot, n, firmware, model) ORDER BY bin_id) AS t
     WHERE r.authority_id = :authority_id AND r.bin_id = t.bin_id
       AND (r.hello_boot IS NULL OR (r.hello_boot, r.hello_n) < (t.boot, t.n))
""")

STATUS = text("""
    UPDATE bin_reports r SET status_boot = t.boot, status_n = t.n, status_at = t.received_at, status = t.status
      FROM (SELECT * FROM unnest(CAST(:bin_id AS text[]), CAST(:boot AS bigint[]), CAST(:n AS bigint[]),
                                 CAST(:received_at AS timestamptz[]), CAST(:status AS jsonb[]))
                AS u(bin_id, boot, n, received_at, status) ORDER BY bin_id) AS t
     WHERE r.authority_id = :authority_id AND r.bin_id = t.bin_id
       AND (r.status_boot IS NULL OR (r.status_boot, r.status_n) < (t.boot, t.n))
""")

# A will says offline with the counters its connection began with: at equal counters offline wins.
PRESENCE = text("""
    UPDATE bin_reports r SET presence_boot = t.boot, presence_conn = t.n, is_online = t.is_online
      FROM (SELECT * FROM unnest(CAST(:bin_id AS text[]), CAST(:boot AS bigint[]), CAST(:n AS bigint[]),
                                 CAST(:is_online AS boolean[]))
                AS u(bin_id, boot, n, is_online) ORDER BY bin_id) AS t
     WHERE r.authority_id = :authority_id AND r.bin_id = t.bin_id
       AND (r.presence_boot IS NULL OR (r.presence_boot, r.presence_conn) < (t.boot, t.n)
            OR ((r.presence_boot, r.presence_conn) = (t.boot, t.n) AND NOT t.is_online))
""")


def store_reports(connection: Connection, reports: Sequence[BinReport], *, authority_id: int) -> None:
    """Store the newest report of each kind and bin, and when each bin was last heard; older ones change nothing."""
    if not reports:
        return
    heard: dict[str, datetime.datetime] = {}
    newest: dict[tuple[str, str], BinReport] = {}
    for report in reports:
        heard[report.bin_id] = max(report.received_at, heard.get(report.bin_id, report.received_at))
        known = newest.get((report.kind, report.bin_id))
        if known is None or known.order <= report.order:
            newest[report.kind, report.bin_id] = report
    connection.execute(HEARD, {"authority_id": authority_id, "bin_ids": list(heard), "heard_at": list(heard.values())})
    for kind, statement in (("hello", HELLO), ("status", STATUS), ("presence", PRESENCE)):
        chosen = [report for report in newest.values() if report.kind == kind]
        if chosen:
            connection.execute(statement, {"authority_id": authority_id, **columns_of(chosen)})


def columns_of(reports: Sequence[BinReport]) -> dict[str, list[Any]]:
    """Turn reports of one kind into the arrays their statement takes."""
    columns: dict[str, list[Any]] = {
        "bin_id": [report.bin_id for report in reports],
        "boot": [report.order[0] for report in reports],
        "n": [report.order[1] for report in reports],
    }
    if reports[0].kind == "status":
        columns["received_at"] = [report.received_at for report in reports]
        columns["status"] = [json.dumps(report.facts) for report in reports]
    else:
        columns |= {name: [report.facts[name] for report in reports] for name in reports[0].facts}
    return columns
