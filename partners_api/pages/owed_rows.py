"""What is owed by the month it comes from: points that can be spent, and vouchers that are out."""

import datetime
from dataclasses import dataclass
from typing import Literal

from rewards.liability import Liability


@dataclass(frozen=True, slots=True)
class OwedOfMonth:
    """Points credited in a month and not spent, or vouchers issued in it that are out.

    ``cents`` is what they cost those who pay shops; None where nobody knows what a point costs.
    """

    kind: Literal["points", "vouchers"]
    month: datetime.date
    expires_on: datetime.date | None
    points: int
    cents: int | None


def list_owed(owed: Liability) -> list[OwedOfMonth]:
    """List what is owed, points before vouchers, each by month."""
    cost = owed.point_value.cost_cents
    return [
        *(
            OwedOfMonth("points", each.credited_month, each.expires_on, each.points, cost(each.points))
            for each in owed.lots
        ),
        *(OwedOfMonth("vouchers", each.issued_month, None, each.points, each.payable_cents) for each in owed.vouchers),
    ]
