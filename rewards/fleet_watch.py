"""The fleet watch: looks at all bins of an authority at once and raises, keeps up and ends their alarms.

Each rule is one statement over the whole authority, never one a bin. A gap also has the bin asked to send again what
is missing (``resend``). Gaps and wide journals are those of a bin's newest journal: one that was replaced will never
say what it lacks. What is lost, cloned, in conflict or flooding is raised when there is more of it than the alarm
knows of, so that one an operator has ended stays ended until something new happens.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from rewards.alarms import Alarm, AlarmKey, Sighting, end_alarms, list_alarms, raise_alarms
from rewards.arrays import Columns
from rewards.commands import NewCommand, issue_commands
from rewards.fleet_sightings import (
    Gaps,
    list_clones,
    list_conflicts,
    list_floods,
    list_losses,
    list_open_journals,
)
from rewards.journals import WIDE_RANGES, SeqRange

GAP_PATIENCE = datetime.timedelta(seconds=30)
RESEND_AGAIN_AFTER = datetime.timedelta(seconds=60)
REFUSED_AGAIN_AFTER = datetime.timedelta(hours=1)
"""A bin that does not hold what is missing says so; it may say so again when somebody has put its storage back."""

RESEND_VALID = datetime.timedelta(hours=1)
MOST_RESENT = 1000

TOLD_RANGES = 5

# A look is one worker's; it needs no waiting for, the next one is seconds away.
LOCK_LOOK = text("SELECT pg_try_advisory_xact_lock(7106003, :authority_id)")

# A resend that is open is repeated as any command is; and a bin not heard since the last one is not asked in vain,
# which would leave a row an hour for each bin that is out of order.
GAPPED = Columns(bin_id="text")
LIST_UNASKABLE = text(f"""
    SELECT t.bin_id FROM {GAPPED.unnest("t")}
     CROSS JOIN LATERAL (SELECT c.issued_at, c.outcome FROM bin_commands c
                          WHERE c.authority_id = :authority_id AND c.bin_id = t.bin_id AND c.kind = 'resend'
                          ORDER BY c.issued_at DESC LIMIT 1) AS l
      LEFT JOIN bin_reports r ON r.authority_id = :authority_id AND r.bin_id = t.bin_id
     WHERE l.outcome IS NULL OR l.issued_at > :asked_after
        OR (l.outcome = 'refused' AND l.issued_at > :refused_after)
        OR GREATEST(r.last_heard_at, (SELECT max(j.last_received_at) FROM bin_journals j
                                       WHERE j.authority_id = :authority_id AND j.bin_id = t.bin_id)) < l.issued_at
""")


@dataclass(slots=True)
class Look:
    """What one look at an authority's fleet came to."""

    raised: list[Sighting] = field(default_factory=list)
    ended: list[AlarmKey] = field(default_factory=list)
    resends: int = 0


def watch_fleet(connection: Connection, *, authority_id: int, now: datetime.datetime) -> Look | None:
    """Look at the fleet once; None when another worker is doing so. Needs a transaction, commits nothing."""
    if not connection.scalar(LOCK_LOOK, {"authority_id": authority_id}):
        return None
    known = {alarm.key: alarm for alarm in list_alarms(connection, authority_id=authority_id, with_ended=True)}
    journals = list_open_journals(connection, authority_id=authority_id)
    gaps = [gap for gap in journals if gap.since <= now - GAP_PATIENCE]
    sightings = [
        *(sight_gap(gap, now=now) for gap in gaps),
        *(sight_width(gap, now=now) for gap in journals if gap.ranges > WIDE_RANGES),
        *list_news(connection, known, authority_id=authority_id, now=now),
    ]
    raise_alarms(connection, sightings, authority_id=authority_id, now=now)
    ended = list_ended(known.values(), journals)
    end_alarms(connection, ended, authority_id=authority_id, now=now)
    resends = ask_again(connection, gaps, authority_id=authority_id, now=now)
    raised = [each for each in sightings if each.key not in known or known[each.key].ended_at is not None]
    return Look(raised, ended, resends)


