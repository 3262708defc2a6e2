"""Everything known of one bin, for whoever has to find out what is wrong with it. No badge and no point is in it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from rewards.fleet.refusals import BinMissingError

JOURNALS_OF_BIN = (
    "journal_no IN (SELECT journal_no FROM bin_journals WHERE authority_id = :authority_id AND bin_id = :bin_id)"
)

BIN = text("""
    SELECT bin_id AS bin, state, capacity_l, newest_key_number AS used_key_number, configured_version, created_at
      FROM bins WHERE authority_id = :authority_id AND bin_id = :bin_id
""")
REPORT = text("""
    SELECT last_heard_at, is_online, firmware, model, materials, capacity_l, config_version, status_at, status
      FROM bin_reports WHERE authority_id = :authority_id AND bin_id = :bin_id
""")
EVENTS = text(f"""
    SELECT count(*) FILTER (WHERE type <> 'test') AS live, count(*) FILTER (WHERE type = 'test') AS test,
           max(occurred_at) AS last_occurred_at
      FROM events WHERE authority_id = :authority_id AND {JOURNALS_OF_BIN}
""")
LISTS: Mapping[str, Any] = {
    "placements": text("""
        SELECT s.reference AS site, c.name AS commune, s.address, p.placed_at, p.removed_at
          FROM placements p
          JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
          JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
         WHERE p.authority_id = :authority_id AND p.bin_id = :bin_id ORDER BY p.placed_at
    """),
    "keys": text("""
        SELECT key_number, state, created_at FROM bin_keys
         WHERE authority_id = :authority_id AND bin_id = :bin_id ORDER BY key_number
    """),
    "journals": text("""
        SELECT j.journal, j.created_at, j.last_received_at, j.next_seq, j.oldest_held,
               coalesce(upper(j.received + j.lost) - 1, 0) AS highest_settled,
               (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(j.received) AS r) AS received_events,
               (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(j.lost) AS r) AS lost_events,
               (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint
                  FROM unnest(int8multirange(int8range(1, coalesce(upper(j.received + j.lost), 1)))
                              - (j.received + j.lost)) AS r) AS missing_events,
               (SELECT count(*) FROM unnest(j.received + j.lost)) AS ranges
          FROM bin_journals j WHERE j.authority_id = :authority_id AND j.bin_id = :bin_id ORDER BY j.journal_no
    """),
    "open_commands": text("""
        SELECT command_id, kind, arguments, issued_at, expires_at, sent_at, times_sent
          FROM bin_commands
         WHERE authority_id = :authority_id AND bin_id = :bin_id AND outcome IS NULL ORDER BY issued_at
    """),
    "open_alarms": text("""
        SELECT kind, detail, raised_at, last_seen_at, times FROM bin_alarms
         WHERE authority_id = :authority_id AND bin_id = :bin_id AND ended_at IS NULL ORDER BY kind
    """),
    "quarantined_messages": text("""
        SELECT code, count(*) AS messages, sum(times)::bigint AS times, max(last_received_at) AS last_received_at
          FROM quarantined_messages
         WHERE authority_id = :authority_id AND bin_id = :bin_id AND code IS NOT NULL GROUP BY code ORDER BY code
    """),
    "quarantined_events": text(f"""
        SELECT code, count(*) AS events, max(received_at) AS last_received_at
          FROM quarantined_events WHERE authority_id = :authority_id AND {JOURNALS_OF_BIN} GROUP BY code ORDER BY code
    """),
    "quarantine_overflows": text("""
        SELECT day, code, times FROM quarantine_overflows
         WHERE authority_id = :authority_id AND bin_id = :bin_id ORDER BY day, code
    """),
}

Facts = dict[str, Any]


def describe_bin(connection: Connection, bin_id: str, *, authority_id: int, slug: str) -> Facts:
    """Return what is known of a bin: plain values by name, lists oldest first.

    ``report`` is None while the bin was never heard.

    Raises:
        BinMissingError: the authority has no such bin.
    """
    bin_named = {"authority_id": authority_id, "bin_id": bin_id}
    found = connection.execute(BIN, bin_named).mappings().one_or_none()
    if found is None:
        raise BinMissingError(bin_id)
    report = connection.execute(REPORT, bin_named).mappings().one_or_none()
    facts: Facts = {"authority": slug, **found, "report": dict(report) if report else None}
    facts["events"] = dict(connection.execute(EVENTS, bin_named).mappings().one())
    for name, query in LISTS.items():
        facts[name] = [dict(row) for row in connection.execute(query, bin_named).mappings()]
    return facts
