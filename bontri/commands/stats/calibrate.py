"""``bontri stats calibrate``: what weighed rounds propose that counted grams be multiplied by, and deciding on it."""

import datetime
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from bontri.commands.settle import print_table
from bontri.commands.stats.periods import FIRST_DAY, LAST_DAY, MONTH, period_of
from bontri.commands.tenants import by_somebody, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.mass_balance import Proposal


@click.command("calibrate")
@of_authority
@click.option("--bin", "bin_id", metavar="BIN", help="Only this one; refused when its rounds do not carry it.")
@click.option("--from", "month", type=MONTH, metavar="MONTH", help="In force from this month on; default: the next.")
@click.option(
    "--rounds-from", "first_day", type=FIRST_DAY, metavar="DAY", help="First day or month; default: 365 days."
)
@click.option(
    "--rounds-to", "last_day", type=LAST_DAY, metavar="DAY", help="Last day or month, included; default: yesterday."
)
@click.option("--retroactive", "is_retroactive", is_flag=True, help="Change figures of days that are over, too.")
@click.option("--dry-run", "is_rehearsal", is_flag=True, help="Only say what would be decided.")
@by_somebody
@AS_JSON
def calibrate(
    authority: str,
    *,
    bin_id: str | None,
    month: datetime.date | None,
    first_day: datetime.date | None,
    last_day: datetime.date | None,
    is_retroactive: bool,
    is_rehearsal: bool,
    person: str,
    is_json: bool,
) -> None:
    """Decide what counted grams of bins are multiplied by: weighed over counted grams of their rounds.

    Of every bin with at least three usable rounds and 100 kg weighed; the others are listed with the
    reason and stay as they are. What is decided for a month is never changed. Days that are over keep their figures
    unless --retroactive is said.

    \b
    Examples:
      bontri stats calibrate --authority plaine-commune-demo --dry-run
      bontri stats calibrate --authority plaine-commune-demo --bin PLC-00042 --from 2026-12 --by "Ada Lovelace"
      bontri stats calibrate --authority plaine-commune-demo --rounds-from 2026-01-01 --rounds-to 2026-06-30 --json
    """
    from ingest.worker import utc_now
    from rewards.fleet.register import get_bin_on_map
    from rewards.mass_balance import CalibrationRefusedError, decide_calibrations, propose_calibrations
    from rewards.territory import get_timezone

    now = utc_now()
    with tenant_in_use(authority) as (connection, tenant):
        of_tenant: dict[str, Any] = {"authority_id": tenant.authority_id}
        today = now.astimezone(get_timezone(connection, **of_tenant)).date()
        period = period_of(first_day, last_day, today=today, days=365)
        valid_from = month or (today.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
        if bin_id is not None:
            get_bin_on_map(connection, bin_id, **of_tenant, now=now)
        proposals = propose_calibrations(connection, period, **of_tenant, valid_from=valid_from, bin_id=bin_id)
        wanted = proposals if bin_id is not None else [each for each in proposals if each.factor is not None]
        decided = 0
        if bin_id is not None and not proposals:
            raise CalibrationRefusedError(f"{bin_id}: no round of it ended in this time: see bontri stats balance")
        if not is_rehearsal:
            said: dict[str, Any] = {"decided_by": person, "today": today, "now": now, "is_retroactive": is_retroactive}
            decided = decide_calibrations(connection, wanted, **of_tenant, **said)
    if is_json:
        days = {"first_day": period.first_day, "last_day": period.last_day}
        shown = [show_proposal(each) for each in proposals]
        click.echo(as_json({"rounds_of": days, "valid_from": valid_from, "decided": decided, "proposals": shown}))
        return
    click.echo(f"Rounds that ended from {period.first_day} to {period.last_day}; in force from {valid_from}\n")
    if not proposals:
        click.echo("No round ended in this time: a round lies between two emptyings (bontri stats balance).")
        return
    header = ("bin", "material", "why not", "rounds", "counted kg", "weighed kg", "of single rounds", "now", "factor")
    print_table(header, [proposal_as_row(each) for each in proposals], words=3)
    told = "would be decided" if is_rehearsal else f"decided by {person}"
    click.echo(f"\n{len(wanted) if is_rehearsal else decided:,} of {len(proposals):,} calibrations {told}.")


def show_proposal(proposal: "Proposal") -> dict[str, Any]:
    """Return a proposal as plain values."""
    factors = {"factor": proposal.factor, "current_factor": proposal.current_factor}
    numbers = {name: None if factor is None else float(factor) for name, factor in factors.items()}
    ends = {"lowest": proposal.lowest, "highest": proposal.highest}
    finite = {name: ratio if ratio is not None and isfinite(ratio) else None for name, ratio in ends.items()}
    return {**asdict(proposal), **numbers, **finite}


def proposal_as_row(proposal: "Proposal") -> tuple[str, ...]:
    """Return one row for people."""
    single = f"{proposal.lowest:.2f} to {proposal.highest:.2f}" if proposal.lowest is not None else ""
    return (
        proposal.bin_id,
        proposal.material,
        proposal.refusal or "",
        f"{proposal.rounds:,} of {proposal.rounds_ended:,}",
        f"{proposal.counted_g / 1000:,.0f}",
        f"{proposal.weighed_g / 1000:,.0f}",
        single,
        "" if proposal.current_factor is None else str(proposal.current_factor),
        "" if proposal.factor is None else str(proposal.factor),
    )
