"""``bontri stats ranking``: sites or communes by kilograms, each with what to do there and why."""

import datetime
from typing import TYPE_CHECKING, Any

import click

from bontri.commands.settle import print_table
from bontri.commands.stats.figures import number
from bontri.commands.stats.periods import in_period, period_of
from bontri.commands.tenants import of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.statistics.advice import Ranked

SHORT = {"repair": "repair", "add": "add", "empty_earlier": "empty earlier", "move": "move"}
PERIOD_DAYS = 90
"""As many as it takes to say that a site takes too little."""


@click.command("ranking")
@of_authority
@in_period
@click.option("--level", type=click.Choice(["site", "commune"]), default="site", show_default=True)
@click.option("--material", metavar="NAME", help="Only this one.")
@click.option("--commune", "insee_code", metavar="INSEE", help="Only this commune.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="en", show_default=True, help="Of the sentences.")
@AS_JSON
def ranking(
    authority: str,
    first_day: datetime.date | None,
    last_day: datetime.date | None,
    *,
    language: Any,
    is_json: bool,
    **asked: Any,
) -> None:
    """Say which sites or communes took most, and what to do where: repair, add, empty earlier, move.

    By default of the last 90 days that are over. Of data that are not complete nothing is advised, and the reason is
    told. A dash is a figure nobody knows; a star marks what is not complete.

    \b
    Examples:
      bontri stats ranking --authority plaine-commune-demo
      bontri stats ranking --authority plaine-commune-demo --from 2026-01 --to 2026-10 --level commune
      bontri stats ranking --authority plaine-commune-demo --material glass --json
    """
    from ingest.worker import utc_now
    from rewards.statistics.advice import list_ranking, say
    from rewards.statistics.figures import Question
    from rewards.territory import get_timezone

    now = utc_now()
    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        timezone = get_timezone(connection, authority_id=tenant.authority_id)
        today = now.astimezone(timezone).date()
        period = period_of(first_day, last_day, today=today, days=PERIOD_DAYS)
        question = Question(period, "whole", **asked)
        found = list_ranking(connection, question, authority_id=tenant.authority_id, timezone=timezone, now=now)
    if is_json:
        days = {"first_day": period.first_day, "last_day": period.last_day, "timezone": timezone.key}
        click.echo(as_json({"period": days, "level": question.level, "ranking": [as_row(each) for each in found]}))
        return
    click.echo(f"{period.first_day} to {period.last_day}, both included ({timezone.key})\n")
    if not found:
        click.echo("There is no such place yet: bontri fleet import FILE brings sites and bins.")
        return
    header = ("", question.level, "do", "kg", "kg/bin/day", "full %")
    equipped = [each for each in found if each.cell.coverage.bins]
    print_table(header, [describe(each) for each in equipped], words=3)
    if bare := len(found) - len(equipped):
        click.echo(f"\n{bare:,} without a bin in that time are not shown.")
    told = [each for each in found if each.judgement.advice]
    click.echo()
    for each in told:
        click.echo(f"{name_of(each)}: {say(each.judgement, language)}")
    if not told:
        click.echo("Nothing is advised; --json says why of each.")


def name_of(each: "Ranked") -> str:
    """Return the site's reference, or the commune."""
    return each.cell.place.site or each.cell.place.commune or ""


def describe(each: "Ranked") -> tuple[str, ...]:
    """Return one row for people."""
    return (
        "–" if each.rank is None else f"{each.rank}",
        name_of(each) + ("" if each.cell.is_complete else " *"),
        SHORT[each.judgement.advice] if each.judgement.advice else "",
        "–" if each.kg_total is None else number(each.kg_total, whole=True),
        "–" if each.kg_per_bin_day is None else number(each.kg_per_bin_day),
        "–" if each.full_pct is None else number(each.full_pct),
    )


def as_row(each: "Ranked") -> dict[str, Any]:
    """Return one place as plain values, numbers as numbers."""
    from rewards.languages import LANGUAGES
    from rewards.statistics.advice import say

    place, judgement = each.cell.place, each.judgement
    return {
        "place": each.place,
        "rank": each.rank,
        "rank_per_bin_day": each.rank_per_bin_day,
        "site": place.site,
        "insee_code": place.insee_code,
        "commune": place.commune,
        "bins": each.cell.coverage.bins,
        "bin_days": each.cell.coverage.bin_days,
        "is_complete": each.cell.is_complete,
        "kg_total": plain(each.kg_total),
        "kg_per_bin_day": plain(each.kg_per_bin_day),
        "full_pct": plain(each.full_pct),
        "sites_advised": each.sites_advised,
        "advice": judgement.advice,
        "reasons": [
            {"name": told.name, "value": plain(told.value), "threshold": plain(told.threshold)}
            for told in judgement.reasons
        ],
        "no_advice": judgement.no_advice,
        "sentence": {language: say(judgement, language) for language in LANGUAGES},
    }


def plain(figure: Any) -> float | None:
    """Return a figure as JSON has it."""
    return None if figure is None else float(figure)
