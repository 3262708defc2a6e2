"""When deposits happen: a daily and weekly rhythm.

**An assumption, not validated.** No public data set of single deposit events at drop-off points is known to the
authors: what is published are tonnages per collection round or per year. So the shape below is a guess from what is
generally reported about drop-off points, and nothing measured here may be quoted as the behaviour of citizens:

- nearly nothing between midnight and six (glass makes noise, and many municipalities ask not to);
- a first rise on the way to work and shopping, a plateau over noon, the highest hours at 17 and 18;
- Saturday strongest, Monday above the mean because the bottles of Sunday leave the house then, Sunday morning lively.

What it is good for: load that is not flat, so that caps, rollups by hour, emptyings and charts have something to show.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# Share of a day's deposits in each local hour, in per mille.
_HOURS = (4, 2, 1, 1, 2, 6, 15, 35, 50, 62, 68, 66, 60, 52, 55, 62, 75, 92, 96, 74, 52, 36, 22, 12)
# Monday to Sunday, relative to a mean day.
_WEEKDAYS = (1.05, 0.90, 0.95, 0.90, 1.00, 1.25, 0.95)


def deposits_per_hour(moment: datetime, *, mean_per_day: float) -> float:
    """Return the rate at a local moment, in deposits per hour.

    Args:
        moment: Aware, in the time zone of the place.
        mean_per_day: The mean over a week.
    """
    weekday = _WEEKDAYS[moment.weekday()] * 7 / sum(_WEEKDAYS)
    return mean_per_day * weekday * _HOURS[moment.hour] / sum(_HOURS)


def arrival_times(
    started_at: datetime, *, mean_per_day: float, rng: random.Random, time_zone: str = "Europe/Paris"
) -> Iterator[timedelta]:
    """Yield without end the moments of deposits as the time since ``started_at``, ascending.

    A Poisson process whose rate is constant within an hour: random, but the same for the same generator and start.

    Args:
        started_at: Where in the week the rhythm begins, aware.
        mean_per_day: Deposits per day of everything this iterator stands for, above 0.
        rng: The only source of chance.
        time_zone: Whose hours and weekdays count.
    """
    zone = ZoneInfo(time_zone)
    elapsed = timedelta(0)
    to_wait = rng.expovariate(1.0)  # in units of expected deposits
    while True:
        local = (started_at + elapsed).astimezone(zone)
        hour_left = timedelta(hours=1) - timedelta(
            minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        rate = deposits_per_hour(local, mean_per_day=mean_per_day)
        expected = rate * (hour_left / timedelta(hours=1))
        if to_wait > expected:
            to_wait -= expected
            elapsed += hour_left
            continue
        elapsed += timedelta(hours=to_wait / rate)
        yield elapsed
        to_wait = rng.expovariate(1.0)


def steady_times(rate_per_s: float) -> Iterator[timedelta]:
    """Yield without end the moments of deposits at a steady rate, the first after one interval."""
    number = 0
    while True:
        number += 1
        yield timedelta(seconds=number / rate_per_s)
