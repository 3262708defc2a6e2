"""Alarms: what an operator should look at. One row per bin and kind; what raises them is in ``rewards/fleet_watch.py``
and, of what is weighed, in ``rewards/mass_balance/watching.py``.

Some end by themselves when their cause is gone, the others when an operator says so.
"""

import datetime
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.fleet.refusals import AlarmMissingError

AlarmKind = Literal["gap", "lost", "clone", "wide_journal", "event_conflict", "quarantine_flood", "mass_balance"]

AlarmKey = tuple[str, AlarmKind]
"""(bin_id, kind): an alarm within its authority."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What raises an alarm, or keeps it up: ``detail`` holds counts, journals and ranges, never a badge."""

    bin_id: str
    kind: AlarmKind
    seen_at: datetime.datetime
    detail: Mapping[str, Any]

    @property
    def key(self) -> AlarmKey:
        """The alarm it belongs to."""
        return (self.bin_id, self.kind)


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm as stored; ``times`` says how often it was raised, ``last_seen_at`` when its cause was last seen."""

    bin_id: str
    kind: AlarmKind
    detail: Mapping[str, Any]
    raised_at: datetime.datetime
    last_seen_at: datetime.datetime
    ended_at: datetime.datetime | None
    times: int

    @property
    def key(self) -> AlarmKey:
        """What identifies it within its authority."""
        return (self.bin_id, self.kind)


SIGHTINGS = Columns(bin_id="text", kind="text", seen_at="timestamptz", detail="jsonb")
RAISE = text(f"""
    INSERT INTO bin_alarms AS a (authority_id, bin_id, kind, detail, raised_at, last_seen_at)
    SELECT :authority_id, t.bin_id, t.kind, t.detail, :now, t.seen_at
      FROM {SIGHTINGS.unnest("t")} ORDER BY t.bin_id, t.kind
    ON CONFLICT (authority_id, bin_id, kind) DO UPDATE
       SET detail = excluded.detail, last_seen_at = excluded.last_seen_at, ended_at = NULL,
           raised_at = CASE WHEN a.ended_at IS NULL THEN a.raised_at ELSE excluded.raised_at END,
           times = a.times + CASE WHEN a.ended_at IS NULL THEN 0 ELSE 1 END
""")

KEYS = Columns(bin_id="text", kind="text")
END = text(f"""
    UPDATE bin_alarms a SET ended_at = :now
      FROM (SELECT * FROM {KEYS.unnest("u")} ORDER BY bin_id, kind) AS t
     WHERE a.authority_id = :authority_id AND a.bin_id = t.bin_id AND a.kind = t.kind AND a.ended_at IS NULL
""")
LIST = text("""
    SELECT bin_id, kind, detail, raised_at, last_seen_at, ended_at, times FROM bin_alarms
     WHERE authority_id = :authority_id AND (:with_ended OR ended_at IS NULL)
       AND (CAST(:bin_id AS text) IS NULL OR bin_id = :bin_id)
       AND (CAST(:raised_at AS timestamptz) IS NULL OR raised_at < :raised_at
            OR raised_at = :raised_at AND (bin_id, kind) > (:after_bin, :after_kind))
     ORDER BY raised_at DESC, bin_id, kind LIMIT :limit
""")


def raise_alarms(
    connection: Connection, sightings: Sequence[Sighting], *, authority_id: int, now: datetime.datetime
) -> None:
    """Raise alarms, or keep those up that are; at most one sighting of a bin and kind."""
    if sightings:
        columns = SIGHTINGS.bind_rows(sightings, detail=[json.dumps(dict(each.detail)) for each in sightings])
        connection.execute(RAISE, {"authority_id": authority_id, "now": now, **columns})


def end_alarms(connection: Connection, keys: Collection[AlarmKey], *, authority_id: int, now: datetime.datetime) -> int:
    """End alarms; return how many were up."""
    if not keys:
        return 0
    bin_ids, kinds = zip(*keys, strict=True)
    columns = KEYS.bind(bin_id=bin_ids, kind=kinds)
    return connection.execute(END, {"authority_id": authority_id, "now": now, **columns}).rowcount


def end_alarm(
    connection: Connection, bin_id: str, kind: AlarmKind, *, authority_id: int, now: datetime.datetime
) -> None:
    """End an alarm that has been looked at.

    Raises:
        AlarmMissingError: it is not up.
    """
    if not end_alarms(connection, [(bin_id, kind)], authority_id=authority_id, now=now):
        raise AlarmMissingError(bin_id, kind)


def list_alarms(
    connection: Connection,
    *,
    authority_id: int,
    bin_id: str | None = None,
    with_ended: bool = False,
    after: tuple[datetime.datetime, str, str] | None = None,
    limit: int | None = None,
) -> list[Alarm]:
    """List alarms, newest first, then by bin and kind; those that ended only when asked for.

    ``after`` is (raised at, bin, kind) of the last one of the page before.
    """
    raised_at, after_bin, after_kind = after or (None, None, None)
    values = {"raised_at": raised_at, "after_bin": after_bin, "after_kind": after_kind, "limit": limit}
    rows = connection.execute(
        LIST, {"authority_id": authority_id, "bin_id": bin_id, "with_ended": with_ended, **values}
    ).all()
    return [Alarm(*row) for row in rows]
