"""``bontri stats balance``: what bins counted against what was weighed, by bin, or round by round."""

import datetime
import math
from typing import TYPE_CHECKING, Any

import click

from bontri.commands.settle import print_table
from bontri.commands.stats.periods import FIRST_DAY, LAST_DAY, period_of
from bontri.commands.tenants import of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.mass_balance import BinBalance, CollectionRound
    from rewards.statistics.periods import Period

SOURCE = "weighed / counted grams of usable rounds: docs/statistics.md, Counted and weighed"
TOLD = {"counted_more": "counted too much", "weighed_more": "counted too little", None: ""}


@click.command("balance")
@of_authority
@click.option(
    "--from", "first_day", type=FIRST_DAY, metavar="DAY", help="First day or month; default: 365 days in all."
)
@click.option("--to", "last_day", type=LAST_DAY, metavar="DAY", help="Last day or month, included; default: today.")
@click.option("--bin", "bin_id", metavar="BIN", help="The rounds of this bin, the newest first.")
@AS_JSON
def balance(
    authority: str,
    first_day: datetime.date | None,
    last_day: datetime.date | None,
    bin_id: str | None,
    is_json: bool,
) -> None:
    """Say of each bin what it counted, what was weighed at its emptyings, and whether they drift apart.

    Drift is the median of weighed over expected of the newest five rounds: 1.00 is as expected. The job weigh-rounds
    computes rounds once an hour; bontri jobs once weigh-rounds does it now.

    \b
    Examples:
      bontri stats balance --authority plaine-commune-demo
      bontri stats balance --authority plaine-commune-demo --bin PLC-00042
      bontri stats balance --authority plaine-commune-demo --from 2026-01-01 --json
    """
    from ingest.worker import utc_now
    from rewards.fleet.register import get_bin_on_map
    from rewards.mass_balance import list_balances, list_rounds
    from rewards.territory import get_timezone

    now = utc_now()
    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        of_tenant: dict[str, Any] = {"authority_id": tenant.authority_id}
        timezone = get_timezone(connection, **of_tenant)
        today = now.astimezone(timezone).date()
        period = period_of(first_day, last_day or today, today=today, days=365)
        period.require_begun(today)
        balances = list_balances(connection, period, **of_tenant, bin_id=bin_id)
        rounds = []
        if bin_id is not None:
            get_bin_on_map(connection, bin_id, **of_tenant, now=now)
            rounds = [
                each
                for each in list_rounds(connection, bin_id, **of_tenant)
                if period.first_day <= each.ended_at.astimezone(timezone).date() <= period.last_day
            ]
    if is_json:
        click.echo(as_json(show_balances(period, timezone.key, balances, rounds if bin_id else None)))
        return
    click.echo(f"{period.first_day} to {period.last_day}, both included ({timezone.key}); {SOURCE}\n")
    print_balances(balances)
    if bin_id is not None:
        print_rounds(rounds, timezone)


def show_balances(
    period: "Period", timezone: str, balances: "list[BinBalance]", rounds: "list[CollectionRound] | None"
) -> dict[str, Any]:
    """Return balances as plain values, and the noise of their rounds with what it means for alarms."""
    from rewards.mass_balance import false_alarm_share

    noise, over_percent = noise_of_fleet(balances), balances[0].over_percent if balances else None
    known = noise is not None and over_percent is not None
    return {
        "period": {"first_day": period.first_day, "last_day": period.last_day, "timezone": timezone},
        "source": SOURCE,
        "bins": len({each.bin_id for each in balances}),
        "bins_with_rounds": len({each.bin_id for each in balances if each.rounds}),
        "over_percent": over_percent,
        "noise": noise,
        "false_alarm_share": false_alarm_share(over_percent=over_percent, noise=noise) if known else None,  # type: ignore[arg-type]
        "balances": [show_balance(each) for each in balances],
        **({} if rounds is None else {"rounds": [show_round(each) for each in rounds]}),
    }


def show_balance(balance: "BinBalance") -> dict[str, Any]:
    """Return a balance as plain values; JSON has no infinity, so what nothing was counted of has no drift."""
    finite = balance.drift is not None and math.isfinite(balance.drift)
    return {
        "bin": balance.bin_id,
        "site": balance.site,
        "material": balance.material,
        "rounds": balance.rounds,
        "usable_rounds": balance.usable_rounds,
        "deposits": balance.deposits,
        "anonymous_share": balance.anonymous_share,
        "counted_g": balance.counted_g,
        "weighed_g": balance.weighed_g,
        "ratio": balance.ratio,
        "factor": None if balance.factor is None else float(balance.factor),
        "calibrated_from": balance.calibrated_from,
        "expected_by": balance.expected_by,
        "drift": balance.drift if finite else None,
        "direction": balance.direction,
        "alarm_raised_at": balance.alarm_raised_at,
    }


