"""Rounds as they are read: what was counted, in grams, by the unit mass and calibration of the day they ended on.

``DOUBTS`` says why a round tells nothing of its bin; what is left is used for calibration, drift and alarm. All are a
set-wise statement; ``arithmetic.py`` judges what it yields.
"""

import datetime
import decimal
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.statistics.unit_masses import IN_FORCE

LIGHT_G = 10_000
"""Less than this, both counted and weighed, is within what a lorry's scales can tell."""

UNKNOWN_PERCENT = 1
"""More of a round's numbers than this, lost or in quarantine, and too little was counted."""

REPEATED_WITHIN = datetime.timedelta(hours=1)
"""Emptied again so soon with no deposit between: one emptying weighed in two lifts, or told of twice."""

CALIBRATIONS = """
    SELECT bin_id, material, valid_from, factor, decided_by, decided_at,
           lead(valid_from, 1, CAST('infinity' AS date)) OVER (PARTITION BY bin_id, material ORDER BY valid_from)
               AS valid_until
      FROM bin_calibrations WHERE authority_id = :authority_id
"""

DOUBTS = {
    "incomplete": "c.missing > 0",
    "unweighed": "c.weighed_g IS NULL",
    "unit_mass_unknown": "c.unweighed_items > 0 AND u.unit_mass_g IS NULL",
    "repeated": f"c.deposits = 0 AND c.ended_at - c.began_at < interval '{REPEATED_WITHIN}'",
    "moved": "c.is_moved",
    "tested": "c.test_events > 0",
    "lost": f"100 * (c.lost + c.quarantined) > {UNKNOWN_PERCENT} * (c.settled + c.lost)",
    "light": f"GREATEST(c.weighed_g, c.mass_g + c.unweighed_items * coalesce(u.unit_mass_g, 0)) < {LIGHT_G}",
}
"""Why a round tells nothing of how its bin counts, by what is stored of it."""

LISTED_DOUBTS = ", ".join(f"CASE WHEN {rule} THEN '{name}' END" for name, rule in DOUBTS.items())
ROUNDS = f"""
    SELECT c.*, CAST(c.ended_at AT TIME ZONE b.timezone AS date) AS ended_on, u.unit_mass_g,
           c.mass_g + c.unweighed_items * CASE WHEN c.unweighed_items = 0 THEN 0 ELSE u.unit_mass_g END AS counted_g,
           k.factor,
           array_remove(ARRAY[{LISTED_DOUBTS}], NULL) AS doubts
      FROM collection_rounds c
      JOIN authorities b ON b.authority_id = c.authority_id
      LEFT JOIN ({IN_FORCE}) AS u ON u.material = c.material
            AND CAST(c.ended_at AT TIME ZONE b.timezone AS date) >= u.valid_from
            AND CAST(c.ended_at AT TIME ZONE b.timezone AS date) < u.valid_until
      LEFT JOIN ({CALIBRATIONS}) AS k ON k.bin_id = c.bin_id AND k.material = c.material
            AND CAST(c.ended_at AT TIME ZONE b.timezone AS date) >= k.valid_from
            AND CAST(c.ended_at AT TIME ZONE b.timezone AS date) < k.valid_until
     WHERE c.authority_id = :authority_id
"""

RoundKey = tuple[int, int]
"""(journal_no, seq) of the emptying that ended a round."""

LIST_OF_BIN = text(f"""
    SELECT r.journal_no, r.seq, r.bin_id, r.material, s.reference AS site, r.began_at, r.ended_at, r.deposits,
           r.anonymous_deposits, r.items, r.counted_g, r.factor, r.weighed_g, r.missing, r.lost, r.quarantined,
           r.test_events, r.doubts, r.computed_at
      FROM ({ROUNDS} AND c.bin_id = :bin_id) AS r
      JOIN sites s ON s.authority_id = r.authority_id AND s.site_id = r.site_id
     WHERE (CAST(:material AS text) IS NULL OR r.material = :material)
       AND (CAST(:after_no AS integer) IS NULL OR (r.journal_no, r.seq) < (:after_no, CAST(:after_seq AS bigint)))
     ORDER BY r.journal_no DESC, r.seq DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class CollectionRound:
    """What a bin took of one material between two emptyings, and what it weighed; ``site`` is where it was emptied.

    ``counted_g``: weighed by the bin deposit by deposit, else items by the unit mass of the day the round ended; None
    where that is unknown. ``factor`` is the calibration of that day, not applied. ``doubts`` are names of
    :data:`DOUBTS`. ``missing`` numbers may still come, ``lost`` ones never; ``quarantined`` ones carry no event.
    """

    journal_no: int
    seq: int
    bin_id: str
    material: str
    site: str
    began_at: datetime.datetime
    ended_at: datetime.datetime
    deposits: int
    anonymous_deposits: int
    items: int
    counted_g: int | None
    factor: decimal.Decimal | None
    weighed_g: int | None
    missing: int
    lost: int
    quarantined: int
    test_events: int
    doubts: list[str]
    computed_at: datetime.datetime

    @property
    def key(self) -> RoundKey:
        """What rounds are listed by."""
        return (self.journal_no, self.seq)

    @property
    def is_complete(self) -> bool:
        """Whether every number of the round has come, or never will."""
        return self.missing == 0

    @property
    def is_clock_back(self) -> bool:
        """Whether the bin's clock went back meanwhile; what belongs to the round its numbers say, not the clock."""
        return self.ended_at < self.began_at

    @property
    def ratio(self) -> float | None:
        """Weighed over counted grams, before calibration; None where either is not known or nothing was counted."""
        return self.weighed_g / self.counted_g if self.weighed_g is not None and self.counted_g else None


def list_rounds(
    connection: Connection,
    bin_id: str,
    *,
    authority_id: int,
    material: str | None = None,
    after: RoundKey | None = None,
    limit: int | None = None,
) -> list[CollectionRound]:
    """List the rounds of a bin, the newest first, those behind ``after``."""
    after_no, after_seq = after or (None, None)
    values = {"authority_id": authority_id, "bin_id": bin_id, "material": material, "limit": limit}
    rows = connection.execute(LIST_OF_BIN, {**values, "after_no": after_no, "after_seq": after_seq})
    return [CollectionRound(*row) for row in rows]
