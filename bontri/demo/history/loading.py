"""Loading a simulated history in one transaction, by the functions that record what bins report.

Days go through the same steps as messages do, hundreds of deposits at a time: caps, campaigns, lots, transfers,
journals, sums. So everything that is kept with deposits is kept with these, and ``bontri verify`` holds for them.
"""

import datetime
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text, update

from bontri.demo.history.households import say_households
from bontri.demo.history.reports import note_reports
from bontri.demo.history.rollout import Rollout, Span
from bontri.demo.history.spending import Spending, Spent
from bontri.demo.history.tonnages import store_history_tonnages
from bontri.demo.history.year import Year
from bontri.demo.recording import record
from bontri.demo.seed import AUTHORITY_ID, TIMEZONE, start_of
from bontri.progress import Advance
from rewards.drafts.definitions import CampaignDefinition
from rewards.drafts.publishing import publish_campaign
from rewards.expiry import expire_points, first_position, note_expired
from rewards.fleet.placing import move_bin
from rewards.keyring import Keyring
from rewards.memory import Recollection
from rewards.schema.territory import Authority
from rewards.tariffs import add_tariff

JOURNAL = "0" * 26 + "b0b150"
"""The journal of every bin's history: no bin has it, so its numbers are in nobody's way."""
BATCH_DAYS = 4
VALID_MONTHS = 8
"""Short enough for some to expire within the year, every month alike once the first are so old."""
LAUNCH_DAY_CAP_POINTS = 60
WELCOME_POINTS = 10

# As a worker's sessions look things up (rewards/database.py); nothing is measured, and durable with the last commit.
SETTINGS = ("enable_seqscan = off", "random_page_cost = 1.1", "jit = off")
# No other process can gather statistics on what is not committed: without them half of the time went into wrong plans.
ANALYZE = text("ANALYZE accounts, transfers, vouchers, wallet_accounts")
ANALYZED_AFTER_MONTHS = (1, 2, 4, 8)
HAS_HISTORY = text("SELECT EXISTS (SELECT FROM bin_journals WHERE authority_id = :authority_id AND journal = :journal)")


@dataclass(frozen=True, slots=True)
class LoadedHistory:
    """What a history came to."""

    first_day: datetime.date
    last_day: datetime.date
    deposits: int
    emptyings: int
    items: int
    points: int
    spent: Spent


def has_history(connection: Connection) -> bool:
    """Tell whether the demo was made with a history."""
    return bool(connection.scalar(HAS_HISTORY, {"authority_id": AUTHORITY_ID, "journal": JOURNAL}))


def load_history(connection: Connection, keyring: Keyring, rollout: Rollout, *, advance: Advance) -> LoadedHistory:
    """Load the history of a rollout into the demo that was seeded with it. Needs the owner's transaction."""
    # A quarter of the time went into looking for cycles among millions of new objects, of which there are none.
    gc.disable()
    try:
        return load_days(connection, keyring, rollout, advance)
    finally:
        gc.enable()


def load_days(connection: Connection, keyring: Keyring, rollout: Rollout, advance: Advance) -> LoadedHistory:
    """Load one batch of days after the other, what the lorries weighed, and whom the bins serve."""
    for setting in SETTINGS:
        connection.execute(text(f"SET LOCAL {setting}"))
    decide(connection, rollout)
    year = Year(rollout, ZoneInfo(TIMEZONE))
    spending = Spending(connection, keyring, seed=rollout.seed)
    recollection, month = Recollection(), rollout.span.first.month
    deposits = emptyings = items = points = 0
    for span in list_batches(rollout.span):
        now = start_of(span.last + datetime.timedelta(days=1)) - datetime.timedelta(seconds=1)
        if span.first.month != month:
            recollection, month = Recollection(), span.first.month
            turn_month(connection, rollout, now=now)
        batch, told = [], {}
        for day in days_of(span):
            batch += year.list_happenings(day)
            told[day] = year.list_told()
        outcomes = record(connection, keyring, batch, journal=JOURNAL, now=now, recollection=recollection)
        recollection.keep()
        note_reports(connection, rollout, told)
        spending.go_on([each.badge for each in batch if each.badge], now)
        emptied = sum(each.items is None for each in batch)
        deposits, emptyings = deposits + len(batch) - emptied, emptyings + emptied
        items += sum(each.items or 0 for each in batch)
        points += sum(each.points for each in outcomes)
        advance((span.last - rollout.span.first).days + 1, f"{span.last:%Y-%m-%d}")
    store_history_tonnages(connection, rollout, year, now=now)
    say_households(connection, rollout)
    return LoadedHistory(rollout.span.first, rollout.span.last, deposits, emptyings, items, points, spending.spent)


def decide(connection: Connection, rollout: Rollout) -> None:
    """Let the authority decide what holds in the year: a tariff to begin with, a campaign, which bin moves."""
    set_validity(connection, VALID_MONTHS)
    add_tariff(
        connection,
        authority_id=AUTHORITY_ID,
        name="Tarif de lancement",
        valid_from=start_of(rollout.span.first),
        lines={"glass": ("item", 2), "plastic": ("item", 1), "can": ("item", 1), "paper": ("kilogram", 2)},
        day_cap_points=LAUNCH_DAY_CAP_POINTS,
        welcome_points=WELCOME_POINTS,
    )
    campaign = CampaignDefinition(
        name="Semaines du verre",
        valid_from=datetime.datetime.combine(rollout.campaign.first, datetime.time()),
        valid_until=datetime.datetime.combine(rollout.campaign.last, datetime.time()),
        multiplier_percent=150,
        materials=("glass",),
        budget_points=50_000,
    )
    publish_campaign(connection, campaign, authority_id=AUTHORITY_ID, now=start_of(rollout.span.first))
    moved = rollout.moved
    move_bin(connection, moved.bin_id, to=moved.site, at=start_of(moved.from_day), authority_id=AUTHORITY_ID)


def turn_month(connection: Connection, rollout: Rollout, *, now: datetime.datetime) -> None:
    """Expire what is over."""
    if months_gone(rollout, now) in ANALYZED_AFTER_MONTHS:
        connection.execute(ANALYZE)
    position = first_position(connection, authority_id=AUTHORITY_ID)
    while swept := expire_points(connection, authority_id=AUTHORITY_ID, now=now, after=position).position:
        position = swept
    note_expired(connection, authority_id=AUTHORITY_ID, now=now)


def months_gone(rollout: Rollout, now: datetime.datetime) -> int:
    """Return how many months began since the history did."""
    first = rollout.span.first
    return (now.year - first.year) * 12 + now.month - first.month


def set_validity(connection: Connection, months: int) -> None:
    """Say how long points are valid that are credited from now on."""
    owned = Authority.authority_id == AUTHORITY_ID
    connection.execute(update(Authority).where(owned).values(points_valid_months=months))


def list_batches(span: Span) -> Iterator[Span]:
    """Yield the days of a history some at a time, each lot of them within a month: points go to the lot of theirs."""
    first = span.first
    while first <= span.last:
        last = min(first + datetime.timedelta(days=BATCH_DAYS - 1), span.last)
        while last.month != first.month:
            last -= datetime.timedelta(days=1)
        yield Span(first, last)
        first = last + datetime.timedelta(days=1)


def days_of(span: Span) -> list[datetime.date]:
    """List the days of a span."""
    return [span.first + datetime.timedelta(days=number) for number in range((span.last - span.first).days + 1)]
