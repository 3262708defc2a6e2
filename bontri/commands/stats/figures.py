"""``bontri stats figures``: every figure by step, place and material, with what is missing; and what each means."""

import csv
import datetime
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from bontri.commands.stats.periods import in_period
from bontri.commands.tenants import of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.statistics.figures import Cell, Figures, Question
    from rewards.statistics.figures.comparing import CellKey, Comparison

    Compared = Mapping[CellKey, Comparison]

GRANULARITIES = ("day", "week", "month", "year", "whole")
LEVELS = ("authority", "commune", "site", "bin")
SHOWN = ("deposits", "items", "kg_total", "kg_per_inhabitant_year", "refusal_pct", "points_issued")
HEADS = ("deposits", "items", "kg", "kg/inh./y", "refused %", "points")
SPARE = ("items", "refused %")
"""What is left out first where it does not fit."""
MOST_LACKS = 20


@click.command("figures")
@of_authority
@in_period
@click.option("--by", type=click.Choice(GRANULARITIES), default="month", show_default=True, help="The steps.")
@click.option("--level", type=click.Choice(LEVELS), default="authority", show_default=True, help="The places.")
@click.option("--material", metavar="NAME", help="Only this one.")
@click.option("--by-material", is_flag=True, help="A line for each material.")
@click.option("--commune", "insee_code", metavar="INSEE", help="Only this commune.")
@click.option("--site", metavar="REF", help="Only this site, by the authority's reference.")
@click.option("--bin", "bin_id", metavar="BIN", help="Only this bin.")
@click.option("--with-year-before", is_flag=True, help="Beside a year before; by month, year or whole.")
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV: every figure of every cell.")
@AS_JSON
def figures(  # noqa: PLR0917 (click passes options by name)
    authority: str,
    first_day: datetime.date | None,
    last_day: datetime.date | None,
    with_year_before: bool,
    is_csv: bool,
    is_json: bool,
    **asked: Any,
) -> None:
    """Say what was sorted where and when, how much that is an inhabitant, and what is missing.

    A dash is a figure nobody knows, never a zero; a line with a star is not complete, and no fall may be read from it.
    With a year before, like is compared with like, in kilograms a day, or it says why not.

    \b
    Examples:
      bontri stats figures --authority plaine-commune-demo --from 2026-01-01 --to 2026-12-31
      bontri stats figures --authority plaine-commune-demo --from 2026-01 --to 2026-12 --level commune --material glass
      bontri stats figures --authority plaine-commune-demo --by week --level site --csv > weeks.csv
      bontri stats figures --authority plaine-commune-demo --from 2026-01 --to 2026-10 --with-year-before
    """
    from ingest.worker import utc_now
    from rewards.statistics.figures import get_figures
    from rewards.statistics.figures.comparing import COMPARED_BY, compare_with_year_before
    from rewards.territory import get_timezone

    if is_csv and is_json:
        raise click.UsageError("say --csv or --json")
    if with_year_before and asked["by"] not in COMPARED_BY:
        raise click.UsageError("--with-year-before goes with --by month, year or whole: days and weeks do not pair up")
    now = utc_now()
    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        of_tenant = {"authority_id": tenant.authority_id}
        timezone = get_timezone(connection, authority_id=tenant.authority_id)
        question = question_of(first_day, last_day, today=now.astimezone(timezone).date(), **asked)
        found = get_figures(connection, question, **of_tenant, timezone=timezone, now=now)
        compared: Compared | None = None
        if with_year_before:
            compared = compare_with_year_before(connection, found, **of_tenant, timezone=timezone, now=now)
    if is_csv:
        click.echo(as_csv(found, compared), nl=False)
    elif is_json:
        click.echo(as_json(as_plain_values(found, compared)))
    else:
        click.echo(f"{question.period.first_day} to {question.period.last_day}, both included ({timezone.key})\n")
        print_figures(found, compared)


