"""Which database a command works on, as which role, and whose a bin is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
from sqlalchemy import Connection, Engine, text

from bontri.settings import Settings
from bontri.verification import database_in_use
from rewards.database import DatabaseRole, open_engine

GET_OWNER = text("""
    SELECT d.authority_id, a.slug FROM bin_directory d JOIN authorities a ON a.authority_id = d.authority_id
     WHERE d.bin_id = :bin_id
""")
LIST_AUTHORITIES = text("""
    SELECT authority_id, slug FROM authorities WHERE CAST(:slug AS text) IS NULL OR slug = :slug ORDER BY slug
""")


@dataclass(frozen=True, slots=True)
class Owner:
    """An authority as commands name it."""

    authority_id: int
    slug: str


@contextmanager
def engine_as(role: DatabaseRole, settings: Settings) -> Iterator[Engine]:
    """Give an engine on the database of ``DATABASE_URL``, else on the demo's, for the time of the block."""
    with database_in_use(settings) as url:
        engine = open_engine(url, role=role)
        try:
            yield engine
        finally:
            engine.dispose()


def get_owner(connection: Connection, bin_id: str) -> Owner:
    """Return the authority a bin belongs to.

    Raises:
        click.ClickException: no authority has the bin.
    """
    row = connection.execute(GET_OWNER, {"bin_id": bin_id}).one_or_none()
    if row is None:
        raise click.ClickException(f"no authority has a bin {bin_id}: check its id")
    return Owner(*row)


def list_owners(connection: Connection, *, slug: str | None, bin_id: str | None = None) -> list[Owner]:
    """List the authorities to look at, by slug: that of a bin, the one named, or all.

    Raises:
        click.ClickException: there is none such.
    """
    if bin_id is not None:
        return [get_owner(connection, bin_id)]
    owners = [Owner(*row) for row in connection.execute(LIST_AUTHORITIES, {"slug": slug})]
    if slug is not None and not owners:
        raise click.ClickException(f"no authority is called {slug}: check the slug")
    return owners
