"""``bontri operator-keys``: who may run the installation over the API. The first key can be made nowhere else."""

from uuid import UUID

import click

from bontri.commands.tenants import Text
from bontri.json_output import AS_JSON, as_json

LONGEST_LABEL = 200


@click.group("operator-keys")
def operator_keys() -> None:
    """Make, list and revoke the keys of those who run the installation over the API.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@operator_keys.command("add")
@click.argument("label", type=Text(LONGEST_LABEL))
@AS_JSON
def add_command(label: str, is_json: bool) -> None:
    """Make a key; LABEL says whose it is. It is printed this once, and only its keyed digest is stored.

    \b
    Example:
      bontri operator-keys add "grace, laptop"
    """
    from bontri.operating import engine_in_use, keyring_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.api_keys import create_operator_key

    settings = read_settings()
    keyring = keyring_in_use(settings)
    with engine_in_use(settings, role="bontri_operator") as engine, engine.begin() as connection:
        made = create_operator_key(connection, keyring, label=label, now=utc_now())
    if is_json:
        click.echo(as_json({"operator_key_id": str(made.api_key_id), "secret": made.secret}))
        return
    click.echo(made.secret)
    click.echo("The key is shown this once, and is stored nowhere.", err=True)


@operator_keys.command("list")
@AS_JSON
def list_command(is_json: bool) -> None:
    """List the newest keys, ended ones too, without their secrets.

    \b
    Example:
      bontri operator-keys list
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from rewards.api_keys import list_operator_keys

    with engine_in_use(read_settings(), role="bontri_operator") as engine, engine.connect() as connection:
        found = list_operator_keys(connection, limit=1000)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        ended = f", revoked {each.revoked_at:%Y-%m-%d}" if each.revoked_at else ""
        ends = f", ends {each.expires_at:%Y-%m-%d}" if each.expires_at and not each.revoked_at else ""
        click.echo(f"{each.operator_key_id}  since {each.created_at:%Y-%m-%d}{ends}{ended}  {each.label}")
    if not found:
        click.echo("There is no key: bontri operator-keys add LABEL makes one.")


@operator_keys.command("revoke")
@click.argument("operator_key_id", metavar="ID", type=click.UUID)
def revoke_command(operator_key_id: UUID) -> None:
    """Refuse a key from its next request on.

    \b
    Example:
      bontri operator-keys revoke 01936a2e-7c41-7b7e-9d5a-2f6c1e8b4a10
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.api_keys import revoke_operator_key

    with engine_in_use(read_settings(), role="bontri_operator") as engine, engine.begin() as connection:
        is_changed = revoke_operator_key(connection, operator_key_id=operator_key_id, now=utc_now())
    click.echo("The key is refused from now on." if is_changed else "There was nothing left to revoke.")
