"""Which sites are to be compared with which, over which time: what is asked of an authority's data, and is refused."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.errors import OperatorRefusedError
from rewards.statistics.effect.panel import Source
from rewards.statistics.periods import PeriodReversedError, PeriodToComeError
from rewards.statistics.unit_masses import MaterialUnknownError

SITES = text("""
    SELECT s.site_id, s.reference, s.insee_code,
           CAST(min(p.placed_at) FILTER (WHERE b.state <> 'test') AT TIME ZONE :timezone AS date) AS first_bin_on
      FROM sites s
      LEFT JOIN placements p ON p.authority_id = s.authority_id AND p.site_id = s.site_id AND p.placed_at <= :now
      LEFT JOIN bins b ON b.authority_id = p.authority_id AND b.bin_id = p.bin_id
     WHERE s.authority_id = :authority_id
     GROUP BY s.site_id, s.reference, s.insee_code
     ORDER BY s.reference
""")
HAS_MATERIAL = text("SELECT 1 FROM materials WHERE authority_id = :authority_id AND material = :material")


class SiteReferenceUnknownError(OperatorRefusedError):
    """A site or commune that was named is not the authority's."""

    code = "site_reference_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is neither the reference of a site nor the INSEE code of a commune with sites")
        self.name = name


class SiteOnBothSidesError(OperatorRefusedError):
    """A site is named as equipped and as control."""

    code = "site_on_both_sides"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"site {reference} is equipped and named as control: leave it out, or name the day the scheme began"
        )


class StartOutsidePeriodError(OperatorRefusedError):
    """The sites are said to be equipped from a day outside the period looked at, or still to come."""

    code = "start_outside_period"

    def __init__(self, start: datetime.date) -> None:
        super().__init__(f"{start} is not within the period: name a day with months before and after it")


@dataclass(frozen=True, slots=True)
class EffectAsked:
    """What to compare. Names are references of sites or INSEE codes of communes, which mean all their sites.

    ``equipped`` None: all sites that have, or had, a bin, but the controls named. ``control`` None: sites not yet
    equipped, those that are later too. ``equipped_from`` None: each since its first bin was placed. ``first_day`` None:
    from whenever anything is known. ``source`` None: as :func:`rewards.statistics.effect.reading.read_panel` says.
    """

    material: str
    last_day: datetime.date
    first_day: datetime.date | None = None
    equipped_from: datetime.date | None = None
    equipped: Sequence[str] | None = None
    control: Sequence[str] | None = None
    source: Source | None = None

    def require_sound(self, today: datetime.date) -> None:
        """Raise where the days make no sense.

        Raises:
            PeriodReversedError, PeriodToComeError, StartOutsidePeriodError: as they say.
        """
        if self.first_day is not None and self.first_day > self.last_day:
            raise PeriodReversedError
        if self.last_day > today or (self.first_day is not None and self.first_day > today):
            raise PeriodToComeError
        start = self.equipped_from
        if start is not None and (start > self.last_day or (self.first_day is not None and start <= self.first_day)):
            raise StartOutsidePeriodError(start)


@dataclass(frozen=True, slots=True)
class ChosenSite:
    """A site on one of the two sides; ``equipped_on`` None is a control."""

    site_id: UUID
    reference: str
    insee_code: str
    first_bin_on: datetime.date | None
    equipped_on: datetime.date | None = None


def choose_sites(
    connection: Connection, asked: EffectAsked, *, authority_id: int, timezone: ZoneInfo, now: datetime.datetime
) -> list[ChosenSite]:
    """Return the sites asked for by reference, each with the day it is equipped from.

    Raises:
        PeriodReversedError, PeriodToComeError, StartOutsidePeriodError: the days make no sense.
        MaterialUnknownError, SiteReferenceUnknownError, SiteOnBothSidesError: what was named does not fit.
    """
    asked.require_sound(now.astimezone(timezone).date())
    values = {"authority_id": authority_id, "timezone": timezone.key, "now": now, "material": asked.material}
    if connection.scalar(HAS_MATERIAL, values) is None:
        raise MaterialUnknownError(asked.material)
    sites = [ChosenSite(*row) for row in connection.execute(SITES, values)]
    equipped = name_sites(sites, asked.equipped) if asked.equipped is not None else None
    control = name_sites(sites, asked.control) if asked.control is not None else None
    if equipped is not None and control is not None and (both := sorted(equipped & control)):
        raise SiteOnBothSidesError(both[0])
    chosen = []
    for site in sites:
        start = asked.equipped_from or site.first_bin_on
        is_control = control is not None and site.reference in control
        if is_control and asked.equipped_from is None and has_begun(start, asked):
            raise SiteOnBothSidesError(site.reference)
        is_equipped = site.reference in equipped if equipped is not None else start is not None and not is_control
        if is_equipped and has_begun(start, asked):
            chosen.append(replace(site, equipped_on=start))
        elif is_control or is_equipped or (control is None and is_free(site, asked)):
            chosen.append(site)
    return chosen


def has_begun(start: datetime.date | None, asked: EffectAsked) -> bool:
    """Tell whether a site is equipped within the time looked at; one that is only later is not yet equipped."""
    return start is not None and start <= asked.last_day


def is_free(site: ChosenSite, asked: EffectAsked) -> bool:
    """Tell whether a site that nobody named is not equipped; by their bins, where no day was named."""
    return asked.equipped_from is not None or not has_begun(site.first_bin_on, asked)


def name_sites(sites: Sequence[ChosenSite], names: Sequence[str]) -> set[str]:
    """Return the references meant by references and INSEE codes.

    Raises:
        SiteReferenceUnknownError: by one of them none.
    """
    references = {site.reference for site in sites}
    by_commune: dict[str, set[str]] = {}
    for site in sites:
        by_commune.setdefault(site.insee_code, set()).add(site.reference)
    found: set[str] = set()
    for name in names:
        meant = {name} if name in references else by_commune.get(name)
        if meant is None:
            raise SiteReferenceUnknownError(name)
        found |= meant
    return found
