"""The standing invariants, a file a noun (one row per violation). ``rewards/verify.py`` checks them."""

from rewards.invariants.bins import BINS
from rewards.invariants.corrections import CORRECTIONS
from rewards.invariants.donations import DONATIONS
from rewards.invariants.ledger import THE_LEDGER
from rewards.invariants.mass_balance import MASS_BALANCE
from rewards.invariants.settlements import SETTLEMENTS
from rewards.invariants.tenants import TENANTS
from rewards.invariants.vouchers import VOUCHERS
from rewards.invariants.wallets import WALLETS

INVARIANTS: dict[str, str] = {
    **THE_LEDGER,
    **WALLETS,
    **CORRECTIONS,
    **VOUCHERS,
    **DONATIONS,
    **SETTLEMENTS,
    **BINS,
    **MASS_BALANCE,
    **TENANTS,
}
