"""How commands name a citizen: by a card, an address, or an id. Cards are read at the counter and never printed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.tenants import tenant_in_use

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from rewards.citizens import Citizen
    from rewards.keyring import Keyring

KINDS = ("card", "email", "citizen")


@contextmanager
def counter_of(slug: str) -> "Iterator[tuple[Connection, Keyring, int]]":
    """Give what is needed over the counter: a transaction, the secrets cards are found by, and the authority's id.

    Raises:
        AuthorityMissingError: no authority has this slug.
    """
    from bontri.operating import keyring_in_use
    from bontri.settings import read_settings

    keyring = keyring_in_use(read_settings())
    with tenant_in_use(slug) as (connection, tenant):
        yield connection, keyring, tenant.authority_id


class CardValue(click.ParamType[str]):
    """What was read from a card; ``-`` asks for it, so that it stands in no list of processes and no history."""

    name = "CARD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return what was read from the card."""
        read = str(value) if value != "-" else ask_for_card()
        if not read.strip():
            self.fail("is empty", param, ctx)
        return read.strip()


def ask_for_card() -> str:
    """Ask somebody at a terminal, who sees no echo; a pipe hands over a line a card."""
    if sys.stdin.isatty():
        return str(click.prompt("Card", hide_input=True))
    return sys.stdin.readline()


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a command is about: ``kind`` says how ``said`` names them."""

    kind: str
    said: str

    def find(self, connection: "Connection", keyring: "Keyring", *, authority_id: int) -> "Citizen":
        """Return the citizen.

        Raises:
            CardUnknownError, CitizenUnknownError: there is none.
        """
        from rewards.cards import get_card, get_citizen, get_citizen_by_email

        if self.kind == "card":
            return get_card(connection, keyring, authority_id=authority_id, badge=self.said).citizen
        if self.kind == "email":
            return get_citizen_by_email(connection, keyring, authority_id=authority_id, email=self.said)
        return get_citizen(connection, UUID(self.said), authority_id=authority_id)


class HolderType(click.ParamType[Holder]):
    """``card:…``, ``email:…`` or ``citizen:ID``."""

    name = "HOLDER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Holder:
        """Return whom the text names, or fail with a sentence."""
        kind, separator, said = str(value).partition(":")
        if kind not in KINDS or not separator or not said:
            self.fail("is written card:VALUE, email:ADDRESS or citizen:ID", param, ctx)
        if kind == "card":
            said = CardValue().convert(said, param, ctx)
        if kind == "citizen":
            said = str(click.UUID.convert(said, param, ctx))
        return Holder(kind, said)
