"""Why an offer cannot be had, or changed; each code is explained in ``docs/errors.md``."""

import datetime

from rewards.errors import RewardsError


class OfferUnknownError(RewardsError):
    """No such offer is published, or its shop has left the scheme."""

    code = "offer_unknown"


class OfferNotOnSaleError(RewardsError):
    """The offer is paused, or its time has not come or is over."""

    code = "offer_not_on_sale"


class OfferSoldOutError(RewardsError):
    """All of the stock has been taken."""

    code = "offer_sold_out"


class FunderBudgetSpentError(RewardsError):
    """What the funder of the offer gives this year is used up."""

    code = "funder_budget_spent"


class OfferLimitReachedError(RewardsError):
    """The wallet has had as many vouchers of the offer as one may have in the period."""

    code = "offer_limit_reached"

    def __init__(self, *, most: int, period: str, again_at: datetime.datetime | None) -> None:
        super().__init__(f"{most} per {period}")
        self.most = most
        self.period = period
        self.again_at = again_at


class OfferStateError(RewardsError):
    """What is asked does not follow on the state the offer is in."""

    code = "offer_state_wrong"

    def __init__(self, state: str) -> None:
        super().__init__(f"the offer is {state}")
        self.state = state


class OfferHeldError(RewardsError):
    """The authority has paused the offer: only it can put it on sale again."""

    code = "offer_held"


class OfferTermsError(RewardsError):
    """The terms contradict each other: an end before the beginning, or a limit without its period."""

    code = "offer_terms_wrong"


class StockBelowSoldError(RewardsError):
    """A stock cannot be less than what was sold of it."""

    code = "stock_below_sold"
