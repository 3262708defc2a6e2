"""What the lorries of the simulated authority weigh, with bins or without: by column and by commune, for two years.

The year before the history is simulated by the month, from the same assumptions; so is what columns without a bin take.
Where there is a bin it is what really fell in. That is what the built-in effect can be measured on.
"""

import datetime
import random
from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection

from bontri.demo.history.rollout import Rollout
from bontri.demo.history.year import MATERIAL, Year, daily_kg
from bontri.demo.places import list_columns, list_communes
from bontri.demo.seed import AUTHORITY_ID
from rewards.statistics.imports import ImportRow
from rewards.statistics.tonnages.collected import Share, set_share
from rewards.statistics.tonnages.importing import store_tonnages
from rewards.territory import find_sites

SOURCE = "simulated (docs/statistics.md)"
SPREAD_OF_MONTHS = 0.07
RESIDUAL_KG_PER_INHABITANT = 303
"""A year, in the département: SINOE 2017."""
GLASS_IN_RESIDUAL = Share(50, 2017, SOURCE)
YEAR_DAYS = 365.25

Month = datetime.date
"""The first of it."""


def store_history_tonnages(connection: Connection, rollout: Rollout, year: Year, *, now: datetime.datetime) -> int:
    """Store the tonnages of all whole months, as an import does; return how many there are."""
    months = list_months(rollout)
    collected = weigh_columns(rollout, year, months)
    site_ids = find_sites(connection, list(rollout.kg_per_year), authority_id=AUTHORITY_ID)
    communes = {each.reference: each.insee_code for each in list_columns()}
    by_commune: defaultdict[tuple[str, Month], int] = defaultdict(int)
    rows = []
    for (site, month), mass_g in collected.items():
        by_commune[communes[site], month] += mass_g
        rows.append(row_of("site", str(site_ids[site]), MATERIAL, month, mass_g))
    for (insee_code, month), mass_g in by_commune.items():
        rows.append(row_of("commune", insee_code, MATERIAL, month, mass_g))
    rng = random.Random(f"residual {rollout.seed}")  # noqa: S311 (must be repeatable)
    for place in list_communes():
        for month in months:
            share = (last_of(month) - month).days + 1
            kg = place.population * RESIDUAL_KG_PER_INHABITANT * share / YEAR_DAYS * rng.gauss(1, 0.02)
            rows.append(row_of("commune", place.insee_code, "residual", month, round(kg) * 1000))
    store_tonnages(connection, rows, authority_id=AUTHORITY_ID, source=SOURCE, now=now)
    set_share(connection, MATERIAL, GLASS_IN_RESIDUAL, authority_id=AUTHORITY_ID)
    return len(rows)


def list_months(rollout: Rollout) -> list[Month]:
    """List the whole months until the history ends, from as long before it as it is long itself."""
    month = (rollout.span.first - datetime.timedelta(days=rollout.days)).replace(day=1)
    months = []
    while last_of(month) <= rollout.span.last:
        months.append(month)
        month = last_of(month) + datetime.timedelta(days=1)
    return months


def last_of(month: Month) -> datetime.date:
    """Return the last day of a month."""
    return (month + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)


def weigh_columns(rollout: Rollout, year: Year, months: list[Month]) -> Mapping[tuple[str, Month], int]:
    """Return the grams of each column and month: what fell in where a bin stood, what was to be expected elsewhere."""
    rng = random.Random(f"tonnages {rollout.seed}")  # noqa: S311 (must be repeatable)
    # A column takes its share of what a column of one kilogram a year does: reckoned once for all of them.
    unit_kg = {day: daily_kg(1.0, day, rollout.span.last) for month in months for day in days_from(month)}
    whole_kg = {month: sum(unit_kg[day] for day in days_from(month)) for month in months}
    stays = defaultdict(list)
    for stay in rollout.stays:
        stays[stay.site].append(stay)
    weighed = {}
    for site, kg_per_year in rollout.kg_per_year.items():
        for month in months:
            noise = rng.lognormvariate(-(SPREAD_OF_MONTHS**2) / 2, SPREAD_OF_MONTHS)
            unseen_kg = whole_kg[month]
            if site in stays:
                unseen_kg = sum(
                    unit_kg[day] for day in days_from(month) if not any(stay.is_on(day) for stay in stays[site])
                )
            mass_g = year.dropped_g.get((site, month), 0) + kg_per_year * unseen_kg * noise * 1000
            weighed[site, month] = round(mass_g / 1000) * 1000
    return weighed


def days_from(month: Month) -> list[datetime.date]:
    """List the days of a month."""
    return [month + datetime.timedelta(days=number) for number in range((last_of(month) - month).days + 1)]


def row_of(level: str, place: str, stream: str, month: Month, mass_g: int) -> ImportRow:
    """Return a tonnage as an import has it."""
    key = (level, place, stream, month, last_of(month))
    return ImportRow(0, f"{stream} of {place}, {month}", key, {"mass_g": mass_g})
