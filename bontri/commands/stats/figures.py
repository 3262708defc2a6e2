"""``bontri stats figures``: every figure by step, place and material, with what is missing; and what each means."""

import csv
import datetime
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from bontri.commands.stats.periods import in_period
from bontri.commands.tenants import of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.statistics.figures import Cell, Figures, Question

GRANULARITIES = ("day", "week", "month", "year", "whole")
LEVELS = ("authority", "commune", "site", "bin")
SHOWN = ("deposits", "items", "kg_total", "kg_per_inhabitant_year", "refusal_pct", "points_issued")
HEADS = ("deposits", "items", "kg", "kg/inh./year", "refused %", "points")


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
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV: every figure of every cell.")
@AS_JSON
def figures(
    authority: str,
    first_day: datetime.date | None,
    last_day: datetime.date | None,
    is_csv: bool,
    is_json: bool,
    **asked: Any,
) -> None:
    """Say what was sorted where and when, how much that is an inhabitant, and what is missing.

    A dash is a figure nobody knows, never a zero; a line with a star is not complete, and no fall may be read from it.

    \b
    Examples:
      bontri stats figures --authority plaine-commune-demo --from 2026-01-01 --to 2026-12-31
      bontri stats figures --authority plaine-commune-demo --from 2026-01 --to 2026-12 --level commune --material glass
      bontri stats figures --authority plaine-commune-demo --by week --level site --csv > weeks.csv
    """
    from ingest.worker import utc_now
    from rewards.statistics.figures import get_figures
    from rewards.territory import get_timezone

    if is_csv and is_json:
        raise click.UsageError("say --csv or --json")
    now = utc_now()
    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        of_tenant = {"authority_id": tenant.authority_id}
        timezone = get_timezone(connection, authority_id=tenant.authority_id)
        question = question_of(first_day, last_day, today=now.astimezone(timezone).date(), **asked)
        found = get_figures(connection, question, **of_tenant, timezone=timezone, now=now)
    if is_csv:
        click.echo(as_csv(found.cells), nl=False)
    elif is_json:
        click.echo(as_json(as_plain_values(found)))
    else:
        click.echo(f"{question.period.first_day} to {question.period.last_day}, both included ({timezone.key})\n")
        print_figures(found)


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

    if is_json:
        facts = [
            {name: getattr(each, name) for name in ("name", "unit", "definition", "formula", "source", "served_at")}
            for each in INDICATORS
        ]
        reasons = [{"code": reason.value, "meaning": meaning} for reason, meaning in MEANINGS.items()]
        click.echo(as_json({"indicators": facts, "reasons": reasons}))
        return
    for each in INDICATORS:
        click.echo(f"{each.name} ({each.unit}): {each.definition[language]}")
        click.echo(f"  {each.formula}  [{each.source}]\n")
    for reason, meaning in MEANINGS.items():
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


def as_plain_values(found: "Figures") -> dict[str, Any]:
    """Return the answer as JSON has it, as the API does."""
    from rewards.statistics.figures.rows import assumptions_of, row_of

    question = found.question
    return {
        "period": {"from": question.period.first_day, "to": question.period.last_day},
        "by": question.granularity,
        "level": question.level,
        "totals": [plain(row_of(cell)) for cell in found.totals],
        "cells": [plain(row_of(cell)) for cell in found.cells],
        "missing_bins": found.missing_bins,
        "assumptions": assumptions_of(found),
    }


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with numbers that JSON has."""
    return {name: float(each) if isinstance(each, Decimal) else each for name, each in row.items()}


def as_csv(cells: Sequence["Cell"]) -> str:
    """Write cells with a header; what is missing is empty, lists are separated by blanks."""
    from bontri.commands.causes import as_cell
    from rewards.statistics.figures.rows import row_of

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    rows = [row_of(cell) for cell in cells]
    if rows:
        writer.writerow(rows[0])
    for row in rows:
        writer.writerow(
            as_cell(" ".join(map(str, each)) if isinstance(each, tuple | list) else each) for each in row.values()
        )
    return written.getvalue()


def print_figures(found: "Figures") -> None:
    """Print a line for each cell, the whole below, and what is missing."""
    from bontri.commands.settle import print_table

    by_material, level = found.question.is_by_material, found.question.level
    heads = ("step", *([] if level == "authority" else [level]), *(["material"] if by_material else []))
    rows = [describe(cell, level, by_material=by_material) for cell in [*found.cells, *found.totals]]
    print_table((*heads, "missing", "bins", *HEADS), rows, words=len(heads) + 1)
    if any(not cell.is_complete for cell in found.cells):
        click.echo(
            "\n* Not complete: no fall may be read from it. A dash is unknown, not zero: bontri stats definitions"
        )
    for each in found.missing_bins[:10]:
        click.echo(f"  {each.bin_id} at {each.site} ({each.insee_code}) was silent in {', '.join(each.steps)}")
    if len(found.missing_bins) > 10:
        click.echo("  and others: --json names up to 200")


def describe(cell: "Cell", level: str, *, by_material: bool) -> tuple[str, ...]:
    """Return one line for people."""
    place = {"commune": cell.place.commune, "site": cell.place.site, "bin": cell.place.bin_id}.get(level)
    return (
        cell.step.name + ("" if cell.is_complete else " *"),
        *([] if level == "authority" else [place or ""]),
        *([cell.material or ""] if by_material else []),
        describe_missing(cell),
        f"{cell.coverage.bins_reporting:,}/{cell.coverage.bins:,}",
        *(number(cell.figures[name], whole=name == "kg_total") for name in SHOWN),
    )


def describe_missing(cell: "Cell") -> str:
    """Say what a cell lacks."""
    coverage = cell.coverage
    lacks = [
        "not a whole step" if cell.step.is_partial else "",
        "no bin" if not coverage.bins else "",
        f"communes {' '.join(coverage.communes_missing)}" if coverage.communes_missing else "",
        f"{coverage.bins_missing:,} bins" if coverage.bins_missing else "",
        f"{coverage.bins_in_between:,} placed or removed meanwhile" if coverage.bins_in_between else "",
    ]
    return "; ".join(filter(None, lacks))


def number(figure: Any, *, whole: bool = False) -> str:
    """Write a figure for people; ``whole`` from 10 on without what is behind the point."""
    if isinstance(figure, str):
        return "–"
    return f"{figure:,.0f}" if whole and figure >= 10 else f"{figure:,}"
