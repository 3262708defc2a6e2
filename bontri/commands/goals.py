"""``bontri goals``: points a school, a building or a commune wants to be given together."""

import datetime
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.tenants import LOCAL, LONGEST_NAME, Text, clock_of, instant_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rewards.goals import Goal

GROUP_KINDS = ("school", "building", "commune", "other")
LONGEST_REWARD = 1000
MOST_TARGET = 1_000_000_000


@click.group()
def goals() -> None:
    """Set collective goals: points given together until a day, for a reward; all or nothing.

    Works on the database of DATABASE_URL; without it on the demo's. Days and times are the authority's.
    """


@goals.command("add")
@click.argument("title", type=Text(LONGEST_NAME))
@of_authority
@click.option("--kind", "group_kind", type=click.Choice(GROUP_KINDS), required=True, help="Whose goal it is.")
@click.option("--group", "group_name", type=Text(LONGEST_NAME), required=True, help="The name of the group.")
@click.option("--target", "target_points", type=click.IntRange(1, MOST_TARGET), required=True, help="In points.")
@click.option("--reward", type=Text(LONGEST_REWARD), required=True, help="What the group gets; told to citizens.")
@click.option("--from", "starts", type=LOCAL, metavar="DATE", help="From then on; default: now.")
@click.option("--until", "ends", type=LOCAL, metavar="DATE", required=True, help="Before then.")
@click.option("--cause", "to_cause_id", type=click.UUID, metavar="CAUSE", help="Gets the points if it is reached.")
def add_command(authority: str, starts: datetime.datetime | None, ends: datetime.datetime, **terms: Any) -> None:
    """Open a goal. If it is missed, every donation goes back to where it came from.

    \b
    Example:
      bontri goals add "Un verger dans la cour" --authority plaine-commune --kind school \\
        --group "École Jean-Jaurès" --target 5000 --until 2027-06-30 --reward "Cinq arbres fruitiers"
    """
    from ingest.worker import utc_now
    from rewards.goals import GoalTerms, add_goal

    now = utc_now()
    with tenant_in_use(authority) as (connection, tenant):
        starts_at = instant_of(connection, starts, authority_id=tenant.authority_id) or now
        ends_at = instant_of(connection, ends, authority_id=tenant.authority_id)
        if ends_at is None or ends_at <= max(starts_at, now):
            raise click.UsageError("--until is over, or not after --from")
        goal_terms = GoalTerms(**terms, starts_at=starts_at, ends_at=ends_at)
        goal_id = add_goal(connection, goal_terms, authority_id=tenant.authority_id, now=now)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    click.echo(f"{goal_id}  open from {clock(starts_at):.16} until {clock(ends_at):.16}")


@goals.command("list")
@of_authority
@click.option("--all", "with_all", is_flag=True, help="With those to come and those that have ended.")
@AS_JSON
def list_command(authority: str, with_all: bool, is_json: bool) -> None:
    """List the goals that run, those that end first first, with how far they are.

    \b
    Examples:
      bontri goals list --authority plaine-commune
      bontri goals list --authority plaine-commune --all --json
    """
    from ingest.worker import utc_now
    from rewards.goals import list_goals
    from rewards.territory import get_timezone

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        timezone = get_timezone(connection, authority_id=tenant.authority_id)
        found = list_goals(connection, authority_id=tenant.authority_id, now=utc_now(), with_all=with_all)
    if is_json:
        click.echo(as_json([goal_as_facts(each) for each in found]))
        return
    for each in found:
        click.echo(goal_as_line(each, timezone))
    if not found:
        click.echo("No goal runs." if not with_all else "There is no goal.")


@goals.command("show")
@click.argument("goal_id", metavar="GOAL", type=click.UUID)
@of_authority
@AS_JSON
def show_command(goal_id: UUID, authority: str, is_json: bool) -> None:
    """Show a goal: how far it is, and how many gave unless they are fewer than 11.

    \b
    Example:
      bontri goals show 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from rewards.goals import get_goal
    from rewards.territory import get_timezone

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        timezone = get_timezone(connection, authority_id=tenant.authority_id)
        found = get_goal(connection, goal_id, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(goal_as_facts(found)))
        return
    click.echo(goal_as_line(found, timezone))
    click.echo(f"  for {found.group_name} ({found.group_kind}): {found.reward}")
    starts, ends = (each.astimezone(timezone) for each in (found.starts_at, found.ends_at))
    click.echo(f"  from {starts:%Y-%m-%d %H:%M} until {ends:%Y-%m-%d %H:%M}")
    click.echo("  given by " + (f"{found.givers:,} wallets" if found.givers else "fewer than 11 wallets"))
    if found.cause:
        click.echo(f"  the points go to {found.cause}")


@goals.command("close")
@click.argument("goal_id", metavar="GOAL", type=click.UUID)
@of_authority
@AS_JSON
def close_command(goal_id: UUID, authority: str, is_json: bool) -> None:
    """Close a goal now: reached, its points go to its cause; not reached, it is missed and they go back.

    At their end goals are closed by themselves: bontri jobs run.

    \b
    Example:
      bontri goals close 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.goals import close_goal

    with tenant_in_use(authority, role="bontri_api") as (connection, tenant):
        closed = close_goal(connection, goal_id, authority_id=tenant.authority_id, now=utc_now())
    if is_json:
        click.echo(as_json(closed))
    elif closed.state == "closed":
        click.echo(f"Closed; its {closed.points:,} points were reached: hand out the reward.")
    else:
        click.echo(f"Missed; {closed.points:,} points go back with the next run of: bontri jobs once close-goals")


def goal_as_facts(goal: "Goal") -> dict[str, Any]:
    """Return a goal as JSON has it."""
    return {**asdict(goal), "share_percent": goal.share_percent}


def goal_as_line(goal: "Goal", timezone: "ZoneInfo") -> str:
    """Write a goal in a line, its end by the authority's clock."""
    given = f"{goal.points:,} of {goal.target_points:,} points ({goal.share_percent} %)"
    ends = goal.ends_at.astimezone(timezone)
    return f"{goal.goal_id}  {goal.state:7}  {goal.title}, {goal.group_name}: {given}, until {ends:%Y-%m-%d}"
