"""Which bins stood where, which of them reported, and which are missing: without it a hole looks like a fall.

A bin stands at a site on the days it stood there from midnight to midnight. It reports in a step when it had a deposit,
or was heard; what it reports counts also on the day it was moved. Bins in state test are in no figure; a revoked one
stands until it was last heard. Years are looked at by months, so that no silent month hides in them.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.statistics.figures.questions import IS_THERE, Question, unit_of
from rewards.statistics.figures.steps import GRAIN_OF, Step, list_steps
from rewards.statistics.figures.sums import begins_of, rolled_by

Key = tuple[int | None, str | None]
"""(number of the step, place); of nothing but None for the whole."""

BINS_NAMED_MAX = 200
GRAINS = Columns(grain_no="integer", step_no="integer", grain_begins="date", grain_first="date", grain_last="date")
# Materialized: else the look into bin_days is repeated in each of the windows over it.
STOOD = """
    WITH grains AS (SELECT * FROM {grains}),
    stays AS (
        SELECT p.bin_id, p.site_id, s.insee_code,
               CAST((p.placed_at + interval '1 day' - interval '1 microsecond') AT TIME ZONE :timezone AS date)
                   AS first_day,
               LEAST(CAST(p.removed_at AT TIME ZONE :timezone AS date) - 1,
                     CASE b.state WHEN 'revoked'
                          THEN coalesce(CAST(r.last_heard_at AT TIME ZONE :timezone AS date), '-infinity') END,
                     CAST(:today AS date)) AS last_day
          FROM placements p
          JOIN bins b ON b.authority_id = p.authority_id AND b.bin_id = p.bin_id
          JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
          LEFT JOIN bin_reports r ON r.authority_id = p.authority_id AND r.bin_id = p.bin_id
         WHERE p.authority_id = :authority_id AND b.state <> 'test'
           AND (CAST(:bin_id AS text) IS NULL OR p.bin_id = :bin_id) {is_there}),
    standing AS (
        SELECT g.grain_no, g.step_no, y.insee_code, y.site_id, y.bin_id,
               min(GREATEST(y.first_day, g.grain_first)) AS first_day, max(LEAST(y.last_day, g.grain_last)) AS last_day
          FROM grains g JOIN stays y ON y.first_day <= g.grain_last AND y.last_day >= g.grain_first
         WHERE y.first_day <= y.last_day
         GROUP BY 1, 2, 3, 4, 5),
    reported AS (
        SELECT DISTINCT g.grain_no, g.step_no, d.insee_code, d.site_id, d.bin_id
          FROM (SELECT s.insee_code, d.site_id, d.bin_id, {begins} AS begins
                  FROM {rolled} AS d
                  JOIN sites s ON s.authority_id = :authority_id AND s.site_id = d.site_id
                 WHERE (CAST(:bin_id AS text) IS NULL OR d.bin_id = :bin_id) {is_there}) AS d
          JOIN grains g ON g.grain_begins = d.begins),
    stood AS MATERIALIZED (
        SELECT CAST(:authority_id AS integer) AS authority_id, grain_no, step_no, insee_code, site_id, bin_id,
               r.bin_id IS NOT NULL
               OR EXISTS (SELECT FROM bin_days h
                           WHERE h.authority_id = :authority_id AND h.bin_id = t.bin_id
                             AND h.day BETWEEN t.first_day AND t.last_day) AS is_reporting
          FROM standing t FULL JOIN reported r USING (grain_no, step_no, insee_code, site_id, bin_id))
"""
# DISTINCT: a bin that was moved within a step counts once, wherever the places are added up.
COUNT = """
    SELECT s.step_no, s.unit, count(DISTINCT s.bin_id) AS bins,
           count(DISTINCT s.bin_id) FILTER (WHERE s.is_reporting) AS bins_reporting,
           count(DISTINCT s.bin_id) FILTER (WHERE NOT s.is_reporting) AS bins_missing,
           count(DISTINCT s.site_id) FILTER (WHERE NOT s.site_reports) AS sites_missing,
           array_agg(DISTINCT s.insee_code) AS communes,
           array_agg(DISTINCT s.insee_code) FILTER (WHERE NOT s.commune_reports) AS communes_missing,
           array_agg(DISTINCT s.grain_no) FILTER (WHERE NOT s.unit_reports) AS silent_grains
      FROM (SELECT s.*, {unit} AS unit,
                   bool_or(s.is_reporting) OVER (PARTITION BY s.grain_no, s.insee_code) AS commune_reports,
                   bool_or(s.is_reporting) OVER (PARTITION BY s.grain_no, s.site_id) AS site_reports,
                   bool_or(s.is_reporting) OVER (PARTITION BY s.grain_no, {unit}) AS unit_reports
              FROM stood s WHERE s.authority_id = :authority_id) AS s
     GROUP BY GROUPING SETS ((s.step_no, s.unit), ())