def list_news(
    connection: Connection, known: dict[AlarmKey, Alarm], *, authority_id: int, now: datetime.datetime
) -> list[Sighting]:
    """List what is lost, cloned, in conflict or flooding beyond what its alarm, up or ended, already tells."""
    found = [
        *list_losses(connection, authority_id=authority_id, now=now),
        *list_clones(connection, authority_id=authority_id),
        *list_conflicts(connection, authority_id=authority_id, now=now),
        *list_floods(connection, authority_id=authority_id, now=now),
    ]
    return [each for each in found if each.key not in known or is_news(each, known[each.key])]


def is_news(sighting: Sighting, alarm: Alarm) -> bool:
    """Tell whether there is more than the alarm knows of: by count where one is kept, else by time."""
    match sighting.kind:
        case "lost":
            return bool(sighting.detail["numbers"] > alarm.detail.get("numbers", 0))
        case "quarantine_flood":
            known_day, known_messages = alarm.detail.get("day", ""), alarm.detail.get("messages", 0)
            return bool((sighting.detail["day"], sighting.detail["messages"]) > (known_day, known_messages))
        case _:
            return sighting.seen_at > alarm.last_seen_at


def list_ended(known: Iterable[Alarm], journals: Iterable[Gaps]) -> list[AlarmKey]:
    """List the alarms whose cause is gone: a gap that is closed, a journal that is wide no more."""
    gaps = {gap.bin_id: gap for gap in journals}
    ended: list[AlarmKey] = []
    for alarm in known:
        gap = gaps.get(alarm.bin_id)
        is_over = (alarm.kind == "gap" and gap is None) or (
            alarm.kind == "wide_journal" and (gap is None or gap.ranges <= WIDE_RANGES)
        )
        if alarm.ended_at is None and is_over:
            ended.append(alarm.key)
    return ended


def sight_gap(gap: Gaps, *, now: datetime.datetime) -> Sighting:
    """Say what is missing, and since when at least."""
    detail = {
        "journal": gap.journal,
        "numbers": gap.numbers,
        "ranges": gap.ranges,
        "lowest": gap.lowest[:TOLD_RANGES],
        "since": gap.since.isoformat(),
    }
    return Sighting(gap.bin_id, "gap", now, detail)


def sight_width(gap: Gaps, *, now: datetime.datetime) -> Sighting:
    """Say how wide a journal lies open."""
    return Sighting(gap.bin_id, "wide_journal", now, {"journal": gap.journal, "ranges": gap.ranges})


def ask_again(connection: Connection, gaps: Sequence[Gaps], *, authority_id: int, now: datetime.datetime) -> int:
    """Ask bins to send again what is missing longest; return how many were asked."""
    if not gaps:
        return 0
    unaskable = set(
        connection.scalars(
            LIST_UNASKABLE,
            {
                "authority_id": authority_id,
                "asked_after": now - RESEND_AGAIN_AFTER,
                "refused_after": now - REFUSED_AGAIN_AFTER,
                **GAPPED.bind(bin_id=[gap.bin_id for gap in gaps]),
            },
        )
    )
    commands = []
    for gap in gaps:
        if gap.bin_id not in unaskable:
            first, last = choose_resent(gap.lowest)
            commands.append(NewCommand(gap.bin_id, "resend", {"journal": gap.journal, "first": first, "last": last}))
    return len(issue_commands(connection, commands, authority_id=authority_id, now=now, valid=RESEND_VALID))


def choose_resent(gaps: Sequence[SeqRange]) -> SeqRange:
    """Choose the numbers to ask for, from the lowest gap on: at most ``MOST_RESENT``, at least half of them missing.

    Over further gaps as long as that holds, since single gaps in a row would take a command, and a minute, each.
    """
    first, last = gaps[0][0], min(gaps[0][1], gaps[0][0] + MOST_RESENT - 1)
    missing = 0
    for low, high in gaps:
        missing += high - low + 1
        span = high - first + 1
        if span <= MOST_RESENT and 2 * missing >= span:
            last = high
    return first, last