def show_round(found: "CollectionRound") -> dict[str, Any]:
    """Return a round as plain values."""
    names = ("material", "site", "began_at", "ended_at", "deposits", "anonymous_deposits", "items", "counted_g")
    more = ("weighed_g", "ratio", "is_complete", "missing", "lost", "quarantined", "is_clock_back", "doubts")
    factor = None if found.factor is None else float(found.factor)
    return {"factor": factor, **{name: getattr(found, name) for name in (*names, *more, "computed_at")}}


def noise_of_fleet(balances: "list[BinBalance]") -> float | None:
    """Return the spread of a round around its bin's others."""
    from rewards.mass_balance import noise_of

    return noise_of([each.drift for each in reversed(balance.newest)] for balance in balances)


def print_balances(balances: "list[BinBalance]") -> None:
    """Print a row a bin and material, and how far rounds lie apart without anybody's doing."""
    from rewards.mass_balance import false_alarm_share

    if not balances:
        click.echo("No bin is live.")
        return
    header = ("bin", "material", "", "rounds", "counted kg", "weighed kg", "ratio", "factor", "drift", "anonymous")
    emptied = [each for each in balances if each.rounds]
    # Of one bin it is said in its row; of a fleet below the table.
    print_table(header, [balance_as_row(each) for each in emptied or balances[:1]], words=3)
    without = sum(each.rounds == 0 for each in balances)
    if without:
        click.echo(f"\n{without:,} of {len({each.bin_id for each in balances}):,} bins ended no round in this time.")
    noise, over_percent = noise_of_fleet(balances), balances[0].over_percent
    if noise is not None:
        share = false_alarm_share(over_percent=over_percent, noise=noise)
        told = "less than 0.1 %" if share < 0.001 else f"{share:.1%}"
        click.echo(
            f"\nA round lies about {noise:.0%} from its bin's others. An alarm is raised beyond {over_percent} %; by"
            f" chance alone that happens in {told} of checks."
        )


def balance_as_row(balance: "BinBalance") -> tuple[str, ...]:
    """Return one row for people."""

    def ratio(value: float | None) -> str:
        return "" if value is None else "nothing counted" if math.isinf(value) else f"{value:.2f}"

    share = balance.anonymous_share
    return (
        balance.bin_id,
        balance.material or "no round",
        ("ALARM: " if balance.alarm_raised_at else "") + TOLD[balance.direction],
        f"{balance.usable_rounds:,} of {balance.rounds:,}",
        f"{balance.counted_g / 1000:,.0f}",
        f"{balance.weighed_g / 1000:,.0f}",
        ratio(balance.ratio),
        "" if balance.factor is None else str(balance.factor),
        ratio(balance.drift),
        "" if share is None else f"{share:.0%}",
    )


def print_rounds(rounds: "list[CollectionRound]", timezone: datetime.tzinfo) -> None:
    """Print the rounds of one bin."""
    click.echo("")
    if not rounds:
        click.echo("No round ended in this time: a round lies between two emptyings.")
        return
    header = (
        "emptied",
        "material",
        "not usable because",
        "deposits",
        "anonymous",
        "items",
        "counted kg",
        "weighed kg",
        "weighed / counted",
    )
    rows = [
        (
            f"{each.ended_at.astimezone(timezone):%Y-%m-%d %H:%M}",
            each.material,
            ", ".join(describe_doubt(doubt, each) for doubt in each.doubts),
            f"{each.deposits:,}",
            f"{each.anonymous_deposits:,}",
            f"{each.items:,}",
            "unknown" if each.counted_g is None else f"{each.counted_g / 1000:,.1f}",
            "unknown" if each.weighed_g is None else f"{each.weighed_g / 1000:,.1f}",
            "" if each.ratio is None else f"{each.ratio:.2f}",
        )
        for each in rounds
    ]
    print_table(header, rows, words=3)


def describe_doubt(doubt: str, found: "CollectionRound") -> str:
    """Name a doubt, with numbers where there are any."""
    match doubt:
        case "incomplete":
            return f"incomplete ({found.missing:,} missing)"
        case "lost":
            return f"lost ({found.lost + found.quarantined:,})"
        case _:
            return doubt.replace("_", " ")