"""
NAME_MISSING = """
    SELECT s.bin_id, n.reference AS site, s.insee_code, array_agg(DISTINCT s.grain_no) AS grains
      FROM stood s JOIN sites n ON n.authority_id = s.authority_id AND n.site_id = s.site_id
     WHERE s.authority_id = :authority_id AND NOT s.is_reporting
     GROUP BY s.bin_id, n.reference, s.insee_code
     ORDER BY s.bin_id, n.reference LIMIT :bins_named_max
"""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Bins that stood in a place in a step, those of them that reported, and what is missing.

    ``bins_missing`` were silent in some part of the step; ``communes_missing`` and ``sites_missing`` had bins and none
    of them reported; ``silent_steps`` are days, weeks or months in which nothing came from the place.
    """

    bins: int = 0
    bins_reporting: int = 0
    bins_missing: int = 0
    sites_missing: int = 0
    communes: tuple[str, ...] = ()
    communes_missing: tuple[str, ...] = ()
    silent_steps: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every bin that stood there reported in every part of the step; without a bin there is nothing."""
        return self.bins > 0 and self.bins_missing == 0


NOBODY = Coverage()


@dataclass(frozen=True, slots=True)
class MissingBin:
    """A bin that stood at a site and did not report in some steps."""

    bin_id: str
    site: str
    insee_code: str
    steps: tuple[str, ...]


def get_coverage(
    connection: Connection,
    question: Question,
    steps: Sequence[Step],
    *,
    authority_id: int,
    timezone: ZoneInfo,
    today: datetime.date,
) -> tuple[Mapping[Key, Coverage], list[MissingBin]]:
    """Return the coverage by step and place and of the whole, and the bins missing by id (``BINS_NAMED_MAX`` of them).

    Materials do not matter: a bin that speaks of glass only has reported no paper.
    """
    grains = list_steps(question.period, GRAIN_OF[question.granularity], today=today)
    values: dict[str, Any] = {
        "authority_id": authority_id,
        "timezone": timezone.key,
        "today": today,
        "first_day": question.period.first_day,
        "last_day": question.period.last_day,
        "bins_named_max": BINS_NAMED_MAX,
        **question.filters,
        **GRAINS.bind(
            grain_no=[grain.no for grain in grains],
            step_no=[step_of(grain, steps) for grain in grains],
            grain_begins=[grain.begins for grain in grains],
            grain_first=[grain.first_day for grain in grains],
            grain_last=[grain.last_day for grain in grains],
        ),
    }
    stood = STOOD.format(
        grains=GRAINS.unnest("g"),
        begins=begins_of(GRAIN_OF[question.granularity], "d.day"),
        rolled=rolled_by(question.granularity),
        is_there=IS_THERE,
    )
    counted = connection.execute(text(stood + COUNT.format(unit=unit_of(question.level, "s"))), values)
    found = {(row.step_no, row.unit): read_coverage(row, grains) for row in counted}
    missing = [
        MissingBin(row.bin_id, row.site, row.insee_code, tuple(grains[no].name for no in row.grains))
        for row in connection.execute(text(stood + NAME_MISSING), values)
    ]
    return found, missing


def step_of(grain: Step, steps: Sequence[Step]) -> int:
    """Return the number of the step a grain lies in."""
    return next(step.no for step in steps if step.first_day <= grain.first_day <= step.last_day)


def read_coverage(row: Any, grains: Sequence[Step]) -> Coverage:
    """Return what a row says."""
    silent = tuple(grains[no].name for no in row.silent_grains or ())
    communes = tuple(row.communes or ()), tuple(row.communes_missing or ())
    return Coverage(row.bins, row.bins_reporting, row.bins_missing, row.sites_missing, *communes, silent)
