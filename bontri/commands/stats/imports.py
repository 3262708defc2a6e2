"""``bontri stats import``: references, populations, tonnages and outlines from files, shown before they are stored."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from bontri.commands.stats.masses import LONGEST_SOURCE
from bontri.commands.tenants import Text, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from rewards.csv_files import CsvFault
    from rewards.statistics.imports import Preview

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would change.")
YES = click.option("--yes", "is_agreed", is_flag=True, help="Store it without asking.")
SOURCE = click.option(
    "--source", type=Text(LONGEST_SOURCE), help="Where the numbers come from; default: the file's name."
)
SHOWN = 20
LARGEST_FILE = 50_000_000


@click.group("import")
def imports() -> None:
    """Import what figures are compared with, divided by and drawn on.

    Outlines are GeoJSON. The other files are CSV as spreadsheets write them: a header; commas, semicolons or tabs;
    UTF-8 or Windows-1252; decimal commas or points. What would change is shown first. When a line is faulty nothing
    is imported, and every fault is told.
    """


@imports.command("references")
@FILE
@DRY_RUN
@YES
@SOURCE
@AS_JSON
def references(file: Path, dry_run: bool, is_agreed: bool, source: str | None, is_json: bool) -> None:
    """Import tonnages of départements by year and stream, in the form of SINOE; the same for every authority.

    Columns: year, department, stream_code (08A residual, 08B packaging and paper, 08C glass, 08D food), tonnes,
    population; kg_per_inhabitant is checked where it is there.

    \b
    Examples:
      bontri stats import references sinoe_household_waste_2009_2017.csv --dry-run
      bontri stats import references sinoe_household_waste_2009_2017.csv --yes --source "ADEME SINOE"
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from rewards.statistics.references.sinoe import find_doubtful, read_sinoe
    from rewards.statistics.references.storing import preview_references, store_references

    read = read_sinoe(read_file(file))
    refuse(file, [*read.faults, *find_doubtful(read.rows)])
    with engine_in_use(read_settings(), role="bontri_operator") as engine, engine.begin() as connection:
        found = preview_references(connection, read.rows)
        if conclude(found, dry_run=dry_run, is_agreed=is_agreed, is_json=is_json, left_out=read.left_out):
            store_references(connection, read.rows, source=source or file.name)


@imports.command("populations")
@FILE
@of_authority
@click.option("--year", type=click.IntRange(1962, 2100), help="Of the census, where the file has no column year.")
@click.option("--skip-others", is_flag=True, help="Leave out communes that are not the authority's.")
@DRY_RUN
@YES
@SOURCE
@AS_JSON
def populations(  # noqa: PLR0917 (click passes options by name)
    file: Path, authority: str, year: int | None, skip_others: bool, source: str | None, is_json: bool, **how: bool
) -> None:
    """Import how many live in communes, by year of the census, in the form of INSEE.

    Columns: insee_code (CODGEO, COM), population (PMUN, population municipale), year, name. Arrondissements of Paris,
    Lyon and Marseille stand for their commune when all are there, and are refused beside it.

    \b
    Examples:
      bontri stats import populations communes.csv --authority plaine-commune-demo --year 2023 --skip-others --dry-run
    """
    from rewards.statistics.census_files import preview_populations, read_census, store_populations

    counted, faults = read_census(read_file(file), year=year)

    def store(connection: "Connection", authority_id: int) -> None:
        found, unknown = preview_populations(connection, counted, authority_id=authority_id, skips_others=skip_others)
        refuse(file, [*faults, *unknown])
        if conclude(found, **how, is_json=is_json):
            store_populations(connection, found.rows, authority_id=authority_id, source=source or file.name)

    of_tenant(authority, store)


@imports.command("tonnages")
@FILE
@of_authority
@click.option("--unit", type=click.Choice(["kg", "t"]), help="Of a column that does not say: kilograms or tonnes.")
@click.option("--sure", "is_sure", is_flag=True, help="Take quantities that are not usual there, or cannot be true.")
@DRY_RUN
@YES
@SOURCE
@AS_JSON
def tonnages(  # noqa: PLR0917 (click passes options by name)
    file: Path,
    authority: str,
    unit: Literal["kg", "t"] | None,
    is_sure: bool,
    source: str | None,
    is_json: bool,
    **how: bool,
) -> None:
    """Import what was collected, by place, stream and month or days.

    Columns: site or insee_code (both empty: the whole authority); stream (a material, or residual, packaging_paper,
    food); month (2026-10, 10/2026), or first_day and last_day; tonnage_kg or tonnage_t. An empty tonnage is missing and
    left out, 0 is a zero.

    \b
    Examples:
      bontri stats import tonnages glass-2026.csv --authority plaine-commune-demo --dry-run
      bontri stats import tonnages pesees.csv --authority plaine-commune-demo --unit kg --yes
    """
    from ingest.worker import utc_now
    from rewards.statistics.tonnages.importing import preview_tonnages, store_tonnages
    from rewards.statistics.tonnages.reading import read_tonnages
    from rewards.territory import get_timezone

    read = read_tonnages(read_file(file))
    now = utc_now()

    def store(connection: "Connection", authority_id: int) -> None:
        today = now.astimezone(get_timezone(connection, authority_id=authority_id)).date()
        found, faults = preview_tonnages(
            connection, read, authority_id=authority_id, today=today, unit=unit, is_sure=is_sure
        )
        refuse(file, faults)
        if found is not None and conclude(found, **how, is_json=is_json, left_out=read.left_out):
            store_tonnages(connection, found.rows, authority_id=authority_id, source=source or file.name, now=now)

    of_tenant(authority, store)


