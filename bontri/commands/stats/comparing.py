"""``bontri stats compare``, ``capture`` and ``characterise``: the authority beside others, and what it still misses."""

from typing import TYPE_CHECKING

import click

from bontri.commands.settle import print_table
from bontri.commands.stats.lacking import describe_collected, describe_lack, describe_no_capture
from bontri.commands.stats.masses import LONGEST_SOURCE
from bontri.commands.tenants import Text, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.statistics.references.by_bins import TakenByBins
    from rewards.statistics.references.comparing import Reference

STREAM = click.option("--stream", default="glass", show_default=True, help="A material, or residual, packaging_paper.")
YEAR_RANGE = click.IntRange(2000, 2100)
YEAR = click.option("--year", type=YEAR_RANGE, help="The year to look at; default: the last that is over.")


@click.command("compare")
@of_authority
@YEAR
@STREAM
@AS_JSON
def compare(authority: str, year: int | None, stream: str, is_json: bool) -> None:
    """Compare kilograms per inhabitant with the département, the région and the nation, weighted by who lives there.

    Needs references, and tonnages of the whole year: bontri stats import. Beside them stands what bins took, which
    is a part. The nearest year of the references is taken.

    \b
    Examples:
      bontri stats compare --authority plaine-commune-demo
      bontri stats compare --authority plaine-commune-demo --year 2017 --stream residual --json
    """
    from ingest.worker import utc_now
    from rewards.statistics.references.comparing import compare
    from rewards.statistics.tonnages.collected import get_collected
    from rewards.territory import get_timezone

    now = utc_now()

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        of_tenant = {"authority_id": tenant.authority_id}
        timezone = get_timezone(connection, **of_tenant)
        this_year = now.astimezone(timezone).year
        year = year or this_year - 1
        found = compare(connection, stream, year, **of_tenant, timezone=timezone, now=now)
        collected = get_collected(connection, stream, year, **of_tenant)
    if is_json:
        click.echo(as_json(found))
        return
    say_if_not_over(year, this_year)
    if found.reference_year is None:
        click.echo(f"There are no references of {stream} yet: bontri stats import references FILE")
    elif found.years_apart:
        click.echo(f"References are of {found.reference_year}, {found.years_apart} years from {year}.")
    rows = [describe(found.own, authority, describe_collected(collected))]
    if found.by_bins is not None:
        rows.append(describe_bins(found.by_bins, f"{authority}, its bins alone", year))
    rows += [describe(each, each.name) for each in found.references]
    print_table(("territory", "year", "kg/inhabitant", "inhabitants", "of census"), [row[:-1] for row in rows], words=2)
    notes = [f"{row[0]}: {row[-1]}" for row in rows if row[-1]]
    if notes:
        click.echo()
    for note in notes:
        click.echo(click.wrap_text(note, width=79, subsequent_indent="  "))


def say_if_not_over(year: int, this_year: int) -> None:
    """Print that a year is not over, before anything is told of it."""
    if year >= this_year:
        click.echo(f"{year} is not over: what was collected in it is known when it is.")


def describe(each: "Reference", name: str, lacks: str = "") -> tuple[str, ...]:
    """Return one row for people; ``lacks`` says in a sentence what is missing, where more is known than its code."""
    kg = "missing" if each.kg_per_inhabitant is None else f"{each.kg_per_inhabitant:,.2f}"
    some = each.departments < each.departments_in_all
    note = (
        lacks
        or describe_lack(each.missing)
        or (f"{each.departments} of {each.departments_in_all} départements" if some else "")
    )
    people = "" if each.population is None else f"{each.population:,}"
    return (name, str(each.year), kg, people, ", ".join(map(str, each.population_years)), note)


def describe_bins(each: "TakenByBins", name: str, year: int) -> tuple[str, ...]:
    """Return the row of what bins took."""
    kg = "missing" if each.kg_per_inhabitant is None else f"{each.kg_per_inhabitant:,.2f}"
    people = "" if each.population is None else f"{each.population:,}"
    note = (
        describe_lack(each.missing)
        or f"as for a year, from {each.days} days; {each.bins_reporting} of {each.bins} bins reported"
    )
    return (name, str(year), kg, people, ", ".join(map(str, each.population_years)), note)


@click.command("capture")
@of_authority
@YEAR
@STREAM
@AS_JSON
def capture(authority: str, year: int | None, stream: str, is_json: bool) -> None:
    """Say which share of a stream was collected separately: collected / (collected + residual × share).

    Needs tonnages of the stream and of residual waste for the whole year, and an analysis of residual waste.

    \b
    Examples:
      bontri stats characterise glass --authority plaine-commune-demo --year 2024 --permille 55 --source "MODECOM 2024"
      bontri stats capture --authority plaine-commune-demo
    """
    from ingest.worker import utc_now
    from rewards.statistics.tonnages.collected import get_capture
    from rewards.territory import get_timezone

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        this_year = utc_now().astimezone(get_timezone(connection, authority_id=tenant.authority_id)).year
        year = year or this_year - 1
        found = get_capture(connection, stream, year, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    say_if_not_over(year, this_year)
    rows = [
        (each.stream, "missing" if each.mass_g is None else f"{each.mass_g / 1_000_000:,.1f}", describe_collected(each))
        for each in (found.collected, found.residual)
    ]
    print_table(("stream", f"tonnes in {year}", "note"), rows, words=1)
    if found.share is not None:
        of = f"of residual waste in {found.share.year} ({found.share.source})"
        click.echo(f"{stream} was {found.share.share_permille / 10:g} % {of}.")
    known = f"Captured: {found.capture_pct:.1f} %." if found.capture_pct is not None else None
    click.echo(known or f"Not known: {describe_no_capture(found)}.")


@click.command("characterise")
@click.argument("stream")
@of_authority
@click.option("--year", type=YEAR_RANGE, required=True, help="Of the analysis.")
@click.option("--permille", type=click.IntRange(0, 1000), required=True, help="Of 1,000 kg of residual waste.")
@click.option("--source", required=True, type=Text(LONGEST_SOURCE), help="Whose analysis it was.")
def characterise(stream: str, authority: str, year: int, permille: int, source: str) -> None:
    """Note which part of residual waste is a stream, as an analysis found (MODECOM); holds until a later one.

    \b
    Example:
      bontri stats characterise glass --authority plaine-commune-demo --year 2024 --permille 55 --source "MODECOM 2024"
    """
    from rewards.statistics.tonnages.collected import Share, set_share

    with tenant_in_use(authority) as (connection, tenant):
        set_share(connection, stream, Share(permille, year, source), authority_id=tenant.authority_id)
    click.echo(f"{stream}: {permille / 10:g} % of residual waste from {year} on.")
