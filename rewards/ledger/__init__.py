"""The ledger: accounts, transfers and the counters they move. What the points are for must not go in here.

Read ``transfers.py`` (the one door), ``pending.py`` (the second phase), ``sweeping.py`` (many accounts emptied at
once), ``balances.py`` (what an account held when, and every entry of it), ``accounts.py`` (whose they are),
``authority_accounts.py`` (those an authority has of its own).
"""

from rewards.ledger.accounts import (
    AccountUnknownError,
    ListedAccount,
    list_accounts,
    lock_accounts,
    open_account,
    require_account,
)
from rewards.ledger.authority_accounts import find_authority_account, open_authority_account
from rewards.ledger.balances import Balance, Entry, get_balance, list_entries, sum_balances
from rewards.ledger.pending import end_pending_transfers, lock_pending_credits, lock_pending_transfers
from rewards.ledger.transfers import Transfer, plan_transfers, record_transfers

__all__ = [
    "AccountUnknownError",
    "Balance",
    "Entry",
    "ListedAccount",
    "Transfer",
    "end_pending_transfers",
    "find_authority_account",
    "get_balance",
    "list_accounts",
    "list_entries",
    "lock_accounts",
    "lock_pending_credits",
    "lock_pending_transfers",
    "open_account",
    "open_authority_account",
    "plan_transfers",
    "record_transfers",
    "require_account",
    "sum_balances",
]
