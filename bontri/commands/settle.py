"""``bontri settle`` and ``bontri settlements``: what shops are paid for a month, and what became of it."""

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bontri.commands.tenants import Text, by_somebody, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.settlement import Statement

MONTH = click.DateTime(["%Y-%m"])
DAY = click.DateTime(["%Y-%m-%d"])
FOLDER = click.Path(file_okay=False, path_type=Path)
LONGEST_ADDRESS = 300


@click.command("settle")
@of_authority
@click.option("--month", type=MONTH, required=True, metavar="YYYY-MM", help="Of the authority's calendar.")
@click.option("--shop", metavar="SHOP", help="Only this one, by its name or id.")
@click.option("--lock", "is_locking", is_flag=True, help="Number the statements and never change them again.")
@click.option("--pdf", type=FOLDER, metavar="FOLDER", help="Write each statement there as PDF.")
@click.option("--csv", type=FOLDER, metavar="FOLDER", help="Write each statement there as CSV.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help="Of the files.")
@by_somebody
@click.option("--json", "is_json", is_flag=True, help="Print JSON, with every line.")
def settle(
    authority: str, month: datetime.datetime, shop: str | None, is_locking: bool, is_json: bool, **how: Any
) -> None:
    """Show what each shop is to be paid for the vouchers of a month; with --lock for good.

    Without --lock a statement that is not locked is shown as a draft, and nothing is stored. A month is locked once it
    is over; what is recorded late falls into the next statement. A shop that redeemed nothing gets none.

    \b
    Examples:
      bontri settle --authority plaine-commune --month 2026-10
      bontri settle --authority plaine-commune --month 2026-10 --lock --pdf statements --csv statements
      bontri settle --authority plaine-commune --month 2026-10 --shop "Boulangerie du Canal" --json
    """
    from bontri.operating import engine_in_use
    from bontri.progress import Teller
    from bontri.settings import read_settings
    from bontri.settling import find_shops, lock_all, read_statement, write_files
    from ingest.worker import utc_now
    from rewards.fleet.owners import get_authority
    from rewards.settlement import find_shop, require_over
    from rewards.territory import get_timezone

    first, teller = month.date(), Teller()
    with engine_in_use(read_settings(), role="bontri_operator" if is_locking else "bontri_reader") as engine:
        with engine.connect() as connection:
            tenant = get_authority(connection, authority).authority_id
            of_tenant = {"authority_id": tenant}
            wanted = [find_shop(connection, shop, **of_tenant)] if shop else None
            if is_locking:
                require_over(first, timezone=get_timezone(connection, **of_tenant), now=utc_now())
        shops = find_shops(engine, first, **of_tenant) if wanted is None else wanted
        if is_locking:
            with teller.part("locking", len(shops)) as advance:
                for number, _ in enumerate(lock_all(engine, shops, first, **of_tenant, locked_by=how["person"]), 1):
                    advance(number)
        statements, paths = [], []
        with teller.part("reading" if not (how["pdf"] or how["csv"]) else "writing", len(shops)) as advance:
            for number, shop_id in enumerate(shops, 1):
                statement = read_statement(engine, shop_id, first, **of_tenant)
                if statement is not None:
                    statements.append(statement)
                    files = {name: how[name] for name in ("pdf", "csv", "language")}
                    paths += write_files(statement, **files, now=utc_now())
                advance(number)
    if is_json:
        click.echo(as_json([show_statement(each) for each in statements]))
        return
    print_statements(statements, first)
    for path in paths:
        click.echo(f"wrote {path}")


def show_statement(statement: "Statement") -> dict[str, Any]:
    """Return a statement as plain values."""
    return {
        **{name: value for name, value in asdict(statement).items() if name not in ("timezone", "lines", "number")},
        "number": statement.number and str(statement.number),
        "month": f"{statement.month:%Y-%m}",
        "timezone": statement.timezone.key,
        "points": statement.points,
        "value_cents": statement.value_cents,
        "payable_cents": statement.payable_cents,
        "funders": [asdict(each) for each in statement.list_funder_totals()],
        "lines": [{**asdict(each), "reference": each.reference} for each in statement.lines],
    }


def print_statements(statements: "list[Statement]", month: datetime.date) -> None:
    """Print a row a shop, and the sum."""
    if not statements:
        click.echo(f"No shop has anything to be settled for {month:%Y-%m}.")
        return
    rows = [
        (
            str(each.number or "draft"),
            each.shop.name,
            each.state,
            f"{len(each.lines):,}",
            f"{each.points:,}",
            euros(each.value_cents),
            euros(each.payable_cents),
        )
        for each in statements
    ]
    total = (
        "",
        "total",
        "",
        f"{sum(len(each.lines) for each in statements):,}",
        f"{sum(each.points for each in statements):,}",
        euros(sum(each.value_cents for each in statements)),
        euros(sum(each.payable_cents for each in statements)),
    )
    print_table(("number", "shop", "state", "lines", "points", "value €", "to pay €"), [*rows, total], words=3)


def print_table(
    header: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, words: int, spare: Sequence[str] = ()
) -> None:
    """Print rows below a header, the columns behind the first ``words`` to the right.

    Nothing is cut. On a terminal that is too narrow columns move together, then the ``spare`` ones are left out, the
    first of them first, which is said; then words wrap, but for the first column, and numbers never do.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:  # whose width is 80 then, which cuts amounts off
        console.width = 160
    shown, gap = fit_columns(header, rows, spare=spare, width=console.width)
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for place in shown:
        is_whole = place == 0 or place >= words
        table.add_column(header[place], justify="left" if place < words else "right", no_wrap=is_whole, overflow="fold")
    for row in rows:
        table.add_row(*(row[place] for place in shown))
    console.width = max(console.width, console.measure(table).minimum)
    console.print(table)
    if left_out := [name for place, name in enumerate(header) if place not in shown]:
        click.echo(f"\nLeft out, since the terminal is narrow: {', '.join(left_out)}.")


def fit_columns(
    header: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, spare: Sequence[str], width: int
) -> tuple[list[int], int]:
    """Return which columns are shown, by their places, and how many blanks lie between them. Pure."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(header, *rows, strict=True)]
    shown = list(range(len(header)))

    def is_wider(gap: int) -> bool:
        return sum(widths[place] for place in shown) + gap * (len(shown) - 1) > width

    gap = 1 if is_wider(2) else 2
    for name in spare:
        if is_wider(gap):
            shown.remove(header.index(name))
    return shown, gap


def euros(cents: int) -> str:
    """Write an amount for a terminal."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


@click.group()
def settlements() -> None:
    """Follow the statements that bontri settle has locked: sent, paid.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@settlements.command("list")
@of_authority
@click.option("--year", type=click.IntRange(2000, 9999), help="Only those locked in this year.")
@click.option("--state", type=click.Choice(["locked", "sent", "paid"]), help="Only those in this state.")
@click.option("--most", type=click.IntRange(1, 100_000), default=100, show_default=True)
@AS_JSON
def list_command(authority: str, year: int | None, state: Any, most: int, is_json: bool) -> None:
    """List locked statements, newest first.

    \b
    Examples:
      bontri settlements list --authority plaine-commune --state sent
      bontri settlements list --authority plaine-commune --year 2026 --json
    """
    from rewards.settlement import list_statements

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_statements(connection, authority_id=tenant.authority_id, year=year, state=state, limit=most)
    if is_json:
        click.echo(as_json([{**asdict(each), "number": str(each.number)} for each in found]))
        return
    if not found:
        click.echo("No such statement is locked.")
        return
    rows = [
        (
            str(each.number),
            f"{each.month:%Y-%m}",
            each.shop,
            f"{each.state} on {each.paid_on}" if each.paid_on else each.state,
            f"{each.points:,}",
            euros(each.payable_cents),
        )
        for each in found
    ]
    print_table(("number", "month", "shop", "state", "points", "to pay €"), rows, words=4)


@settlements.command("sent")
@click.argument("number", metavar="NUMBER")
@of_authority
@by_somebody
def sent_command(number: str, authority: str, person: str) -> None:
    """Note that a locked statement went to its shop.

    \b
    Example:
      bontri settlements sent 2026-000123 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.settlement import StatementNumber, mark_sent

    named = StatementNumber.parse(number)
    with tenant_in_use(authority) as (connection, tenant):
        mark_sent(connection, named, authority_id=tenant.authority_id, sent_by=person, now=utc_now())
    click.echo(f"Statement {named} is sent.")


@settlements.command("paid")
@click.argument("number", metavar="NUMBER")
@of_authority
@click.option("--on", "paid_on", type=DAY, required=True, metavar="DATE", help="The day of the payment.")
@by_somebody
def paid_command(number: str, authority: str, paid_on: datetime.datetime, person: str) -> None:
    """Note that a statement which was sent has been paid.

    \b
    Example:
      bontri settlements paid 2026-000123 --authority plaine-commune --on 2026-11-20
    """
    from ingest.worker import utc_now
    from rewards.settlement import StatementNumber, mark_paid

    named = StatementNumber.parse(number)
    with tenant_in_use(authority) as (connection, tenant):
        mark_paid(
            connection,
            named,
            authority_id=tenant.authority_id,
            paid_on=paid_on.date(),
            paid_by=person,
            now=utc_now(),
        )
    click.echo(f"Statement {named} is paid.")


@settlements.command("address")
@click.argument("address", type=Text(LONGEST_ADDRESS))
@of_authority
def address_command(address: str, authority: str) -> None:
    """Write down the authority's address, for statements locked from now on; a semicolon ends a line of it.

    \b
    Example:
      bontri settlements address "21 avenue Jules-Rimet; 93218 Saint-Denis" --authority plaine-commune
    """
    from rewards.territory import change_address

    lines = "\n".join(line.strip() for line in address.split(";") if line.strip())
    with tenant_in_use(authority) as (connection, tenant):
        change_address(connection, lines, authority_id=tenant.authority_id)
    click.echo("Statements locked from now on show this address.")