@click.command("definitions")
@click.option("--language", type=click.Choice(["fr", "en"]), default="en", show_default=True)
@AS_JSON
def definitions(language: Any, is_json: bool) -> None:
    """Say what each figure means, how it is reckoned and where that comes from; and why one may be missing.

    \b
    Example:
      bontri stats definitions --language fr
    """
    from rewards.statistics.figures import INDICATORS, MEANINGS
    from rewards.statistics.figures.comparing import WHY_UNLIKE

    if is_json:
        facts = [
            {name: getattr(each, name) for name in ("name", "unit", "definition", "formula", "source", "served_at")}
            for each in INDICATORS
        ]
        reasons = [{"code": reason.value, "meaning": meaning} for reason, meaning in MEANINGS.items()]
        unlike = [{"code": reason.value, "meaning": meaning} for reason, meaning in WHY_UNLIKE.items()]
        click.echo(as_json({"indicators": facts, "reasons": reasons, "reasons_not_compared": unlike}))
        return
    for each in INDICATORS:
        click.echo(f"{each.name} ({each.unit}): {each.definition[language]}")
        click.echo(f"  {each.formula}  [{each.source}]\n")
    for reason, meaning in (MEANINGS | WHY_UNLIKE).items():
        click.echo(f"{reason.value}: {meaning[language]}")


def question_of(
    first_day: datetime.date | None,
    last_day: datetime.date | None,
    *,
    today: datetime.date,
    by: Any,
    level: Any,
    by_material: bool,
    **filters: Any,
) -> "Question":
    """Return what the options ask."""
    from rewards.statistics.figures import Question, period_of

    last = last_day or today - datetime.timedelta(days=1)
    first = first_day or last - datetime.timedelta(days=29)
    return Question(period_of(by, first, last), by, level, is_by_material=by_material, **filters)


def rows_of(cells: "Sequence[Cell]", compared: "Compared | None", *, are_totals: bool = False) -> list[dict[str, Any]]:
    """Return cells as rows, with ``year_before`` where that was asked for."""
    from rewards.statistics.figures.comparing import key_of
    from rewards.statistics.figures.rows import before_of, row_of

    rows = [row_of(cell) for cell in cells]
    if compared is None:
        return rows
    keys = [(-1, "", cell.material) if are_totals else key_of(cell) for cell in cells]
    return [{**row, "year_before": before_of(compared[key])} for row, key in zip(rows, keys, strict=True)]


def as_plain_values(found: "Figures", compared: "Compared | None") -> dict[str, Any]:
    """Return the answer as JSON has it, as the API does."""
    from rewards.statistics.figures.rows import assumptions_of

    question = found.question
    return {
        "period": {"from": question.period.first_day, "to": question.period.last_day},
        "by": question.granularity,
        "level": question.level,
        "totals": [plain(row) for row in rows_of(found.totals, compared, are_totals=True)],
        "cells": [plain(row) for row in rows_of(found.cells, compared)],
        "missing_bins": found.missing_bins,
        "assumptions": assumptions_of(found),
    }


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with numbers that JSON has."""
    values = {name: float(each) if isinstance(each, Decimal) else each for name, each in row.items()}
    return {name: plain(each) if isinstance(each, dict) else each for name, each in values.items()}


def as_csv(found: "Figures", compared: "Compared | None") -> str:
    """Write cells with a header; what is missing is empty, lists are separated by blanks."""
    from rewards.csv_files import as_cell

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    rows = [flat(row) for row in rows_of(found.cells, compared)]
    if rows:
        writer.writerow(rows[0])
    for row in rows:
        writer.writerow(as_cell(each) for each in row.values())
    return written.getvalue()


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with what a year before was in columns of its own, named as those of the API."""
    before = row.pop("year_before", None) or {}
    return row | {f"year_before.{name}": each for name, each in before.items()}


