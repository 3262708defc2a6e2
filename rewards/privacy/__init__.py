"""Privacy: what citizens may ask for, and what nobody keeps for ever. Runs as the role ``bontri_privacy``.

Read ``erasing.py`` (a citizen is taken out), ``forfeiting.py`` (where their points go), ``identity.py`` (what names
them), ``last_letters.py`` (they are told), ``erasure_register.py`` (kept outside the database, applied again after a
restore), ``requesting.py`` (citizens ask for it by themselves), ``exporting.py`` (all that is held about a citizen),
``pruning.py`` (what is removed with time), ``resting.py`` (lots become nobody's), ``reencrypting.py`` (keys rotate).
The API asks and exports as ``bontri_api``.
"""

from rewards.privacy.erasing import (
    BEFORE_ALL,
    Erased,
    erase_citizen,
    finish_erasure,
    list_unfinished,
    list_unknown_erasures,
)
from rewards.privacy.erasure_register import Erasure, ErasureRegister
from rewards.privacy.exporting import export_citizen
from rewards.privacy.refusals import ErasureRegisterFaultyError

__all__ = [
    "BEFORE_ALL",
    "Erased",
    "Erasure",
    "ErasureRegister",
    "ErasureRegisterFaultyError",
    "erase_citizen",
    "export_citizen",
    "finish_erasure",
    "list_unfinished",
    "list_unknown_erasures",
]
