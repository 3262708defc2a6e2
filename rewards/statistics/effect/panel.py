"""What an effect is measured on: the mass of one material by site and month, and since when each site is equipped."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Source = Literal["weighed", "tonnages", "counted"]
"""Emptyings weighed, tonnages the authority entered for its sites, what bins counted. Never two in one panel."""


@dataclass(frozen=True, slots=True)
class SiteMonth:
    """What a site took in a month, and on how many of its days anything is known of it.

    A month nothing is known of is absent; ``mass_g`` 0 says that it was known and nothing came.
    """

    mass_g: int
    days: int


@dataclass(frozen=True, slots=True)
class PanelSite:
    """A site, by first days of months. ``equipped_on``: its first day in the scheme; None: a control, never in it."""

    site: str
    equipped_on: datetime.date | None
    months: Mapping[datetime.date, SiteMonth]


@dataclass(frozen=True, slots=True)
class Panel:
    """The sites compared. Without a control the last to be equipped are compared with, up to when they are."""

    material: str
    source: Source
    sites: tuple[PanelSite, ...]

    @property
    def months(self) -> list[datetime.date]:
        """List every month from the first to the last anything is known of, gaps too."""
        known = [month for site in self.sites for month in site.months]
        if not known:
            return []
        months, last = [min(known)], max(known)
        while months[-1] < last:
            months.append(month_behind(months[-1]))
        return months


def month_of(day: datetime.date) -> datetime.date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def month_behind(month: datetime.date) -> datetime.date:
    """Return the first day of the month behind the one that begins on ``month``."""
    return (month + datetime.timedelta(days=31)).replace(day=1)


def lacks_outright(panel: Panel) -> Literal["nothing_recorded", "no_equipped_site", "no_control"] | None:
    """Return the code of what is lacking at first sight, before anything is reckoned; None: nothing is."""
    known = [site for site in panel.sites if site.months]
    if not known:
        return "nothing_recorded"
    starts = {month_of(site.equipped_on) for site in known if site.equipped_on is not None}
    if not starts:
        return "no_equipped_site"
    return "no_control" if len(starts) == 1 and all(site.equipped_on for site in known) else None
