"""``bontri stats rebuild``: the sums kept with the deposits, compared with their recomputation and put right."""

import sys
from typing import TYPE_CHECKING

import click

from bontri.commands.settle import print_table
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from bontri.rebuilding import Rebuilt
    from rewards.database import DatabaseRole
    from rewards.rollups import Difference

MOST_TOLD = 50
"""Cells a person reads; a program is told all of them."""


@click.command("rebuild")
@click.option("--check", "is_check", is_flag=True, help="Change nothing; exit with 1 when anything differs.")
@click.option("--authority", metavar="SLUG", help="Only this one; default: all.")
@AS_JSON
def rebuild(is_check: bool, authority: str | None, is_json: bool) -> None:
    """Recompute the sums of deposits from events and transfers, and put right what differs.

    May run beside a working ingest: nothing waits for it, and nothing that is recorded meanwhile is lost or counted
    twice. What differs is told cell by cell: how it was kept, and as what it was recomputed.

    \b
    Examples:
      bontri stats rebuild --check
      bontri stats rebuild --authority plaine-commune-demo
      bontri stats rebuild --check --json
    """
    from bontri.embedded.processes import stop_on_signals
    from bontri.operating import engine_in_use
    from bontri.progress import Teller
    from bontri.rebuilding import check_sums, rebuild_sums
    from bontri.settings import read_settings
    from rewards.fleet.owners import list_owners

    # Who may read everything must not be able to change anything: a check is made as a reader.
    role: DatabaseRole = "bontri_reader" if is_check else "bontri_operator"
    work = check_sums if is_check else rebuild_sums
    limit = None if is_json else MOST_TOLD
    with stop_on_signals(), engine_in_use(read_settings(), role=role) as engine:
        with engine.connect() as connection:
            owners = list_owners(connection, slug=authority, bin_id=None)
        found = {
            owner.slug: work(engine, authority_id=owner.authority_id, tell=Teller(), limit=limit) for owner in owners
        }
    if is_json:
        click.echo(as_json([{"authority": slug, **facts_of(each)} for slug, each in found.items()]))
    else:
        for slug, each in found.items():
            tell_people(slug, each, is_check=is_check)
    sys.exit(1 if is_check and any(each.differences for each in found.values()) else 0)


def facts_of(rebuilt: "Rebuilt") -> dict[str, object]:
    """Return what JSON says of an authority."""
    return {
        "deposits": rebuilt.deposits,
        "differing": rebuilt.differing,
        "differences": rebuilt.differences,
        "mended": rebuilt.mended,
    }


def tell_people(slug: str, rebuilt: "Rebuilt", *, is_check: bool) -> None:
    """Print what differed, and a line that says what it came to."""
    differences = rebuilt.differences
    if differences:
        headings = ("by", "day", "bin", "site", "material", "kept", "recomputed")
        print_table(headings, [row_of(each) for each in differences[:MOST_TOLD]], words=len(headings))
    if rebuilt.differing > MOST_TOLD:
        click.echo(f"... and {rebuilt.differing - MOST_TOLD:,} more: --json tells all of them.")
    outcome = "all sums are what was recorded"
    if differences:
        outcome = f"{rebuilt.differing:,} cells differ" if is_check else f"{rebuilt.mended:,} cells were put right"
    click.echo(f"{slug}: {rebuilt.deposits:,} deposits, {outcome}.")


def row_of(difference: "Difference") -> tuple[str, ...]:
    """Return a line of the table: of the counters those that differ."""
    kept, recomputed = dict(difference.kept or {}), dict(difference.recomputed or {})
    names = [name for name in kept | recomputed if kept.get(name) != recomputed.get(name)]

    def told(side: dict[str, int]) -> str:
        return ", ".join(f"{name} {side[name]:,}" for name in names) if side else "none"

    where = (difference.kept_by, str(difference.day), difference.bin_id, str(difference.site_id), difference.material)
    return (*where, told(kept), told(recomputed))
