"""The alarm ``mass_balance``: raised and ended once rounds have been weighed, never by the ingest.

It is raised when the median of the newest rounds and the newest of them are off to the same side, and ends by itself
when the median is right again; ended by hand, it stays so until another round is off. A bin has one, for the material
that is off the most.
"""

import datetime
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from rewards.alarms import Alarm, AlarmKind, Sighting, end_alarms, list_alarms, raise_alarms
from rewards.instants import write_instant
from rewards.mass_balance.arithmetic import direction_of
from rewards.mass_balance.balances import BinBalance, list_balances
from rewards.statistics.periods import DAYS_MAX, Period

KIND: AlarmKind = "mass_balance"


def watch_balances(
    connection: Connection, *, authority_id: int, today: datetime.date, now: datetime.datetime
) -> tuple[int, int]:
    """Raise and end the alarms of an authority's bins by the rounds of a year; return how many were raised and ended.

    Needs a transaction; safe to repeat. ``today`` is of the authority's calendar; rounds that its bins' clocks have
    put into the future wait until it comes.
    """
    period = Period(today - datetime.timedelta(days=DAYS_MAX - 1), today)
    balances = list_balances(connection, period, authority_id=authority_id)
    known = {
        alarm.bin_id: alarm
        for alarm in list_alarms(connection, authority_id=authority_id, with_ended=True)
        if alarm.kind == KIND
    }
    sightings = [
        sight(worst, now=now)
        for bin_id, of_bin in groupby(balances, key=lambda each: each.bin_id)
        if (worst := find_worst(of_bin)) is not None and is_due(worst, known.get(bin_id))
    ]
    raise_alarms(connection, sightings, authority_id=authority_id, now=now)
    off = {balance.bin_id for balance in balances if balance.direction is not None}
    over = [alarm.key for alarm in known.values() if alarm.bin_id not in off]
    ended = end_alarms(connection, over, authority_id=authority_id, now=now)
    raised = sum(sighting.bin_id not in known or known[sighting.bin_id].ended_at is not None for sighting in sightings)
    return raised, ended


def find_worst(balances: Iterable[BinBalance]) -> BinBalance | None:
    """Find the balance of one bin that is off the most; None when none is."""
    off = [each for each in balances if each.direction is not None]
    return max(off, key=distance_of, default=None)


def distance_of(balance: BinBalance) -> float:
    """Return how far off a balance is, the same to either side: 2.0 is twice or half of what was expected."""
    drift = balance.drift or 1.0
    return max(drift, 1 / drift)


def is_due(balance: BinBalance, known: Alarm | None) -> bool:
    """Tell whether the alarm of a balance that is off is to be raised, or kept up with what is known now."""
    if known is not None and known.ended_at is None:
        return True
    newest = balance.newest[0]
    is_newest_off = direction_of(newest.drift, over_percent=balance.over_percent) == balance.direction
    return is_newest_off and (known is None or is_news(known.detail, newest.journal_no, newest.seq))


def is_news(detail: Mapping[str, Any], journal_no: int, seq: int) -> bool:
    """Tell whether a round ended after the newest one that an alarm, ended since, was raised for."""
    told = [(each["journal_no"], each["seq"]) for each in detail.get("rounds", [])]
    return (journal_no, seq) > max(told, default=(0, 0))


def sight(balance: BinBalance, *, now: datetime.datetime) -> Sighting:
    """Say which rounds, by how much, and what was expected; nobody is named."""
    share = balance.anonymous_share
    detail = {
        "material": balance.material,
        "direction": balance.direction,
        "drift": rounded(balance.drift),
        "over_percent": balance.over_percent,
        "expected_by": balance.expected_by,
        "anonymous_pct": None if share is None else round(100 * share),
        "rounds": [
            {
                "ended_at": write_instant(each.ended_at),
                "counted_g": each.weighing.counted_g,
                "weighed_g": each.weighing.weighed_g,
                "drift": rounded(each.drift),
                "journal_no": each.journal_no,
                "seq": each.seq,
            }
            for each in balance.newest
        ],
    }
    return Sighting(balance.bin_id, KIND, now, detail)


def rounded(drift: float | None) -> float | None:
    """Return a drift as an alarm tells it; None too where nothing was counted, since JSON has no infinity."""
    return None if drift is None or drift == float("inf") else round(drift, 3)
