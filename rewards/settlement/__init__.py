"""Settlement: what a shop is paid for the vouchers of a month, line by line.

Read ``statements.py`` (what a statement is), ``collecting.py`` (which redemptions are due), ``locking.py`` (one
statement a shop and month, numbered without gaps, never changed again), ``marking.py`` (sent, paid), ``reading.py``,
``of_shops.py`` (what a shop sees of its own).
"""

from rewards.settlement.locking import lock_statement
from rewards.settlement.marking import mark_paid, mark_sent
from rewards.settlement.months import last_month, require_over
from rewards.settlement.of_shops import (
    OwnLine,
    OwnStatementUnknownError,
    get_own_statement,
    list_own_lines,
    list_own_statements,
)
from rewards.settlement.reading import (
    ListedStatement,
    draft_statement,
    find_shop,
    find_statement,
    get_statement,
    list_settled_shops,
    list_statements,
)
from rewards.settlement.refusals import (
    MonthNotOverError,
    NothingDueError,
    PaymentDateError,
    ShopUnknownError,
    StatementLockedError,
    StatementStateError,
    StatementUnknownError,
)
from rewards.settlement.statements import FunderTotal, Line, Party, Statement, StatementNumber

__all__ = [
    "FunderTotal",
    "Line",
    "ListedStatement",
    "MonthNotOverError",
    "NothingDueError",
    "OwnLine",
    "OwnStatementUnknownError",
    "Party",
    "PaymentDateError",
    "ShopUnknownError",
    "Statement",
    "StatementLockedError",
    "StatementNumber",
    "StatementStateError",
    "StatementUnknownError",
    "draft_statement",
    "find_shop",
    "find_statement",
    "get_own_statement",
    "get_statement",
    "last_month",
    "list_own_lines",
    "list_own_statements",
    "list_settled_shops",
    "list_statements",
    "lock_statement",
    "mark_paid",
    "mark_sent",
    "require_over",
]
