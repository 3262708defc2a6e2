"""What commands about one authority share: which one, who asks, and a transaction on its database."""

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from getpass import getuser
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from rewards.database import DatabaseRole
    from rewards.fleet.owners import Owner

LONGEST_NAME = 100
LOCAL = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
"""An instant as the authority's clock shows it: for :func:`instant_of`."""

Command = Callable[..., Any]
Clock = Callable[[datetime.datetime], str]


class Text(click.ParamType[str]):
    """Text of 1 to so many characters; blanks at both ends are taken off."""

    name = "TEXT"

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, or fail with a sentence."""
        said = str(value).strip()
        if not 1 <= len(said) <= self._longest:
            self.fail(f"must have 1 to {self._longest} characters", param, ctx)
        return said


def of_authority(command: Command) -> Command:
    """Give a command the option that names the authority."""
    return click.option("--authority", required=True, metavar="SLUG", help="Which authority, by its slug.")(command)


def by_somebody(command: Command) -> Command:
    """Give a command the option that says who asks for it."""
    return click.option(
        "--by", "person", type=Text(LONGEST_NAME), default=getuser, metavar="NAME", help="Who you are; default: login."
    )(command)


@contextmanager
def tenant_in_use(slug: str, *, role: "DatabaseRole" = "bontri_operator") -> "Iterator[tuple[Connection, Owner]]":
    """Give a transaction on the database in use, and the authority a slug names.

    Raises:
        AuthorityMissingError: there is none.
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from rewards.fleet.owners import get_authority
    from rewards.tenancy import enter_tenant

    with engine_in_use(read_settings(), role=role) as engine, engine.begin() as connection:
        tenant = get_authority(connection, slug)
        enter_tenant(connection, authority_id=tenant.authority_id)
        yield connection, tenant


def owners_in_use(slug: str | None, *, bin_id: str | None) -> "Iterator[tuple[Connection, Owner]]":
    """Give each authority a command looks at (the one named, else that of the bin named, else all), to be read.

    Raises:
        AuthorityMissingError, BinMissingError: there is none such.
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from rewards.fleet.owners import list_owners

    with engine_in_use(read_settings(), role="bontri_reader") as engine:
        with engine.connect() as connection:
            owners = list_owners(connection, slug=slug, bin_id=bin_id)
        for owner in owners:
            # One authority a transaction.
            with engine.connect() as connection:
                yield connection, owner


def instant_of(
    connection: "Connection", local: datetime.datetime | None, *, authority_id: int
) -> datetime.datetime | None:
    """Return the instant a clock of the authority shows ``local``."""
    from rewards.territory import get_timezone

    return local and local.replace(tzinfo=get_timezone(connection, authority_id=authority_id))


def clock_of(connection: "Connection", *, authority_id: int) -> Clock:
    """Return what writes an instant for people, to the second, as the clock of the authority shows it."""
    from rewards.territory import get_timezone

    timezone = get_timezone(connection, authority_id=authority_id)
    return lambda instant: f"{instant.astimezone(timezone):%Y-%m-%d %H:%M:%S}"