def print_figures(found: "Figures", compared: "Compared | None") -> None:
    """Print a line for each cell, the whole below, and what is missing."""
    from bontri.commands.settle import print_table
    from rewards.statistics.figures.comparing import key_of

    by_material, level = found.question.is_by_material, found.question.level
    heads = ("step", *([] if level == "authority" else [level]), *(["material"] if by_material else []))
    rows = [describe(cell, level, by_material=by_material) for cell in [*found.cells, *found.totals]]
    print_table((*heads, "bins", *HEADS), rows, words=len(heads), spare=SPARE)
    if compared is not None:
        keys = [*map(key_of, found.cells), *((-1, "", cell.material) for cell in found.totals)]
        befores = [(*row[: len(heads)], *describe_before(compared[key])) for row, key in zip(rows, keys, strict=True)]
        click.echo()
        print_table((*heads, "not compared because", "kg a year before", "kg a day"), befores, words=len(heads) + 1)
    lacking = [cell for cell in found.cells if not cell.is_complete]
    if lacking:
        click.echo("\n* Not complete: no fall may be read from it.")
        click.echo("A dash is unknown, not zero: bontri stats definitions")
    for cell in lacking[:MOST_LACKS]:
        click.echo(
            f"  {', '.join(filter(None, name_cell(cell, level, by_material=by_material)))}: {describe_missing(cell)}"
        )
    if len(lacking) > MOST_LACKS:
        click.echo(f"  and {len(lacking) - MOST_LACKS:,} more: --json")
    for each in found.missing_bins[:10]:
        click.echo(f"  {each.bin_id} at {each.site} ({each.insee_code}) was silent in {', '.join(each.steps)}")
    if len(found.missing_bins) > 10:
        click.echo("  and others: --json names up to 200")


def describe_before(comparison: "Comparison") -> tuple[str, str, str]:
    """Return why there is no change since a year before, what it was then, and the change."""
    from rewards.statistics.figures.comparing import WHY_UNLIKE

    before, change = comparison.before, comparison.change_pct
    return (
        "" if comparison.reason is None else WHY_UNLIKE[comparison.reason]["en"],
        "\N{EN DASH}" if before is None else number(before.figures["kg_total"], whole=True),
        "\N{EN DASH}" if change is None else f"{change:+,} %",
    )


def describe(cell: "Cell", level: str, *, by_material: bool) -> tuple[str, ...]:
    """Return one line for people."""
    step, *place_and_material = name_cell(cell, level, by_material=by_material)
    return (
        step + ("" if cell.is_complete else " *"),
        *place_and_material,
        f"{cell.coverage.bins_reporting:,}/{cell.coverage.bins:,}",
        *(number(cell.figures[name], whole=name == "kg_total") for name in SHOWN),
    )


def name_cell(cell: "Cell", level: str, *, by_material: bool) -> tuple[str, ...]:
    """Return the step of a cell, and its place and material where they are asked for."""
    place = {"commune": cell.place.commune, "site": cell.place.site, "bin": cell.place.bin_id}.get(level)
    return (
        cell.step.name,
        *([] if level == "authority" else [place or ""]),
        *([cell.material or ""] if by_material else []),
    )


def describe_missing(cell: "Cell") -> str:
    """Say what a cell lacks."""
    coverage = cell.coverage
    lacks = [
        "not a whole step" if cell.step.is_partial else "",
        "no bin" if not coverage.bins else "",
        f"nothing from {' '.join(coverage.communes_missing)} for a time" if coverage.communes_missing else "",
        f"{count_bins(coverage.bins_missing)} silent for a time" if coverage.bins_missing else "",
        f"{count_bins(coverage.bins_in_between)} placed or removed" if coverage.bins_in_between else "",
    ]
    return "; ".join(filter(None, lacks))


def count_bins(bins: int) -> str:
    """Write how many bins."""
    return "1 bin" if bins == 1 else f"{bins:,} bins"


def number(figure: Any, *, whole: bool = False) -> str:
    """Write a figure for people; ``whole`` from 10 on without what is behind the point."""
    if isinstance(figure, str):
        return "–"
    return f"{figure:,.0f}" if whole and figure >= 10 else f"{figure:,}"
