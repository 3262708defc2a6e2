"""``bontri shop-keys``: what a shop's till calls the API with; made, replaced one till after the other, revoked."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.tenants import Text, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from rewards.api_keys import ListedApiKey, NewApiKey
    from rewards.keyring import Keyring

SCOPES = ("redeem", "offers", "statements", "staff")
LONGEST_LABEL = 60
MOST_HOURS = 720
SHOWN_ONCE = "The secret is stored nowhere and shown this once."


@click.group("shop-keys")
def shop_keys() -> None:
    """Give shops the keys of their tills, replace and revoke them.

    A shop's own key with the scope "staff" does the same over the API, for that shop. Works on the database of
    DATABASE_URL; without it on the demo's.
    """


@contextmanager
def key_desk(slug: str) -> "Iterator[tuple[Connection, Keyring, dict[str, Any]]]":
    """Give a transaction, the secrets keys are digested with, and the authority."""
    from bontri.operating import keyring_in_use
    from bontri.settings import read_settings

    keyring = keyring_in_use(read_settings())
    with tenant_in_use(slug) as (connection, tenant):
        yield connection, keyring, {"authority_id": tenant.authority_id}


@shop_keys.command("add")
@click.argument("label", type=Text(LONGEST_LABEL))
@of_authority
@click.option("--shop", required=True, help="Whose, by name or id.")
@click.option(
    "--scope", "scopes", type=click.Choice(SCOPES), multiple=True, help="Good for this; repeatable. Default: redeem."
)
@AS_JSON
def add_command(label: str, authority: str, shop: str, scopes: tuple[str, ...], is_json: bool) -> None:
    """Make a key and print its secret, once. LABEL is what you call it.

    \b
    Examples:
      bontri shop-keys add "till 1" --authority plaine-commune --shop "Boulangerie du Canal"
      bontri shop-keys add "back office" --authority plaine-commune --shop "Boulangerie du Canal" \\
        --scope offers --scope statements --scope staff --json
    """
    from ingest.worker import utc_now
    from rewards.api_keys import create_api_key
    from rewards.settlement import find_shop

    good_for = scopes or SCOPES[:1]
    with key_desk(authority) as (connection, keyring, of_tenant):
        shop_id = find_shop(connection, shop, **of_tenant)
        made = create_api_key(
            connection,
            keyring,
            **of_tenant,
            audience="shop",
            shop_id=shop_id,
            label=label,
            scopes=good_for,
            now=utc_now(),
        )
    show_secret(made, f"Good for {', '.join(sorted(good_for))}.", is_json=is_json)


@shop_keys.command("list")
@of_authority
@click.option("--shop", help="Only of this one, by name or id.")
@click.option("--most", type=click.IntRange(1, 100_000), default=500, show_default=True)
@AS_JSON
def list_command(authority: str, shop: str | None, most: int, is_json: bool) -> None:
    """List keys of shops, newest first, ended ones too; never a secret.

    \b
    Examples:
      bontri shop-keys list --authority plaine-commune
      bontri shop-keys list --authority plaine-commune --shop "Boulangerie du Canal" --json
    """
    from ingest.worker import utc_now
    from rewards.api_keys import list_api_keys
    from rewards.settlement import find_shop

    with tenant_in_use(authority) as (connection, tenant):
        of_tenant: dict[str, Any] = {"authority_id": tenant.authority_id}
        shop_id = find_shop(connection, shop, **of_tenant) if shop else None
        keys = list_api_keys(connection, audience="shop", **of_tenant, shop_id=shop_id, limit=most)
    if is_json:
        click.echo(as_json(keys))
        return
    if not keys:
        click.echo("There is no such key.")
        return
    print_keys(keys, now=utc_now())


@shop_keys.command("replace")
@click.argument("api_key_id", metavar="KEY", type=click.UUID)
@of_authority
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, MOST_HOURS),
    default=168,
    show_default=True,
    help="How long the old key goes on.",
)
@AS_JSON
def replace_command(api_key_id: UUID, authority: str, overlap_hours: int, is_json: bool) -> None:
    """Make a key like KEY and print its secret, once; the old one goes on for a while, and then ends by itself.

    \b
    Example:
      bontri shop-keys replace 01920000-0000-7000-8000-000000000000 --authority plaine-commune --overlap-hours 24
    """
    from ingest.worker import utc_now
    from rewards.api_keys import replace_api_key

    with key_desk(authority) as (connection, keyring, of_tenant):
        overlap = datetime.timedelta(hours=overlap_hours)
        made = replace_api_key(
            connection, keyring, **of_tenant, api_key_id=api_key_id, audience="shop", overlap=overlap, now=utc_now()
        )
    show_secret(made, f"The old key ends in {overlap_hours} hours.", is_json=is_json)


@shop_keys.command("revoke")
@click.argument("api_key_id", metavar="KEY", type=click.UUID)
@of_authority
def revoke_command(api_key_id: UUID, authority: str) -> None:
    """Refuse a key from this moment on.

    \b
    Example:
      bontri shop-keys revoke 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.api_keys import ApiKeyUnknownError, revoke_api_key

    with tenant_in_use(authority) as (connection, tenant):
        of_tenant: dict[str, Any] = {"authority_id": tenant.authority_id}
        if not revoke_api_key(connection, **of_tenant, api_key_id=api_key_id, audience="shop", now=utc_now()):
            raise ApiKeyUnknownError
    click.echo("Revoked: the API refuses it from now on.")


def show_secret(made: "NewApiKey", said: str, *, is_json: bool) -> None:
    """Print a new key; for people with what to know about it."""
    if is_json:
        click.echo(as_json(made))
        return
    click.echo(f"{made.api_key_id}\n{made.secret}")
    click.echo(f"{said} {SHOWN_ONCE}", err=True)


def print_keys(keys: "list[ListedApiKey]", *, now: datetime.datetime) -> None:
    """Print a row a key."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("key", "shop", "shop id", "label", "good for", "state"):
        table.add_column(column, no_wrap=column in ("key", "shop id"))
    for key in keys:
        table.add_row(
            str(key.api_key_id),
            key.shop,
            str(key.shop_id),
            key.label,
            ", ".join(key.scopes or ()),
            state_of(key, now=now),
        )
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:  # whose width is 80 then, which cuts ids off
        console.width = 160
    console.print(table)


def state_of(key: "ListedApiKey", *, now: datetime.datetime) -> str:
    """Say whether a key is good."""
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "good"
    return f"{'ended' if key.expires_at <= now else 'replaced, ends'} {key.expires_at:%Y-%m-%d %H:%M} UTC"
