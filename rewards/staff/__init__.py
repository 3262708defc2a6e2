"""Staff of shops: named by their shop, and shown to be who they say by a PIN, where the shop wants that.

Read ``keeping.py`` (who there is), ``pins.py`` (what is kept of a PIN), ``proving.py`` (who is at the till).
"""

from rewards.staff.keeping import Staff, StaffState, add_staff, change_staff, get_staff, list_staff
from rewards.staff.proving import prove_staff, take_pin_try
from rewards.staff.refusals import StaffLockedError, StaffUnknownError

__all__ = [
    "Staff",
    "StaffLockedError",
    "StaffState",
    "StaffUnknownError",
    "add_staff",
    "change_staff",
    "get_staff",
    "list_staff",
    "prove_staff",
    "take_pin_try",
]
