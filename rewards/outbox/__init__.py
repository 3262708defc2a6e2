"""The outbox: letters written in the transaction that makes them due, taken by who sends them, and tried again.

A letter can reach its reader twice when the sender dies between the mail server's answer and its note; it is never
lost, and both carry the same Message-ID. Addresses are decrypted only when a letter is taken. Source:
docs/decisions/0036-letters.md.
"""

from rewards.outbox.listing import LetterUnknownError, ListedLetter, list_letters, retry_letters
from rewards.outbox.posting import post_code, post_to_address, post_to_citizens, post_to_shop, post_to_wallets
from rewards.outbox.pruning import prune_letters
from rewards.outbox.taking import LEASE, MOST_TRIES, Letter, find_next_try, note_not_sent, note_sent, take_letter

__all__ = [
    "LEASE",
    "MOST_TRIES",
    "Letter",
    "LetterUnknownError",
    "ListedLetter",
    "find_next_try",
    "list_letters",
    "note_not_sent",
    "note_sent",
    "post_code",
    "post_to_address",
    "post_to_citizens",
    "post_to_shop",
    "post_to_wallets",
    "prune_letters",
    "retry_letters",
    "take_letter",
]
