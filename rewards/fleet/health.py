"""How an authority's fleet is doing, in counts: three statements however many bins there are."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.quarantine import count_by_code

SILENT_AFTER = datetime.timedelta(hours=24)
"""A bin that has not been heard for so long is counted as silent: by the protocol it reports far more often."""

BINS = text("""
    SELECT count(*) FILTER (WHERE b.state = 'live') AS live_bins,
           count(*) FILTER (WHERE b.state = 'test') AS test_bins,
           count(*) FILTER (WHERE b.state = 'revoked') AS revoked_bins,
           count(*) FILTER (WHERE b.state <> 'revoked' AND r.is_online) AS online_bins,
           count(*) FILTER (WHERE b.state <> 'revoked' AND r.last_heard_at IS NULL) AS never_heard_bins,
           count(*) FILTER (WHERE b.state <> 'revoked' AND r.last_heard_at < :silent_since) AS silent_bins,
           max(r.last_heard_at) AS last_heard_at
      FROM bins b LEFT JOIN bin_reports r ON r.authority_id = b.authority_id AND r.bin_id = b.bin_id
     WHERE b.authority_id = :authority_id
""")
ALARMS = text("""
    SELECT kind, count(*) AS bins FROM bin_alarms
     WHERE authority_id = :authority_id AND ended_at IS NULL GROUP BY kind ORDER BY kind
""")
WORK = text("""
    SELECT (SELECT count(*) FROM bin_commands
             WHERE authority_id = :authority_id AND outcome IS NULL) AS open_commands,
           (SELECT count(*) FROM jobs WHERE authority_id = :authority_id AND failures > 0) AS failing_jobs,
           (SELECT count(*) FROM jobs WHERE authority_id = :authority_id AND due_at < :overdue_since
               AND (leased_until IS NULL OR leased_until < :now)) AS overdue_jobs
""")
OVERDUE_AFTER = datetime.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class FleetHealth:
    """Counts of one authority. Revoked bins are in none but their own; ``silent_bins`` have been heard before."""

    live_bins: int
    test_bins: int
    revoked_bins: int
    online_bins: int
    never_heard_bins: int
    silent_bins: int
    last_heard_at: datetime.datetime | None
    open_commands: int
    failing_jobs: int
    overdue_jobs: int
    alarms: dict[str, int]
    quarantine: dict[str, int]


def get_fleet_health(connection: Connection, *, authority_id: int, now: datetime.datetime) -> FleetHealth:
    """Return how the fleet of an authority is doing."""
    tenant = {"authority_id": authority_id}
    bins = connection.execute(BINS, {**tenant, "silent_since": now - SILENT_AFTER}).mappings().one()
    work = connection.execute(WORK, {**tenant, "now": now, "overdue_since": now - OVERDUE_AFTER}).mappings().one()
    alarms: dict[str, int] = {row.kind: row.bins for row in connection.execute(ALARMS, tenant)}
    return FleetHealth(**bins, **work, alarms=alarms, quarantine=count_by_code(connection, authority_id=authority_id))
