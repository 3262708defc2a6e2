"""How a citizen wants letters."""

from typing import Any

from partners_api.citizens.blueprint import citizen_of, citizens
from partners_api.citizens.letter_schemas import LetterWishesChangeSchema, LetterWishesSchema
from partners_api.operations import operation
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.letter_wishes import LetterWishes, change_letter_wishes, get_letter_wishes


@operation(citizens, "GET", "/letters", audience="citizen", answers=(200, LetterWishesSchema))
def show_letter_wishes(caller: Principal) -> LetterWishes:
    """Show in which language letters come, and whether notices do."""
    return get_letter_wishes(connection(), **citizen_of(caller))


@operation(
    citizens,
    "PATCH",
    "/letters",
    audience="citizen",
    body=LetterWishesChangeSchema,
    answers=(200, LetterWishesSchema),
)
def change_letter_wishes_of_citizen(caller: Principal, asked: dict[str, Any]) -> LetterWishes:
    """Choose the language of letters, and switch notices off or on; what is not given stays.

    Codes to sign in, and letters about a blocked card or a changed wallet, come in any case.
    """
    change_letter_wishes(connection(), **citizen_of(caller), **asked)
    return get_letter_wishes(connection(), **citizen_of(caller))
