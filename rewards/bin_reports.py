"""The newest hello, status and presence of each bin; the bin's own counters decide what is newer, never a clock."""

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, text

from rewards.arrays import Columns


@dataclass(frozen=True, slots=True)
class BinReport:
    """One report; ``order`` is (boot, n), for presence (boot, conn). ``facts`` are its columns' values."""

    bin_id: str
    kind: Literal["hello", "status", "presence"]
    order: tuple[int, int]
    received_at: datetime.datetime
    facts: dict[str, Any]


HEARD_COLUMNS = Columns(bin_id="text", heard_at="timestamptz")
HEARD = text(f"""
    INSERT INTO bin_reports AS r (authority_id, bin_id, last_heard_at)
    SELECT :authority_id, t.bin_id, t.heard_at FROM {HEARD_COLUMNS.unnest("t")} ORDER BY t.bin_id
    ON CONFLICT (authority_id, bin_id) DO UPDATE SET last_heard_at = GREATEST(r.last_heard_at, excluded.last_heard_at)
""")

HELLO_COLUMNS = Columns(
    bin_id="text",
    boot="bigint",
    n="bigint",
    firmware="text",
    model="text",
    materials="jsonb",
    capacity_l="integer",
    config_version="integer",
)
HELLO = text(f"""
    UPDATE bin_reports r
       SET hello_boot = t.boot, hello_n = t.n, firmware = t.firmware, model = t.model, materials = t.materials,
           capacity_l = t.capacity_l, config_version = t.config_version
      FROM (SELECT * FROM {HELLO_COLUMNS.unnest("u")} ORDER BY bin_id) AS t
     WHERE r.authority_id = :authority_id AND r.bin_id = t.bin_id
       AND (r.hello_boot IS NULL OR (r.hello_boot, r.hello_n) < (t.boot, t.n))
""")

STATUS_COLUMNS = Columns(bin_id="text", boot="bigint", n="bigint", received_at="timestamptz", status="jsonb")
STATUS = text(f"""
    UPDATE bin_reports r SET status_boot = t.boot, status_n = t.n, status_at = t.received_at, status = t.status
      FROM (SELECT * FROM {STATUS_COLUMNS.unnest("u")} ORDER BY bin_id) AS t
     WHERE r.authority_id = :authority_id AND r.bin_id = t.bin_id
       AND (r.status_boot IS NULL OR (r.status_boot, r.status_n) < (t.boot, t.n))
""")

PRESENCE_COLUMNS = Columns(bin_id="text", boot="bigint", n="bigint", is_online="boolean")
# A will says offline with the counters its connection began with: at equal counters offline wins.
PRESENCE = text(f"""
    UPDATE bin_reports r SET presence_boot = t.boot, presence_conn = t.n, is_online = t.is_online
      FROM (SELECT * FROM {PRESENCE_COLUMNS.unnest("u")} ORDER BY bin_id) AS t
     WHERE r.authority_id = :authority_id AND r.bin_id = t.bin_id
       AND (r.presence_boot IS NULL OR (r.presence_boot, r.presence_conn) < (t.boot, t.n)
            OR ((r.presence_boot, r.presence_conn) = (t.boot, t.n) AND NOT t.is_online))
""")

KINDS = {
    "hello": (HELLO, HELLO_COLUMNS),
    "status": (STATUS, STATUS_COLUMNS),
    "presence": (PRESENCE, PRESENCE_COLUMNS),
}


def store_reports(connection: Connection, reports: Sequence[BinReport], *, authority_id: int) -> None:
    """Store the newest report of each kind and bin, and when each bin was last heard; older ones change nothing."""
    heard: dict[str, datetime.datetime] = {}
    newest: dict[tuple[str, str], BinReport] = {}
    for report in reports:
        heard[report.bin_id] = max(report.received_at, heard.get(report.bin_id, report.received_at))
        known = newest.get((report.kind, report.bin_id))
        if known is None or known.order <= report.order:
            newest[report.kind, report.bin_id] = report
    columns = HEARD_COLUMNS.bind(bin_id=heard, heard_at=heard.values())
    connection.execute(HEARD, {"authority_id": authority_id, **columns})
    for kind, (statement, kind_columns) in KINDS.items():
        chosen = [report for report in newest.values() if report.kind == kind]
        if chosen:
            connection.execute(statement, {"authority_id": authority_id, **kind_columns.bind(**columns_of(chosen))})


def columns_of(reports: Sequence[BinReport]) -> dict[str, list[Any]]:
    """Turn reports of one kind into columns; a status is one of them, whole."""
    columns: dict[str, list[Any]] = {
        "bin_id": [report.bin_id for report in reports],
        "boot": [report.order[0] for report in reports],
        "n": [report.order[1] for report in reports],
    }
    if reports[0].kind == "status":
        columns["received_at"] = [report.received_at for report in reports]
        columns["status"] = [json.dumps(report.facts) for report in reports]
        return columns
    columns |= {name: [report.facts[name] for report in reports] for name in reports[0].facts}
    if "materials" in columns:
        columns["materials"] = [each and json.dumps(each) for each in columns["materials"]]
    return columns
