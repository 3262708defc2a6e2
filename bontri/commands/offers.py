"""``bontri offers``: what citizens can have for points; put on sale by the authority, or proposed by shops."""

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.tenants import LONGEST_NAME, Text, by_somebody, instant_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.offers import ModeratedOffer

CATEGORIES = ("local_shop", "leisure", "donation", "authority")
PERIODS = ("day", "week", "month", "ever")
STATES = ("draft", "submitted", "published", "paused", "ended")
LONGEST_NOTE = 500
MOST_CENTS = 1_000_000
DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def offers() -> None:
    """Put offers on sale, publish or hand back what shops propose, pause and end.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@offers.command("add")
@click.argument("title", type=Text(LONGEST_NAME))
@of_authority
@click.option("--points", "price_points", type=click.IntRange(1, 1_000_000), required=True, help="The price.")
@click.option("--cents", "value_cents", type=click.IntRange(0, MOST_CENTS), required=True, help="What a shop is paid.")
@click.option("--shop", help="Whose, by name or id; default: every partner shop takes its vouchers.")
@click.option("--funder", help="Who pays, by name or id; default: the authority itself.")
@click.option("--category", type=click.Choice(CATEGORIES), default="local_shop", show_default=True)
@click.option("--stock", type=click.IntRange(0), help="How many there are; default: without end.")
@click.option("--valid-days", "voucher_valid_days", type=click.IntRange(1, 365), default=30, show_default=True)
@click.option("--from", "offered_from", type=DAY, help="On sale from this day on.")
@click.option("--until", "offered_until", type=DAY, help="On sale before this day.")
@click.option("--most-per-wallet", type=click.IntRange(1), help="Vouchers a wallet may have; needs --per.")
@click.option("--per", "limit_period", type=click.Choice(PERIODS), help="Within which period.")
@click.option("--minimum-cents", "minimum_purchase_cents", type=click.IntRange(0, MOST_CENTS), default=0)
def add_command(
    authority: str,
    *,
    shop: str | None,
    funder: str | None,
    offered_from: datetime.datetime | None,
    offered_until: datetime.datetime | None,
    **terms: Any,
) -> None:
    """Put an offer on sale at once. Its price and value never change: end it and add another one.

    \b
    Examples:
      bontri offers add "Une entrée piscine" --authority plaine-commune --points 40 --cents 400 --category leisure
      bontri offers add "Un pain" --authority plaine-commune --points 20 --cents 150 --shop "Boulangerie du Canal" \\
        --stock 500 --most-per-wallet 2 --per month --until 2027-01-01
    """
    from rewards.funders import get_funder_id
    from rewards.offers import OfferTerms, put_on_sale
    from rewards.settlement import find_shop

    if (terms["most_per_wallet"] is None) != (terms["limit_period"] is None):
        raise click.UsageError("--most-per-wallet and --per go together")
    if offered_from and offered_until and offered_from >= offered_until:
        raise click.UsageError("--until must be later than --from")
    with tenant_in_use(authority) as (connection, tenant):
        of_tenant: dict[str, Any] = {"authority_id": tenant.authority_id}
        offer = OfferTerms(
            **terms,
            shop_id=find_shop(connection, shop, **of_tenant) if shop else None,
            funder_id=get_funder_id(connection, funder, **of_tenant),
            offered_from=instant_of(connection, offered_from, **of_tenant),
            offered_until=instant_of(connection, offered_until, **of_tenant),
        )
        offer_id = put_on_sale(connection, offer, **of_tenant)
    click.echo(f"{offer_id}  on sale.")


def make_step(name: str, words: str, said: str) -> None:
    """Add a command that changes the state of an offer."""

    @offers.command(name)
    @click.argument("offer_id", metavar="OFFER", type=click.UUID)
    @of_authority
    def step(offer_id: UUID, authority: str) -> None:
        from ingest.worker import utc_now
        from rewards.offers import end_offer, pause_offer, resume_offer

        steps: dict[str, Callable[..., None]] = {"pause": pause_offer, "resume": resume_offer, "end": end_offer}
        with tenant_in_use(authority) as (connection, tenant):
            steps[name](connection, offer_id, authority_id=tenant.authority_id, now=utc_now())
        click.echo(said)

    step.help = f"""{words}

    \b
    Example:
      bontri offers {name} 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """


make_step("pause", "Sell no more of an offer for a while.", "Paused; vouchers already sold stay good.")
make_step("resume", "Sell a paused offer again.", "On sale again.")
make_step("end", "End an offer for good, whatever its state.", "Ended for good; vouchers already sold stay good.")


@offers.command("publish")
@click.argument("offer_id", metavar="OFFER", type=click.UUID)
@of_authority
@by_somebody
def publish_command(offer_id: UUID, authority: str, person: str) -> None:
    """Put an offer on sale that a shop has submitted.

    \b
    Example:
      bontri offers publish 01920000-0000-7000-8000-000000000000 --authority plaine-commune --by ada
    """
    from ingest.worker import utc_now
    from rewards.offers import publish_offer

    with tenant_in_use(authority) as (connection, tenant):
        publish_offer(connection, offer_id, authority_id=tenant.authority_id, published_by=person, now=utc_now())
    click.echo("On sale.")


@offers.command("reject")
@click.argument("offer_id", metavar="OFFER", type=click.UUID)
@of_authority
@click.option("--note", type=Text(LONGEST_NOTE), required=True, help="Told to the shop.")
@by_somebody
def reject_command(offer_id: UUID, authority: str, note: str, person: str) -> None:
    """Hand a submitted offer back to its shop, as a draft, with the reason.

    \b
    Example:
      bontri offers reject 01920000-0000-7000-8000-000000000000 --authority plaine-commune --note "no alcohol, please"
    """
    from ingest.worker import utc_now
    from rewards.offers import reject_offer

    with tenant_in_use(authority) as (connection, tenant):
        reject_offer(
            connection, offer_id, authority_id=tenant.authority_id, rejected_by=person, note=note, now=utc_now()
        )
    click.echo("Handed back as a draft.")


@offers.command("list")
@of_authority
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only in this state; repeatable.")
@AS_JSON
def list_command(authority: str, states: tuple[str, ...], is_json: bool) -> None:
    """List offers by title: all that have not ended, or those in some states.

    \b
    Examples:
      bontri offers list --authority plaine-commune
      bontri offers list --authority plaine-commune --state submitted --json
    """
    from rewards.offers import list_moderated_offers

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_moderated_offers(connection, states or STATES[:-1], authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        click.echo(offer_as_line(each))
    if not found:
        click.echo("There is no such offer.")


def offer_as_line(offer: "ModeratedOffer") -> str:
    """Write an offer in a line."""
    left = "" if offer.stock is None else f", {offer.stock - offer.sold:,} of {offer.stock:,} left"
    price = f"{offer.price_points:,} points for {offer.value_cents / 100:,.2f} € from {offer.funder}{left}"
    note = f"; handed back: {offer.note}" if offer.note else ""
    return f"{offer.offer_id}  {offer.state:9}  {offer.title}, {offer.shop or 'all shops'}: {price}{note}"
