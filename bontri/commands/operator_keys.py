"""``bontri operator-keys``: keys of programs that run the installation over HTTP, above all authorities."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING
from uuid import UUID

import click

from bontri.commands.tenants import LONGEST_NAME, Text

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group("operator-keys")
def operator_keys() -> None:
    """Make, list and revoke keys of operators' programs. A secret is shown once, and stored nowhere.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@contextmanager
def database() -> "Iterator[Connection]":
    """Give a transaction on the database in use."""
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings

    with engine_in_use(read_settings(), role="bontri_operator") as engine, engine.begin() as connection:
        yield connection


@operator_keys.command("add")
@click.argument("label", type=Text(LONGEST_NAME))
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def add_command(label: str, is_json: bool) -> None:
    """Make a key; LABEL says what it is for. It may do to every authority what an operator may.

    \b
    Example:
      bontri operator-keys add "monitoring of the region"
    """
    from bontri.operating import keyring_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.api_keys import create_operator_key

    keyring = keyring_in_use(read_settings())
    with database() as connection:
        key = create_operator_key(connection, keyring, label=label, now=utc_now())
    if is_json:
        click.echo(json.dumps(asdict(key), default=str))
    else:
        click.echo(f"{key.api_key_id}\n{key.secret}\nThe second line is the secret: it is shown this once.")


@operator_keys.command("list")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def list_command(is_json: bool) -> None:
    """List the keys, newest first, revoked ones too.

    \b
    Example:
      bontri operator-keys list
    """
    from rewards.api_keys import list_operator_keys

    with database() as connection:
        found = list_operator_keys(connection)
    if is_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2, default=str))
        return
    for each in found:
        state = "good" if each.revoked_at is None else f"revoked {each.revoked_at:%Y-%m-%d}"
        click.echo(f"{each.operator_key_id}  {each.label}, made {each.created_at:%Y-%m-%d}, {state}")
    if not found:
        click.echo("There is no key of an operator yet: see bontri operator-keys add.")


@operator_keys.command("revoke")
@click.argument("operator_key_id", metavar="KEY", type=click.UUID)
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def revoke_command(operator_key_id: UUID, is_json: bool) -> None:
    """Refuse a key from now on, named by its id.

    \b
    Example:
      bontri operator-keys revoke 01920000-0000-7000-8000-000000000000
    """
    from ingest.worker import utc_now
    from rewards.api_keys import ApiKeyUnknownError, revoke_operator_key

    with database() as connection:
        if not revoke_operator_key(connection, operator_key_id=operator_key_id, now=utc_now()):
            raise ApiKeyUnknownError
    click.echo(json.dumps({"revoked": str(operator_key_id)}) if is_json else "Refused from now on.")
