"""Which bins stood where, which of them reported, and which are missing: without it a hole looks like a fall.

A bin stands at a site on the days it stood there from midnight to midnight. It reports in a step when it had a
deposit, or was heard; what it reports counts also on the day it was moved. It is missing in a step where it gave no
sign, or was silent for days on end (``rewards/statistics/silences.py``). Bins in state test are in no figure; a revoked
one stands until it was last heard. Years are looked at by months, so that no silent month hides in them.

Of the days a bin stood in a step, which are told beside those of the step, the day of a move is one where it was
brought to. A bin that did not stand there on all of them makes the step unlike others, however well it reported.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.statistics.figures.questions import IS_THERE, Question, unit_of
from rewards.statistics.figures.steps import GRAIN_OF, Step, list_steps
from rewards.statistics.figures.sums import begins_of, rolled_by
from rewards.statistics.silences import list_silences

Key = tuple[int | None, str | None]
"""(number of the step, place); of nothing but None for the whole."""

BINS_NAMED_MAX = 200
GRAINS = Columns(
    grain_no="integer",
    step_no="integer",
    grain_begins="date",
    grain_first="date",
    grain_last="date",
    step_days="integer",
)
SILENCES = Columns(silent_bin_id="text", silent_site_id="uuid", silent_from="date", silent_to="date")
# Materialized: else the look into bin_days is repeated in each of the windows over it.
STOOD = """
    WITH grains AS (SELECT * FROM {grains}),
    stays AS (
        SELECT p.bin_id, p.site_id, s.insee_code,
               CAST((p.placed_at + interval '1 day' - interval '1 microsecond') AT TIME ZONE :timezone AS date)
                   AS first_day,
               CAST(p.placed_at AT TIME ZONE :timezone AS date) AS brought_on,
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
               min(GREATEST(y.first_day, g.grain_first)) AS first_day, max(LEAST(y.last_day, g.grain_last)) AS last_day,
               min(GREATEST(y.brought_on, g.grain_first)) AS brought_on,
               CAST(sum(LEAST(y.last_day, g.grain_last) - GREATEST(y.brought_on, g.grain_first) + 1) AS integer) AS days
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
    silent AS (
        SELECT DISTINCT g.grain_no, h.silent_site_id AS site_id, h.silent_bin_id AS bin_id
          FROM {silences} JOIN grains g ON h.silent_from <= g.grain_last AND h.silent_to >= g.grain_first),
    stood AS MATERIALIZED (
        SELECT CAST(:authority_id AS integer) AS authority_id, grain_no, step_no, insee_code, site_id, bin_id,
               coalesce(t.days, 0) AS days, t.brought_on, t.last_day, q.bin_id IS NOT NULL AS is_silent,
               r.bin_id IS NOT NULL
               OR EXISTS (SELECT FROM bin_days h
                           WHERE h.authority_id = :authority_id AND h.bin_id = t.bin_id
                             AND h.day BETWEEN t.first_day AND t.last_day) AS is_reporting
          FROM standing t FULL JOIN reported r USING (grain_no, step_no, insee_code, site_id, bin_id)
          LEFT JOIN silent q USING (grain_no, site_id, bin_id)),
    of_steps AS (SELECT step_no, max(step_days) AS step_days FROM grains GROUP BY step_no)
"""
# DISTINCT: a bin that was moved within a step counts once, wherever the places are added up. Where the day a bin was
# brought to a commune is not known (it reported, and stood there on no whole day), the commune is served all the time.
COUNT = """
    , placed AS (
        SELECT s.*, {unit} AS unit, f.step_days, coalesce(s.brought_on, g.grain_first) AS served_from,
               coalesce(s.last_day, LEAST(g.grain_last, CAST(:today AS date))) AS served_until
          FROM stood s JOIN of_steps f USING (step_no) JOIN grains g USING (grain_no)
         WHERE s.authority_id = :authority_id),
    sites_of AS (
        SELECT step_no, unit,
               md5(string_agg(site_id || ' ' || round(CAST(days AS numeric) / step_days, 1), ',' ORDER BY site_id))
                   AS standing
          FROM (SELECT step_no, unit, site_id, sum(days) AS days,
                       CASE GROUPING(step_no) WHEN 0 THEN max(step_days) ELSE :days END AS step_days
                  FROM placed GROUP BY GROUPING SETS ((step_no, unit, site_id), (site_id))) AS each_site
         GROUP BY step_no, unit),
    counted AS (
        SELECT s.step_no, s.unit, count(DISTINCT s.bin_id) AS bins,
               count(DISTINCT s.bin_id) FILTER (WHERE s.is_reporting) AS bins_reporting,
               count(DISTINCT s.bin_id) FILTER (WHERE s.is_silent OR NOT s.is_reporting) AS bins_missing,
               count(DISTINCT s.bin_id) FILTER (WHERE s.step_days - s.bin_days > 1) AS bins_in_between,
               count(DISTINCT s.bin_id) FILTER (WHERE :days - s.bin_days_in_all > 1) AS bins_in_between_in_all,
               count(DISTINCT s.site_id) FILTER (WHERE NOT s.site_reports) AS sites_missing,
               array_agg(DISTINCT s.insee_code) AS communes,
               array_agg(DISTINCT s.insee_code || ' ' || s.days_served) AS days_served,
               array_agg(DISTINCT s.insee_code || ' ' || s.days_served_in_all) AS days_served_in_all,
               array_agg(DISTINCT s.insee_code) FILTER (WHERE NOT s.commune_reports) AS communes_missing,
               array_agg(DISTINCT s.grain_no) FILTER (WHERE NOT s.unit_reports) AS silent_grains
          FROM (SELECT s.*,
                       sum(s.days) OVER (PARTITION BY s.step_no, s.unit, s.bin_id) AS bin_days,
                       sum(s.days) OVER (PARTITION BY s.bin_id) AS bin_days_in_all,
                       max(s.served_until) OVER in_step - min(s.served_from) OVER in_step + 1 AS days_served,
                       max(s.served_until) OVER in_all - min(s.served_from) OVER in_all + 1 AS days_served_in_all,
                       bool_or(s.is_reporting) OVER (PARTITION BY s.grain_no, s.insee_code) AS commune_reports,
                       bool_or(s.is_reporting) OVER (PARTITION BY s.grain_no, s.site_id) AS site_reports,
                       bool_or(s.is_reporting) OVER (PARTITION BY s.grain_no, s.unit) AS unit_reports
                  FROM placed s
                WINDOW in_step AS (PARTITION BY s.step_no, s.insee_code), in_all AS (PARTITION BY s.insee_code)) AS s
         GROUP BY GROUPING SETS ((s.step_no, s.unit), ()))
    SELECT c.*, t.standing
      FROM counted c
      LEFT JOIN sites_of t ON coalesce(t.step_no, -1) = coalesce(c.step_no, -1)
                          AND coalesce(t.unit, '') = coalesce(c.unit, '')
"""
NAME_MISSING = """
    SELECT s.bin_id, n.reference AS site, s.insee_code, array_agg(DISTINCT s.grain_no) AS grains
      FROM stood s JOIN sites n ON n.authority_id = s.authority_id AND n.site_id = s.site_id
     WHERE s.authority_id = :authority_id AND (s.is_silent OR NOT s.is_reporting)
     GROUP BY s.bin_id, n.reference, s.insee_code
     ORDER BY s.bin_id, n.reference LIMIT :bins_named_max
"""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Bins that stood in a place in a step, those of them that reported, and what is missing.

    ``bins_missing`` were silent in some part of the step, ``bins_in_between`` did not stand there on all of its days;
    ``days_served`` are those from the first to the last of a bin in each commune, and ``standing`` is the same where
    as many bins stood at the same sites for the same share of the days. ``communes_missing`` and ``sites_missing`` had
    bins and none of them reported; ``silent_steps`` are days, weeks or months in which nothing came from the place.
    """

    bins: int = 0
    bins_reporting: int = 0
    bins_missing: int = 0
    sites_missing: int = 0
    communes: tuple[str, ...] = ()
    communes_missing: tuple[str, ...] = ()
    silent_steps: tuple[str, ...] = ()
    bins_in_between: int = 0
    days_served: Mapping[str, int] = field(default_factory=dict)
    standing: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every bin stood there and reported all the time; without a bin there is nothing."""
        return self.bins > 0 and self.bins_missing == 0 and self.bins_in_between == 0


NOBODY = Coverage()


@dataclass(frozen=True, slots=True)
class MissingBin:
    """A bin that stood at a site and was silent in some steps."""

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
    period = question.period
    asked: dict[str, Any] = {"authority_id": authority_id, "today": today, "timezone": timezone.key}
    silences = list_silences(connection, period.first_day, period.last_day, **asked, bin_id=question.bin_id)
    values: dict[str, Any] = {
        **asked,
        "first_day": period.first_day,
        "last_day": period.last_day,
        "days": sum(grain.days for grain in grains),
        "bins_named_max": BINS_NAMED_MAX,
        **question.filters,
        **GRAINS.bind(
            grain_no=[grain.no for grain in grains],
            step_no=[step_of(grain, steps) for grain in grains],
            grain_begins=[grain.begins for grain in grains],
            grain_first=[grain.first_day for grain in grains],
            grain_last=[grain.last_day for grain in grains],
            step_days=[steps[step_of(grain, steps)].days for grain in grains],
        ),
        **SILENCES.bind(
            silent_bin_id=[each.bin_id for each in silences],
            silent_site_id=[each.site_id for each in silences],
            silent_from=[each.first_day for each in silences],
            silent_to=[each.last_day for each in silences],
        ),
    }
    stood = STOOD.format(
        grains=GRAINS.unnest("g"),
        silences=SILENCES.unnest("h"),
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
    """Return what a row says; that of the whole is of no step."""
    is_in_all = row.step_no is None
    served = (row.days_served_in_all if is_in_all else row.days_served) or ()
    return Coverage(
        bins=row.bins,
        bins_reporting=row.bins_reporting,
        bins_missing=row.bins_missing,
        sites_missing=row.sites_missing,
        communes=tuple(row.communes or ()),
        communes_missing=tuple(row.communes_missing or ()),
        silent_steps=tuple(grains[no].name for no in row.silent_grains or ()),
        bins_in_between=row.bins_in_between_in_all if is_in_all else row.bins_in_between,
        days_served={insee_code: int(days) for insee_code, days in (each.split() for each in served)},
        standing=row.standing,
    )
