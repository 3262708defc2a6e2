"""Calibrations: proposed by rounds that were weighed, decided by somebody, in force from the first of a month on.

One that is decided is never changed; a later month has another. Days that are over keep theirs unless whoever decides
says otherwise in so many words.
"""

import datetime
import decimal
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from rewards.mass_balance.arithmetic import (
    FACTOR_HIGHEST,
    FACTOR_LOWEST,
    LEAST_CALIBRATION_G,
    LEAST_ROUNDS,
    Weighing,
    factor_of,
)
from rewards.mass_balance.reading import CALIBRATIONS, ROUNDS
from rewards.mass_balance.refusals import (
    CalibrationRefusedError,
    CalibrationRetroactiveError,
    CalibrationTakenError,
)
from rewards.schema.mass_balance import BinCalibration
from rewards.statistics.periods import Period

REASONS: dict[str, str] = {
    "rounds_too_few": f"fewer than {LEAST_ROUNDS} rounds were weighed whole in this time",
    "kilograms_too_few": f"less than {LEAST_CALIBRATION_G // 1000} kg was weighed in this time",
    "factor_absurd": (
        f"what was weighed is not within {FACTOR_LOWEST} and {FACTOR_HIGHEST} times what was counted:"
        " the bin does not count; look at it"
    ),
    "alarm_up": "its alarm mass_balance is up: look at the bin, end the alarm (bontri alarms end), then decide",
}
"""Why nothing is proposed for a bin, in a sentence."""

LIST = text(f"""
    SELECT r.bin_id, r.material, array_agg(r.counted_g ORDER BY r.journal_no, r.seq) FILTER (WHERE r.doubts = '{{}}')
               AS counted_g,
           array_agg(r.weighed_g ORDER BY r.journal_no, r.seq) FILTER (WHERE r.doubts = '{{}}') AS weighed_g,
           count(*) AS rounds, k.factor AS current_factor, m.raised_at IS NOT NULL AS is_alarmed
      FROM ({ROUNDS}) AS r
      LEFT JOIN ({CALIBRATIONS}) AS k ON k.bin_id = r.bin_id AND k.material = r.material
                                     AND :valid_from >= k.valid_from AND :valid_from < k.valid_until
      LEFT JOIN bin_alarms m ON m.authority_id = r.authority_id AND m.bin_id = r.bin_id
                            AND m.kind = 'mass_balance' AND m.ended_at IS NULL
     WHERE r.ended_on BETWEEN :first_day AND :last_day AND (CAST(:bin_id AS text) IS NULL OR r.bin_id = :bin_id)
     GROUP BY r.bin_id, r.material, k.factor, m.raised_at
     ORDER BY r.bin_id, r.material
""")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the rounds of a period propose for a bin and material: a factor, or in ``refusal`` why there is none.

    ``rounds`` are those nothing speaks against, of ``rounds_ended`` that ended; ``lowest`` and ``highest`` are the
    ratios of single rounds, how far they lie apart. ``current_factor`` holds unless the proposal is decided on.
    """

    bin_id: str
    material: str
    valid_from: datetime.date
    rounds_ended: int
    rounds: int
    counted_g: int
    weighed_g: int
    lowest: float | None
    highest: float | None
    factor: decimal.Decimal | None
    current_factor: decimal.Decimal | None
    refusal: str | None

    def require_factor(self) -> decimal.Decimal:
        """Return the factor.

        Raises:
            CalibrationRefusedError: there is none.
        """
        if self.factor is None:
            raise CalibrationRefusedError(f"{self.bin_id}, {self.material}: {self.refusal}")
        return self.factor


def propose_calibrations(
    connection: Connection,
    period: Period,
    *,
    authority_id: int,
    valid_from: datetime.date,
    bin_id: str | None = None,
) -> list[Proposal]:
    """Propose a calibration, by the rounds that ended in a period, for each bin and material that has any; by these."""
    values = {"authority_id": authority_id, "first_day": period.first_day, "last_day": period.last_day}
    rows = connection.execute(LIST, {**values, "bin_id": bin_id, "valid_from": valid_from})
    return [
        propose(
            row.bin_id,
            row.material,
            valid_from,
            weighings=[
                Weighing(counted_g, weighed_g)
                for counted_g, weighed_g in zip(row.counted_g or [], row.weighed_g or [], strict=True)
            ],
            rounds_ended=row.rounds,
            current_factor=row.current_factor,
            is_alarmed=row.is_alarmed,
        )
        for row in rows
    ]


def propose(
    bin_id: str,
    material: str,
    valid_from: datetime.date,
    *,
    weighings: Sequence[Weighing],
    rounds_ended: int,
    current_factor: decimal.Decimal | None,
    is_alarmed: bool,
) -> Proposal:
    """Propose what the rounds of one bin say. While its alarm is up nothing: a fraud would be calibrated away."""
    found: decimal.Decimal | str = "alarm_up" if is_alarmed else factor_of(weighings)
    ratios = [each.ratio for each in weighings]
    return Proposal(
        bin_id,
        material,
        valid_from,
        rounds_ended=rounds_ended,
        rounds=len(weighings),
        counted_g=sum(each.counted_g for each in weighings),
        weighed_g=sum(each.weighed_g for each in weighings),
        lowest=min(ratios, default=None),
        highest=max(ratios, default=None),
        factor=found if isinstance(found, decimal.Decimal) else None,
        current_factor=current_factor,
        refusal=None if isinstance(found, decimal.Decimal) else REASONS[found],
    )


def decide_calibrations(
    connection: Connection,
    proposals: Sequence[Proposal],
    *,
    authority_id: int,
    decided_by: str,
    today: datetime.date,
    now: datetime.datetime,
    is_retroactive: bool = False,
) -> int:
    """Put proposals into force, all or none; return how many. ``today`` is of the authority's calendar.

    Raises:
        CalibrationRefusedError: one of them proposes nothing.
        CalibrationRetroactiveError: one would hold from a day that is over, and this was not said to be meant.
        CalibrationTakenError: one is decided on from this month; the transaction must be rolled back.
    """
    for each in proposals:
        if each.valid_from < today and not is_retroactive:
            raise CalibrationRetroactiveError(each.valid_from)
    rows = [
        {
            "authority_id": authority_id,
            "bin_id": each.bin_id,
            "material": each.material,
            "valid_from": each.valid_from,
            "factor": each.require_factor(),
            "rounds": each.rounds,
            "counted_g": each.counted_g,
            "weighed_g": each.weighed_g,
            "decided_by": decided_by,
            "decided_at": now,
        }
        for each in proposals
    ]
    if not rows:
        return 0
    key = (BinCalibration.bin_id, BinCalibration.material)
    added = connection.execute(insert(BinCalibration).values(rows).on_conflict_do_nothing().returning(*key))
    stored = {(bin_id, material) for bin_id, material in added}
    for each in proposals:
        if (each.bin_id, each.material) not in stored:
            raise CalibrationTakenError(each.bin_id, each.material, each.valid_from)
    return len(rows)
