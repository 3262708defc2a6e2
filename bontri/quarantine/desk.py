"""Where an operator works on the quarantine: the database in use, as ``bontri_operator``, all authorities or one."""

import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
from sqlalchemy import Engine

from bontri.demo.folder import DemoFolder
from bontri.demo.services import find_keyring
from bontri.settings import Settings, read_settings
from bontri.verification import database_in_use
from rewards.database import open_engine
from rewards.keyring import Keyring
from rewards.quarantine import KeptMessage, find_messages, list_holders

NONE_OF_OURS = "0"
"""How operators call the quarantine of what names no authority of ours; no slug is as short."""

LONGEST_ID_DIGITS = 32


class QuarantineError(click.ClickException):
    """What was asked for cannot be done; a sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Desk:
    """An operator's access. ``holders`` has the authority's number by slug; "0" names none of ours."""

    engine: Engine
    holders: dict[str, int]

    def choose(self, authority: str | None) -> dict[str, int]:
        """Return one authority, or all when none is given.

        Raises:
            QuarantineError: there is no such authority.
        """
        if authority is None:
            return self.holders
        if authority not in self.holders:
            known = ", ".join(slug for slug in self.holders if slug != NONE_OF_OURS) or "none yet"
            raise QuarantineError(
                f"No authority is called {printable(authority)!r}; there are: {known}"
                f" ({NONE_OF_OURS} stands for messages that name none of them)."
            )
        return {authority: self.holders[authority]}

    def name_of(self, authority_id: int) -> str:
        """Return the slug of an authority."""
        return next(slug for slug, number in self.holders.items() if number == authority_id)

    def get_message(self, id_digits: str, authority: str | None) -> KeptMessage:
        """Return the one message whose id begins with these digits.

        Raises:
            QuarantineError: there is none, or more than one.
        """
        digits = id_digits.lower()
        found: list[KeptMessage] = []
        if 0 < len(digits) <= LONGEST_ID_DIGITS and set(digits) <= set(string.hexdigits):
            for authority_id in self.choose(authority).values():
                with self.engine.connect() as connection:
                    found += find_messages(connection, digits, authority_id=authority_id)
        if not found:
            raise QuarantineError(f'No message in quarantine has the id {printable(id_digits)!r}; see "list --all".')
        if len(found) > 1:
            first, second = (f"{each.message_digest.hex()} of {self.name_of(each.authority_id)}" for each in found[:2])
            raise QuarantineError(
                f"The id {digits} is ambiguous ({first}, {second}): give more digits, or --authority."
            )
        return found[0]


@contextmanager
def open_desk(settings: Settings) -> Iterator[Desk]:
    """Open the database of ``DATABASE_URL``, else the demo's, for the time of the block."""
    with database_in_use(settings) as url:
        engine = open_engine(url, role="bontri_operator")
        try:
            with engine.connect() as connection:
                holders = list_holders(connection)
            yield Desk(engine, {slug or NONE_OF_OURS: number for slug, number in holders.items()})
        finally:
            engine.dispose()


def find_storage_keyring(settings: Settings) -> Keyring:
    """Return a keyring that can read what is stored: of the settings, else of the demo's folder."""
    if settings.database_url is None:
        return find_keyring(settings, DemoFolder(settings.data_dir))
    storage_key = settings.storage_key or read_settings("BONTRI_STORAGE_KEY").storage_key or b""
    # Keys of bins and digests of badges are none of an operator's business here.
    return Keyring(master_key=b"", badge_pepper=b"", storage_key=storage_key)


def printable(words: str) -> str:
    """Return text of strangers as a terminal may show it: control characters and their like escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
