"""How often one may ask for a sign-in code and enter one: for each account, network and authority.

The same for citizens and agents, for addresses somebody has and those nobody has; those of an authority are counted
apart, so that who keeps all citizens out does not keep the agents out too. A network is an IPv4 address or the first
56 bits of an IPv6 one, which a household commonly gets; who has more is several networks. Five codes of five tries
(``rewards/sign_ins.py``) are what an account can be guessed at by all networks together.
"""

import datetime

from sqlalchemy import Connection

from rewards.citizens import normalise_email
from rewards.keyring import Keyring
from rewards.limits import MINUTE, Limit, Trier, give_back_tries, take_tries
from rewards.sessions import Holder

ASKED_OF_ACCOUNT = Limit("ask account", 5, 10 * MINUTE)
ASKED_BY_NETWORK = Limit("ask network", 30, 10 * MINUTE)
ASKED_OF_AUTHORITY = Limit("ask authority", 2000, 10 * MINUTE)
"""More is asked of a town of half a million in ten minutes by nobody but machines: 67 networks of them together."""

ENTERED_BY_NETWORK = Limit("enter network", 50, 10 * MINUTE)
ENTERED_AT_AUTHORITY = Limit("enter authority", 1000, 10 * MINUTE)
"""Wrong codes only: of 8 digits, so many hit one account in 69 days, whichever it is.

That is also what 20 networks need to keep everybody else out for as long as they go on.
"""


def take_asking(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    email: str,
    network: str | None,
    holder: Holder,
    now: datetime.datetime,
) -> None:
    """Take a try at asking for a code; to be committed before anything is looked up.

    Raises:
        TooManyTriesError: the account, the network or the authority has none left; nothing was changed.
    """
    triers = [Trier(ASKED_OF_ACCOUNT, normalise_email(email)), Trier(ASKED_OF_AUTHORITY, holder)]
    triers += [Trier(ASKED_BY_NETWORK, network)] if network else []
    take_tries(connection, keyring, triers, authority_id=authority_id, now=now)


def take_entering(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    network: str | None,
    holder: Holder,
    now: datetime.datetime,
) -> None:
    """Take a try at entering a code; to be committed before the code is looked at.

    Raises:
        TooManyTriesError: the network or the authority has none left; nothing was changed.
    """
    take_tries(connection, keyring, list_entering(network, holder), authority_id=authority_id, now=now)


def give_back_entering(
    connection: Connection, keyring: Keyring, *, authority_id: int, network: str | None, holder: Holder
) -> None:
    """Give the try back: the code was right."""
    give_back_tries(connection, keyring, list_entering(network, holder), authority_id=authority_id)


def list_entering(network: str | None, holder: Holder) -> list[Trier]:
    """List whose tries entering a code costs; the account's are counted with its code."""
    return [Trier(ENTERED_AT_AUTHORITY, holder), *([Trier(ENTERED_BY_NETWORK, network)] if network else [])]
