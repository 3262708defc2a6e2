"""The standing invariants (``rewards/invariants/``), checked on any database.

Read-only and set-wise; runs beside a live system under one snapshot (REPEATABLE READ), so that transactions under way
are seen whole or not at all.
"""

import datetime
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Engine, text

from rewards.invariants import INVARIANTS

SAMPLES = 5

COUNTS = """
    SELECT (SELECT count(*) FROM events WHERE authority_id = :authority_id AND type <> 'test') AS events,
           (SELECT count(*) FROM events WHERE authority_id = :authority_id AND type = 'test') AS test_events,
           (SELECT count(*) FROM transfers WHERE authority_id = :authority_id) AS transfers,
           (SELECT count(*) FROM vouchers WHERE authority_id = :authority_id) AS vouchers,
           (SELECT count(*) FROM quarantined_messages WHERE authority_id = :authority_id) AS quarantined_messages,
           (SELECT coalesce(sum(upper(ranges) - lower(ranges)), 0)
              FROM bin_journals j, unnest(j.lost) AS ranges WHERE j.authority_id = :authority_id) AS lost_events,
           (SELECT coalesce(sum(upper(ranges) - lower(ranges)), 0)
              FROM bin_journals j,
                   unnest(int8multirange(int8range(1, upper(j.received + j.lost))) - (j.received + j.lost)) AS ranges
             WHERE j.authority_id = :authority_id AND NOT isempty(j.received + j.lost)) AS missing_events
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant of one authority: how often it is broken, with a few samples."""

    authority: str
    invariant: str
    violations: int
    samples: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Verification:
    """All findings, and how much was looked at."""

    findings: list[Finding]
    counts: dict[str, dict[str, int]]

    @property
    def is_sound(self) -> bool:
        """Whether no invariant is broken."""
        return not self.broken

    @property
    def broken(self) -> dict[str, int]:
        """How often each broken invariant is broken, over all authorities."""
        counts: Counter[str] = Counter()
        for finding in self.findings:
            counts[finding.invariant] += finding.violations
        return dict(+counts)


def verify(engine: Engine, *, now: datetime.datetime | None = None) -> Verification:
    """Check every invariant for every authority, under one snapshot each; without ``now`` nothing is overdue."""
    findings: list[Finding] = []
    counts: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        authorities = connection.execute(text("SELECT authority_id, slug FROM authorities ORDER BY slug")).all()
    for authority_id, slug in authorities:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            row = connection.execute(text(COUNTS), {"authority_id": authority_id}).mappings().one()
            counts[slug] = {name: int(value) for name, value in row.items()}
            for invariant, query in INVARIANTS.items():
                rows = connection.execute(text(query), {"authority_id": authority_id, "now": now}).mappings().all()
                samples = [{name: str(value) for name, value in row.items()} for row in rows[:SAMPLES]]
                findings.append(Finding(slug, invariant, len(rows), samples))
    return Verification(findings, counts)
