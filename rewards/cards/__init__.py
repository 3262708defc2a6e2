"""Cards over the counter: blocked, replaced, claimed. A card with no registered person behind it is a citizen too."""

from rewards.cards.blocking import block_card
from rewards.cards.claiming import claim_card
from rewards.cards.finding import Card, find_card, get_card, get_citizen, get_citizen_by_email
from rewards.cards.refusals import CardBlockedError, CardUnknownError, CitizenUnknownError
from rewards.cards.registering import register_cards
from rewards.cards.replacing import replace_card

__all__ = [
    "Card",
    "CardBlockedError",
    "CardUnknownError",
    "CitizenUnknownError",
    "block_card",
    "claim_card",
    "find_card",
    "get_card",
    "get_citizen",
    "get_citizen_by_email",
    "register_cards",
    "replace_card",
]
