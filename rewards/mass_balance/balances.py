"""The mass balance: of each bin what was counted and weighed in a period, and how far its newest rounds have drifted.

Rounds something speaks against (``reading.DOUBTS``) are counted as rounds and in no sum of grams. What is expected of a
round is its bin's calibration; where it has none, the median of the bins of its material, if there are five, since a
unit mass that is wrong is wrong for all; else the unit mass.
"""

import datetime
import decimal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, text

from rewards.mass_balance.arithmetic import (
    LEAST_FLEET,
    NEWEST_ROUNDS,
    Direction,
    Weighing,
    direction_of,
    drift_of,
)
from rewards.mass_balance.reading import CALIBRATIONS, ROUNDS
from rewards.statistics.periods import Period

Key = tuple[str, str]
"""(bin_id, material); a bin without rounds has the material ``""``."""

ExpectedBy = Literal["calibration", "fleet", "unit_mass"]

LIST = text(f"""
    WITH rounds AS MATERIALIZED (
        SELECT * FROM ({ROUNDS}) AS r WHERE r.ended_on BETWEEN :first_day AND :last_day),
    usable AS (
        SELECT r.*, row_number() OVER (PARTITION BY bin_id, material ORDER BY journal_no DESC, seq DESC) AS age
          FROM rounds r WHERE r.doubts = '{{}}'),
    fleet AS (
        SELECT material, percentile_disc(0.5) WITHIN GROUP (ORDER BY ratio) AS ratio
          FROM (SELECT bin_id, material,
                       percentile_disc(0.5) WITHIN GROUP (ORDER BY CAST(weighed_g AS float8) / counted_g) AS ratio
                  FROM usable WHERE counted_g > 0 GROUP BY bin_id, material) AS of_bins
         GROUP BY material HAVING count(*) >= {LEAST_FLEET}),
    summed AS (
        SELECT bin_id, material, count(*) AS rounds, sum(deposits) AS deposits,
               sum(anonymous_deposits) AS anonymous_deposits
          FROM rounds GROUP BY bin_id, material),
    weighed AS (
        SELECT bin_id, material, count(*) AS usable_rounds, sum(counted_g) AS counted_g, sum(weighed_g) AS weighed_g,
               jsonb_agg(jsonb_build_object('journal_no', journal_no, 'seq', seq, 'began_at', began_at,
                                            'ended_at', ended_at, 'deposits', deposits,
                                            'anonymous_deposits', anonymous_deposits, 'counted_g', counted_g,
                                            'weighed_g', weighed_g, 'factor', CAST(factor AS text)) ORDER BY age)
                   FILTER (WHERE age <= {NEWEST_ROUNDS}) AS newest
          FROM usable GROUP BY bin_id, material)
    SELECT b.bin_id, s.material, t.reference AS site, coalesce(s.rounds, 0) AS rounds,
           coalesce(w.usable_rounds, 0) AS usable_rounds, CAST(coalesce(s.deposits, 0) AS bigint) AS deposits,
           CAST(coalesce(s.anonymous_deposits, 0) AS bigint) AS anonymous_deposits,
           CAST(coalesce(w.counted_g, 0) AS bigint) AS counted_g, CAST(coalesce(w.weighed_g, 0) AS bigint) AS weighed_g,
           k.factor, k.valid_from AS calibrated_from, f.ratio AS fleet_ratio, coalesce(w.newest, '[]') AS newest,
           a.balance_over_percent AS over_percent, m.raised_at AS alarm_raised_at
      FROM bins b
      JOIN authorities a ON a.authority_id = b.authority_id
      LEFT JOIN summed s ON s.bin_id = b.bin_id
      LEFT JOIN weighed w ON w.bin_id = s.bin_id AND w.material = s.material
      LEFT JOIN fleet f ON f.material = s.material
      LEFT JOIN ({CALIBRATIONS}) AS k ON k.bin_id = s.bin_id AND k.material = s.material
                                     AND :last_day >= k.valid_from AND :last_day < k.valid_until
      LEFT JOIN placements p ON p.authority_id = b.authority_id AND p.bin_id = b.bin_id AND p.removed_at IS NULL
      LEFT JOIN sites t ON t.authority_id = p.authority_id AND t.site_id = p.site_id
      LEFT JOIN bin_alarms m ON m.authority_id = b.authority_id AND m.bin_id = b.bin_id
                            AND m.kind = 'mass_balance' AND m.ended_at IS NULL
     WHERE b.authority_id = :authority_id AND (s.rounds > 0 OR (b.state = 'live' AND EXISTS (
           SELECT FROM placements q
            WHERE q.authority_id = b.authority_id AND q.bin_id = b.bin_id
              AND CAST(q.placed_at AT TIME ZONE a.timezone AS date) <= :last_day
              AND (q.removed_at IS NULL OR CAST(q.removed_at AT TIME ZONE a.timezone AS date) >= :first_day))))
       AND (CAST(:bin_id AS text) IS NULL OR b.bin_id = :bin_id)
       AND (CAST(:insee_code AS text) IS NULL OR t.insee_code = :insee_code)
       AND (CAST(:site AS text) IS NULL OR t.reference = :site)
       AND (CAST(:material AS text) IS NULL OR s.material = :material)
       AND (CAST(:after_bin AS text) IS NULL OR (b.bin_id, coalesce(s.material, '')) > (:after_bin, :after_material))
     ORDER BY b.bin_id, coalesce(s.material, '') LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class NewestRound:
    """One of the newest rounds nothing speaks against, and what was expected of it: weighed over counted grams."""

    journal_no: int
    seq: int
    began_at: datetime.datetime
    ended_at: datetime.datetime
    deposits: int
    anonymous_deposits: int
    weighing: Weighing
    expected: float

    @property
    def drift(self) -> float:
        """How much more was weighed than expected: 1.0 is as expected."""
        return self.weighing.ratio / self.expected


@dataclass(frozen=True)
class BinBalance:
    """What a bin counted of a material and what was weighed; ``material`` is None where the period has no round.

    ``counted_g`` is before calibration. ``newest`` rounds, the newest first, are those the drift is come by.
    """

    bin_id: str
    material: str | None
    site: str | None
    rounds: int
    usable_rounds: int
    deposits: int
    anonymous_deposits: int
    counted_g: int
    weighed_g: int
    factor: decimal.Decimal | None
    calibrated_from: datetime.date | None
    expected_by: ExpectedBy
    newest: Sequence[NewestRound]
    over_percent: int
    alarm_raised_at: datetime.datetime | None

    @property
    def key(self) -> Key:
        """What balances are listed by."""
        return (self.bin_id, self.material or "")

    @property
    def ratio(self) -> float | None:
        """Weighed over counted grams of the rounds nothing speaks against; None without any, or nothing counted."""
        return self.weighed_g / self.counted_g if self.counted_g else None

    @property
    def anonymous_share(self) -> float | None:
        """The share of deposits that were credited to nobody; None without any."""
        return self.anonymous_deposits / self.deposits if self.deposits else None

    @cached_property
    def drift(self) -> float | None:
        """How much more is weighed than expected, by the median of the newest rounds; None with too few of them."""
        return drift_of([each.drift for each in self.newest])

    @property
    def direction(self) -> Direction | None:
        """Which side is too heavy by more than the authority allows; None while neither is."""
        return None if self.drift is None else direction_of(self.drift, over_percent=self.over_percent)


def list_balances(
    connection: Connection,
    period: Period,
    *,
    authority_id: int,
    material: str | None = None,
    insee_code: str | None = None,
    site: str | None = None,
    bin_id: str | None = None,
    after: Key | None = None,
    limit: int | None = None,
) -> list[BinBalance]:
    """List the balances of rounds that ended in a period, by bin and material, those behind ``after``.

    A row for every live bin that stood somewhere in the period, too when it has no round, unless a material is asked
    for. ``insee_code`` and ``site`` are of where a bin stands now; with what it is compared does not hang on them.
    """
    after_bin, after_material = after or (None, None)
    values = {"authority_id": authority_id, "first_day": period.first_day, "last_day": period.last_day}
    where = {"material": material, "insee_code": insee_code, "site": site, "bin_id": bin_id}
    paged = {"after_bin": after_bin, "after_material": after_material, "limit": limit}
    return [read_balance(row) for row in connection.execute(LIST, {**values, **where, **paged}).mappings()]


def read_balance(row: RowMapping) -> BinBalance:
    """Return a row as a balance."""
    facts: dict[str, Any] = {**row}
    fleet_ratio, newest = facts.pop("fleet_ratio"), facts.pop("newest")
    by: ExpectedBy = "calibration" if facts["factor"] is not None else "unit_mass" if fleet_ratio is None else "fleet"
    return BinBalance(
        **facts, expected_by=by, newest=[read_newest(each, otherwise=fleet_ratio or 1.0) for each in newest]
    )


def read_newest(facts: Mapping[str, Any], *, otherwise: float) -> NewestRound:
    """Return one of the newest rounds; ``otherwise`` is expected of it where no calibration was in force."""
    return NewestRound(
        facts["journal_no"],
        facts["seq"],
        datetime.datetime.fromisoformat(facts["began_at"]),
        datetime.datetime.fromisoformat(facts["ended_at"]),
        facts["deposits"],
        facts["anonymous_deposits"],
        Weighing(facts["counted_g"], facts["weighed_g"]),
        float(facts["factor"]) if facts["factor"] is not None else otherwise,
    )
