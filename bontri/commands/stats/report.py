"""``bontri stats report``: the public report of a year, as a PDF to hand out or as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bontri.commands.settle import print_table
from bontri.commands.tenants import of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.statistics.annual_report import AnnualReport

FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command("report")
@of_authority
@click.option("--year", type=click.IntRange(2000, 2100), required=True, help="Which year; it is over.")
@click.option("--pdf", "pdf", type=FILE, metavar="FILE", help="Write the report there.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help="Of the PDF.")
@AS_JSON
def report(authority: str, year: int, pdf: Path | None, language: str, is_json: bool) -> None:
    """Make the public report of a year: what was sorted, given, spent and measured, and what is missing.

    What was dropped is told as it was published, with small cells withheld: publish the months and the year first.
    The same facts make the same PDF, to the byte.

    \b
    Examples:
      bontri stats report --authority plaine-commune-demo --year 2025 --pdf report-2025.pdf
      bontri stats report --authority plaine-commune-demo --year 2025 --pdf report.pdf --language en
      bontri stats report --authority plaine-commune-demo --year 2025 --json
    """
    from bontri.documents.annual_reports import annual_report_as_pdf
    from ingest.worker import utc_now
    from rewards.statistics.annual_report import measure_report, read_annual_report

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        read = read_annual_report(connection, year, authority_id=tenant.authority_id, now=utc_now())
    try:
        found = measure_report(read)
    except TimeoutError as error:
        raise click.ClickException(f"{error}: try again in a moment") from error
    if pdf is not None:
        try:
            pdf.write_bytes(annual_report_as_pdf(found, language="fr" if language == "fr" else "en"))
        except OSError as error:
            raise click.ClickException(f"{pdf} cannot be written: {error.strerror}") from error
    if is_json:
        click.echo(as_json(found))
        return
    print_report(found)
    if pdf is not None:
        click.echo(f"\nWritten to {pdf}.")


def print_report(found: "AnnualReport") -> None:
    """Print the few figures that matter, and what the report cannot tell yet."""
    publication, territory = found.publication, found.territory

    def tonnes(mass_g: int | None, told: str) -> str:
        return told.replace("_", " ") if mass_g is None else f"{mass_g / 1_000_000:,.1f} t"

    rows = [
        ("sorted", tonnes(found.total.mass_g, found.total.told)),
        *((f"  {each.material}", tonnes(each.mass_g, each.told)) for each in found.materials),
        ("kg per inhabitant", "–" if found.kg_per_inhabitant is None else f"{found.kg_per_inhabitant:.2f}"),
        ("bins that reported", f"{territory.bins_reporting:,}/{territory.bins:,}"),
        ("holders", "–" if found.participation.holders is None else f"{found.participation.holders:,}"),
        ("points redeemed", "–" if found.points.redeemed is None else f"{found.points.redeemed:,}"),
    ]
    print_table((f"{found.authority}, {found.year}", ""), rows, words=1)
    if found.is_simulated:
        click.echo("\nSimulated data.")
    if publication.basis == "months":
        click.echo(f"\nOnly {len(publication.months)} months are published: bontri stats publish --year {found.year}.")
    elif publication.basis == "nothing":
        click.echo(
            f"\nNothing of {found.year} is published, so nothing that was dropped is told: "
            f"bontri stats publish --month {found.year}-01, and so on."
        )