@imports.command("outlines")
@FILE
@of_authority
@DRY_RUN
@YES
@SOURCE
@AS_JSON
def outlines(file: Path, authority: str, source: str | None, is_json: bool, **how: bool) -> None:
    """Import where communes are, for maps, from a GeoJSON FeatureCollection of polygons.

    Each feature has the INSEE code among its properties (insee_code, INSEE_COM, code, ...); longitude and latitude in
    degrees. Communes of others are left out, arrondissements put together, borders simplified to about 30 m.

    \b
    Examples:
      curl -o outlines.geojson \\
        'https://geo.api.gouv.fr/epcis/200057867/communes?format=geojson&geometry=contour'
      bontri stats import outlines outlines.geojson --authority plaine-commune-demo --source "IGN, 2026" --dry-run
    """
    from rewards.outlines import preview_outlines, read_outlines, store_outlines

    shapes, faults = read_outlines(read_file(file))
    refuse(file, faults)

    def store(connection: "Connection", authority_id: int) -> None:
        found, unusable, without = preview_outlines(connection, shapes, authority_id=authority_id)
        refuse(file, unusable)
        if without and not is_json:
            click.echo(f"Not in the file: {', '.join(without)}.")
        if conclude(found, **how, is_json=is_json):
            store_outlines(connection, found.rows, authority_id=authority_id, source=source or file.name)

    of_tenant(authority, store)


def of_tenant(slug: str, store: Callable[["Connection", int], None]) -> None:
    """Call ``store`` in one transaction on the authority a slug names."""
    with tenant_in_use(slug) as (connection, tenant):
        store(connection, tenant.authority_id)


def read_file(file: Path) -> bytes:
    """Return what a file holds; none of ours is so large as to fill the memory."""
    if file.stat().st_size > LARGEST_FILE:
        raise click.UsageError(f"{file} has more than {LARGEST_FILE // 1_000_000} MB")
    return file.read_bytes()


def refuse(file: Path, faults: "list[CsvFault]") -> None:
    """Raise when a file has faults."""
    from rewards.csv_files import CsvFaultyError

    if faults:
        raise CsvFaultyError(str(file), faults)


def conclude(found: "Preview", *, dry_run: bool, is_agreed: bool, is_json: bool, left_out: int = 0) -> bool:
    """Show what would change, and return whether to store it."""
    is_news = bool(found.new or found.changed)
    stores = is_news and not dry_run and (is_agreed or (not is_json and ask(found, left_out)))
    if is_json:
        changes = [{**asdict(each), "before": dict(each.before), "after": dict(each.after)} for each in found.changed]
        told: dict[str, Any] = {
            "new": len(found.new),
            "changed": changes,
            "unchanged": found.unchanged,
            "left_out": left_out,
            "warnings": [str(each) for each in found.warnings],
            "is_stored": stores,
        }
        click.echo(as_json(told))
    else:
        if dry_run or is_agreed or not is_news:
            show(found, left_out)
        click.echo("Stored." if stores else "Nothing was stored." if is_news else "Nothing to store.")
    return stores


def ask(found: "Preview", left_out: int) -> bool:
    """Show what would change and ask whether it shall."""
    show(found, left_out)
    return click.confirm("Store this?")


def show(found: "Preview", left_out: int) -> None:
    """Print what would change: counts, and the first changes with what is stored now."""
    for warning in found.warnings:
        click.echo(f"WARNING: {warning}")
    click.echo(
        f"{len(found.new):,} new, {len(found.changed):,} changed, {found.unchanged:,} as stored"
        f"{f', {left_out:,} empty and left out' if left_out else ''}."
    )
    for row in found.new[:SHOWN]:
        click.echo(f"  new      line {row.line}: {row.words}: {describe(row.values)}")
    for change in found.changed[:SHOWN]:
        click.echo(
            f"  changed  line {change.line}: {change.words}: {describe(change.before)} -> {describe(change.after)}"
        )
    more = max(0, len(found.new) - SHOWN) + max(0, len(found.changed) - SHOWN)
    if more:
        click.echo(f"  … and {more:,} more")


def describe(values: Any) -> str:
    """Write values for people: kilograms instead of grams."""
    words = []
    for name, value in values.items():
        if name == "outline":
            words.append(count_points(value))
        elif name == "mass_g":
            words.append(f"{value / 1000:,.1f} kg")
        else:
            words.append(f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}")
    return ", ".join(words)


def count_points(outline: Any) -> str:
    """Say how detailed a shape of GeoJSON is."""
    polygons = [outline["coordinates"]] if outline["type"] == "Polygon" else outline["coordinates"]
    return f"{sum(len(ring) for polygon in polygons for ring in polygon):,} points"
