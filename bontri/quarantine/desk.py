"""Where an operator works on the quarantine: the database in use, as ``bontri_operator``, all authorities or one."""

import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from bontri.demo.folder import DemoFolder
from bontri.demo.services import find_keyring
from bontri.operating import engine_in_use
from bontri.quarantine.refusals import MessageAmbiguousError
from bontri.settings import Settings, read_settings
from rewards.fleet.refusals import AuthorityMissingError
from rewards.keyring import Keyring
from rewards.quarantine import KeptMessage, find_messages, list_holders
from rewards.quarantine.refusals import MessageMissingError

NONE_OF_OURS = "0"
"""How operators call the quarantine of what names no authority of ours; no slug is as short."""

LONGEST_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Desk:
    """An operator's access. ``holders`` has the authority's number by slug; "0" names none of ours."""

    engine: Engine
    holders: dict[str, int]

    def choose(self, authority: str | None) -> dict[str, int]:
        """Return one authority, or all when none is given.

        Raises:
            AuthorityMissingError: there is no such authority.
        """
        if authority is None:
            return self.holders
        if authority not in self.holders:
            raise AuthorityMissingError(authority, sorted(self.holders.keys() - {NONE_OF_OURS}))
        return {authority: self.holders[authority]}

    def name_of(self, authority_id: int) -> str:
        """Return the slug of an authority."""
        return next(slug for slug, number in self.holders.items() if number == authority_id)

    def get_message(self, id_digits: str, authority: str | None) -> KeptMessage:
        """Return the one message whose id begins with these digits.

        Raises:
            MessageMissingError, MessageAmbiguousError: there is none, or more than one.
        """
        digits = id_digits.lower()
        found: list[KeptMessage] = []
        if 0 < len(digits) <= LONGEST_ID_DIGITS and set(digits) <= set(string.hexdigits):
            for authority_id in self.choose(authority).values():
                with self.engine.connect() as connection:
                    found += find_messages(connection, digits, authority_id=authority_id)
        if not found:
            raise MessageMissingError(id_digits)
        if len(found) > 1:
            first, second = (f"{each.message_digest.hex()} of {self.name_of(each.authority_id)}" for each in found[:2])
            raise MessageAmbiguousError(digits, first=first, second=second)
        return found[0]


@contextmanager
def open_desk(settings: Settings) -> Iterator[Desk]:
    """Open the database of ``DATABASE_URL``, else the demo's, for the time of the block."""
    with engine_in_use(settings, role="bontri_operator") as engine:
        with engine.connect() as connection:
            holders = list_holders(connection)
        yield Desk(engine, {slug or NONE_OF_OURS: number for slug, number in holders.items()})


def find_storage_keyring(settings: Settings) -> Keyring:
    """Return a keyring that can read what is stored: of the settings, else of the demo's folder."""
    if settings.database_url is None:
        return find_keyring(settings, DemoFolder(settings.data_dir))
    storage_key = settings.storage_key or read_settings("BONTRI_STORAGE_KEY").storage_key or b""
    # Keys of bins and digests of badges are none of an operator's business here.
    return settings.rotated(Keyring(master_key=b"", badge_pepper=b"", storage_key=storage_key))


def printable(words: str) -> str:
    """Return text of strangers as a terminal may show it: control characters and their like escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
