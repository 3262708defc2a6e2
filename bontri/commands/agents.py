"""``bontri agents``: the people who work for an authority. The first admin is added here; they add the others."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.tenants import LONGEST_NAME, Text, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.agents import Agent

ROLES = click.Choice(["viewer", "manager", "admin"])
LONGEST_ADDRESS = 255


class Email(Text):
    """An e-mail address, as far as one can tell."""

    name = "EMAIL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address, or fail with a sentence."""
        said = super().convert(value, param, ctx)
        before, at, after = said.partition("@")
        if not (before and at and after and said.isascii() and said.isprintable() and " " not in said):
            self.fail(f"{said!r} is no e-mail address", param, ctx)
        return said


@click.group()
def agents() -> None:
    """Invite the people of an authority, give them a role, block them. They sign in with codes sent by e-mail.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@agents.command("add")
@click.argument("name", type=Text(LONGEST_NAME))
@of_authority
@click.option("--email", type=Email(LONGEST_ADDRESS), required=True, help="Where codes to sign in go.")
@click.option("--role", type=ROLES, default="viewer", show_default=True, help="What they may do.")
@AS_JSON
def add_command(name: str, authority: str, *, email: str, role: Any, is_json: bool) -> None:
    """Invite somebody called NAME. A viewer reads, a manager works, an admin configures, each as those before.

    \b
    Example:
      bontri agents add "Ada Martin" --authority plaine-commune --email ada@example.org --role admin
    """
    from bontri.operating import keyring_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.agents import invite_agent

    keyring = keyring_in_use(read_settings())
    with tenant_in_use(authority) as (connection, tenant):
        facts = {"authority_id": tenant.authority_id, "name": name, "email": email, "role": role}
        agent_id = invite_agent(connection, keyring, **facts, now=utc_now())
    click.echo(as_json({"agent_id": str(agent_id)}) if is_json else f"{agent_id}  {name} can sign in as {role}.")


@agents.command("list")
@of_authority
@AS_JSON
def list_command(authority: str, is_json: bool) -> None:
    """List the agents of an authority, blocked ones too, those first who were invited first.

    \b
    Example:
      bontri agents list --authority plaine-commune
    """
    from bontri.operating import keyring_in_use
    from bontri.settings import read_settings
    from rewards.agents import list_agents

    keyring = keyring_in_use(read_settings())
    with tenant_in_use(authority) as (connection, tenant):
        found = list_agents(connection, keyring, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        click.echo(agent_as_line(each))
    if not found:
        click.echo("The authority has no agents yet: see bontri agents add.")


def agent_as_line(agent: "Agent") -> str:
    """Write an agent in a line."""
    blocked = "" if agent.state == "active" else "  blocked"
    return f"{agent.agent_id}  {agent.role:7}  {agent.name} <{agent.email}>{blocked}"


@agents.command("role")
@click.argument("agent_id", metavar="AGENT", type=click.UUID)
@click.argument("role", type=ROLES)
@of_authority
@AS_JSON
def role_command(agent_id: UUID, role: Any, authority: str, is_json: bool) -> None:
    """Give an agent another role, from the next request on. The last active admin stays one.

    \b
    Example:
      bontri agents role 01920000-0000-7000-8000-000000000000 manager --authority plaine-commune
    """
    change(agent_id, authority, {"role": role}, f"From now on the agent is {role}.", is_json=is_json)


@agents.command("block")
@click.argument("agent_id", metavar="AGENT", type=click.UUID)
@of_authority
@AS_JSON
def block_command(agent_id: UUID, authority: str, is_json: bool) -> None:
    """Block an agent and end all of their sessions, and keys they made for programs, at once.

    The last active admin cannot be blocked.

    \b
    Example:
      bontri agents block 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    change(
        agent_id,
        authority,
        {"state": "blocked"},
        "Blocked; no session is left, and no key they made for a program.",
        is_json=is_json,
    )


def change(agent_id: UUID, authority: str, changes: dict[str, Any], said: str, *, is_json: bool) -> None:
    """Change an agent and say so."""
    from ingest.worker import utc_now
    from rewards.agents import change_agent

    with tenant_in_use(authority) as (connection, tenant):
        change_agent(connection, agent_id, authority_id=tenant.authority_id, **changes, now=utc_now())
    click.echo(as_json({"agent_id": str(agent_id), **changes}) if is_json else said)
