"""How many households the simulated bins serve: derived, since no count by column is published."""

import datetime
from collections import Counter

from sqlalchemy import Connection

from bontri.demo.history.rollout import Rollout
from bontri.demo.places import POPULATION_YEAR, list_columns, list_communes
from bontri.demo.seed import AUTHORITY_ID
from rewards.statistics.participation.served import set_served

PERSONS_A_HOUSEHOLD = 2.3
"""An assumption (docs/figures.md)."""
SOURCE = f"INSEE {POPULATION_YEAR} / {PERSONS_A_HOUSEHOLD} · simulation"
"""Derived: inhabitants / a household, the same for each column with or without a bin (docs/figures.md)."""


def say_households(connection: Connection, rollout: Rollout) -> None:
    """Say for each year of a history how many households its bins served when it ended, by commune."""
    a_bin = households_a_column()
    span = rollout.span
    for year in range(span.first.year, span.last.year + 1):
        day = min(datetime.date(year, 12, 31), span.last)
        for insee_code, bins in Counter(stay.insee_code for stay in rollout.stays if stay.is_on(day)).items():
            set_served(
                connection,
                authority_id=AUTHORITY_ID,
                insee_code=insee_code,
                year=year,
                households=round(bins * a_bin),
                source=SOURCE,
            )


def households_a_column() -> float:
    """Return how many households share a column of the territory, in the mean.

    Of the territory and not of a commune: one that is collected at the door has hardly any column.
    """
    inhabitants = sum(place.population for place in list_communes())
    return inhabitants / PERSONS_A_HOUSEHOLD / len(list_columns())
