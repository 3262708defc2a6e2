"""Why a statement is not locked, sent or paid; each code is explained in ``docs/operators.md``."""

import datetime

from rewards.errors import OperatorRefusedError


class MonthNotOverError(OperatorRefusedError):
    """Redemptions of the month may still come in."""

    code = "month_not_over"

    def __init__(self, month: datetime.date) -> None:
        super().__init__(f"{month:%Y-%m} is not over yet: without --lock it is shown as it stands")


class StatementLockedError(OperatorRefusedError):
    """The shop has its statement of the month: what came in late is settled with the next one."""

    code = "statement_locked"

    def __init__(self, number: str) -> None:
        super().__init__(f"statement {number} is this shop's of the month, and is never changed")
        self.number = number


class StatementUnknownError(OperatorRefusedError):
    """The authority has no statement of this number."""

    code = "statement_unknown"

    def __init__(self, number: str) -> None:
        super().__init__(f"there is no statement {number}: see bontri settlements list")


class StatementStateError(OperatorRefusedError):
    """What is asked does not follow on the state the statement is in: locked, then sent, then paid."""

    code = "statement_state_wrong"

    def __init__(self, number: str, state: str) -> None:
        super().__init__(f"statement {number} is {state}: nothing was changed now")


class PaymentDateError(OperatorRefusedError):
    """A statement is paid on a day from its locking until today."""

    code = "payment_date_wrong"

    def __init__(self, number: str, paid_on: datetime.date) -> None:
        super().__init__(f"statement {number} cannot have been paid on {paid_on}: from its locking until today")


class ShopUnknownError(OperatorRefusedError):
    """The authority has no such shop, or several of this name."""

    code = "shop_unknown"

    def __init__(self, shop: str) -> None:
        super().__init__(f"no single shop of the authority is called {shop}: give its id, as --json shows it")


class NothingDueError(OperatorRefusedError):
    """The shop has redeemed nothing that a statement of the month would settle."""

    code = "nothing_due"

    def __init__(self) -> None:
        super().__init__("nothing is due to the shop for this month: no statement is made")
