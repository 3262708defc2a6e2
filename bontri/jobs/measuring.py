"""The job that measures the effect of the scheme, so that nobody who opens the overview waits for it."""

import datetime
from typing import Any

from sqlalchemy import Engine

from ingest.worker import utc_now
from rewards.statistics.effect.apart import measure_apart
from rewards.statistics.effect.asking import EffectAsked, choose_sites
from rewards.statistics.effect.keeping import keep_verdict
from rewards.statistics.effect.reading import read_panel
from rewards.territory import get_timezone, list_materials


def measure_effects_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Measure the effect of each material on all that was known until yesterday, and keep the verdicts.

    Nothing is held while a process of its own measures. One that takes too long is left for the next turn.
    """
    of: dict[str, Any] = {"authority_id": authority_id}
    now = utc_now()
    with engine.connect() as connection:
        timezone = get_timezone(connection, **of)
        materials = [each.material for each in list_materials(connection, **of)]
    last_day = now.astimezone(timezone).date() - datetime.timedelta(days=1)
    measured = late = 0
    for material in materials:
        asked = EffectAsked(material, last_day)
        with engine.connect() as connection:
            chosen = choose_sites(connection, asked, **of, timezone=timezone, now=now)
            panel = read_panel(connection, asked, chosen, **of, timezone=timezone)
        try:
            verdict = measure_apart(panel)
        except TimeoutError:
            late += 1
            continue
        with engine.begin() as connection:
            keep_verdict(connection, material, verdict, **of, last_day=last_day, now=now)
        measured += 1
    return {"measured": measured, "late": late}
