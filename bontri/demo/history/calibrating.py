"""What the simulated authority has decided on counts and weights: a calibration of each bin that was weighed enough."""

import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from bontri.demo.history.rollout import Span
from bontri.demo.seed import AUTHORITY_ID, TIMEZONE
from rewards.mass_balance import decide_calibrations, propose_calibrations
from rewards.statistics.periods import Period

DECIDED_BY = "demo"
IN_FORCE_FOR = datetime.timedelta(days=90)


def calibrate_bins(engine: Engine, span: Span, *, now: datetime.datetime) -> int:
    """Calibrate what the rounds of a history allow to, from a month some three months ago on; return how many bins.

    Bins that came later, or were weighed too seldom by then, are left for the reader to decide on; so are those whose
    alarm is up.
    """
    valid_from = (span.last - IN_FORCE_FOR).replace(day=1)
    if valid_from <= span.first:
        return 0
    period = Period(span.first, valid_from - datetime.timedelta(days=1))
    with engine.begin() as connection:
        proposed = propose_calibrations(connection, period, authority_id=AUTHORITY_ID, valid_from=valid_from)
        return decide_calibrations(
            connection,
            [each for each in proposed if each.refusal is None],
            authority_id=AUTHORITY_ID,
            decided_by=DECIDED_BY,
            today=now.astimezone(ZoneInfo(TIMEZONE)).date(),
            now=now,
            is_retroactive=True,
        )
