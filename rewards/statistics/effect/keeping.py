"""The newest verdict on everything that is known, kept for whoever must not wait for a measurement."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

KEEP = text("""
    INSERT INTO effect_verdicts (authority_id, material, last_day, verdict, measured_at)
    VALUES (:authority_id, :material, :last_day, CAST(:verdict AS jsonb), :now)
    ON CONFLICT (authority_id, material) DO UPDATE
       SET last_day = excluded.last_day, verdict = excluded.verdict, measured_at = excluded.measured_at
     WHERE effect_verdicts.measured_at <= excluded.measured_at
""")
FIND = text("""
    SELECT material, last_day, verdict, measured_at FROM effect_verdicts
     WHERE authority_id = :authority_id AND material = :material
""")


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """What :func:`rewards.statistics.effect.showing.show_verdict` said of all that was known until ``last_day``."""

    material: str
    last_day: datetime.date
    verdict: Mapping[str, Any]
    measured_at: datetime.datetime


def keep_verdict(
    connection: Connection,
    material: str,
    verdict: Mapping[str, Any],
    *,
    authority_id: int,
    last_day: datetime.date,
    now: datetime.datetime,
) -> None:
    """Keep a verdict in the place of an older one."""
    values = {"authority_id": authority_id, "material": material, "last_day": last_day, "now": now}
    connection.execute(KEEP, {**values, "verdict": json.dumps(verdict)})


def find_kept_verdict(connection: Connection, material: str, *, authority_id: int) -> KeptVerdict | None:
    """Find the newest verdict on a material; None before the job has measured it."""
    row = connection.execute(FIND, {"authority_id": authority_id, "material": material}).one_or_none()
    return None if row is None else KeptVerdict(*row)
