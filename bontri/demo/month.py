"""A month of simulated deposits for the demo's authority, on a clock of its own.

For whoever wants to rehearse a tariff without waiting for a month. Households and rhythm are the simulators'
assumptions.
"""

import datetime
import hashlib
import itertools
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bontri.demo.folder import DemoFolder
from bontri.demo.month_purchases import TO_THE_SHOP, Shoppers
from bontri.demo.recording import Happening, RecordingError, record
from bontri.demo.seed import AUTHORITY_ID, SLUG, TIMEZONE, badges
from bontri.demo.services import Town, find_keyring, open_database, prepare_town
from bontri.embedded.errors import DataFolderBusyError
from bontri.provisioning import fleet_file
from bontri.settings import Settings
from rewards.database import open_engine
from rewards.deposits import Outcome
from simulators.fleet_file import read_fleet
from simulators.households import Households
from simulators.rhythm import arrival_times

BINS = 60
BATCH = 500
CREDITED_LATER = datetime.timedelta(seconds=2)


class MonthError(RecordingError):
    """The month cannot be simulated."""


@dataclass(frozen=True, slots=True)
class SimulatedMonth:
    """What a month came to. ``repeats``: recorded by an earlier run of the same seed, and not again now.

    ``redeemed`` are vouchers bought and redeemed beside new deposits.
    """

    first_day: datetime.date
    deposits: int
    repeats: int
    credited: int
    points: int
    redeemed: int


def simulate_month(
    settings: Settings, first_day: datetime.date, *, deposits_a_day: int, seed: int, now: datetime.datetime
) -> SimulatedMonth:
    """Record a month of deposits in the demo's database, which is made if there is none.

    Safe to repeat: the same month and seed are the same events, and an event counts once.

    Raises:
        MonthError: the month is not over, or the demo's bins did not stand there yet.
        EmbeddedServiceError, DemoFolderError: as :func:`bontri.demo.services.running_services`.
    """
    keyring = find_keyring(settings, folder := DemoFolder(settings.data_dir.absolute()))
    began_at, ends_at = bounds_of(first_day)
    if ends_at > now:
        raise MonthError(f"{first_day:%Y-%m} is not over")
    with ExitStack() as stack:
        url = find_database(stack, settings, folder)
        town = prepare_town(stack, url, keyring, folder)
        if town.has_history:
            raise MonthError("the demo has a simulated history already: its months are there to work on")
        engine = open_engine(url, role="bontri_ingest")
        tills = open_engine(url, role="bontri_api", authority_id=AUTHORITY_ID)
        stack.callback(engine.dispose)
        stack.callback(tills.dispose)
        dropped = drop(town, began_at, ends_at, deposits_a_day=deposits_a_day, seed=f"{seed} {first_day:%Y-%m}")
        shoppers = Shoppers(tills, keyring, seed=f"{seed} {first_day:%Y-%m}")
        outcomes: list[Outcome] = []
        redeemed = 0
        while batch := list(itertools.islice(dropped, BATCH)):
            with engine.begin() as connection:
                now = batch[-1].received_at
                recorded = record(connection, keyring, batch, journal=journal_of(seed, first_day), now=now)
            outcomes += recorded
            if not any(each.is_repeat for each in recorded) and now < ends_at - TO_THE_SHOP:
                redeemed += shoppers.go_shopping(now)
    new = [each for each in outcomes if not each.is_repeat]
    return SimulatedMonth(
        first_day,
        len(outcomes),
        len(outcomes) - len(new),
        sum(each.points > 0 for each in new),
        sum(each.points for each in new),
        redeemed,
    )


def find_database(stack: ExitStack, settings: Settings, folder: DemoFolder) -> str:
    """Return the address of the database the demo uses: a running demo's, else it is started."""
    try:
        return open_database(stack, settings, folder.path)[0]
    except DataFolderBusyError:
        if (running := folder.find_running_database()) is None:
            raise
        return running


def bounds_of(first_day: datetime.date) -> tuple[datetime.datetime, datetime.datetime]:
    """Return when a month begins and ends by the authority's calendar."""
    next_month = (first_day.replace(day=1) + datetime.timedelta(days=31)).replace(day=1)
    zone, midnight = ZoneInfo(TIMEZONE), datetime.time()
    return (
        datetime.datetime.combine(first_day.replace(day=1), midnight, zone),
        datetime.datetime.combine(next_month, midnight, zone),
    )


def choose_bins(town: Town) -> list[str]:
    """Choose the bins that take part: of every commune some, always the same."""
    return random.Random(0).sample(town.bin_ids, min(BINS, len(town.bin_ids)))  # noqa: S311 (chosen, not secret)


def journal_of(seed: int, first_day: datetime.date) -> str:
    """Return the journal of a simulated month: no bin has it, so its numbers are in nobody's way."""
    return hashlib.sha256(f"simulated month {first_day:%Y-%m} {seed}".encode()).hexdigest()[:32]


def drop(
    town: Town, began_at: datetime.datetime, ends_at: datetime.datetime, *, deposits_a_day: int, seed: str
) -> Iterator[Happening]:
    """Yield the deposits of the month in the order of time; the same seed gives the same."""
    rng = random.Random(seed)  # noqa: S311 (must be repeatable)
    bin_ids = choose_bins(town)
    handed = fleet_file(bin_ids, authority=SLUG, mqtt_url="mqtt://127.0.0.1", keyring=town.keyring, badges=badges())
    provisioned = read_fleet(handed)
    households = Households([each.identity for each in provisioned.bins], provisioned.badges, rng=rng)
    seqs = [itertools.count(1) for _ in bin_ids]
    for elapsed in arrival_times(began_at, mean_per_day=deposits_a_day, rng=rng, time_zone=TIMEZONE):
        if (at := began_at.astimezone(datetime.UTC) + elapsed) >= ends_at:
            return
        planned = households.plan_deposit()
        yield Happening(
            bin_id=bin_ids[planned.bin_number],
            seq=next(seqs[planned.bin_number]),
            at=at,
            received_at=at + CREDITED_LATER,
            material=planned.material,
            items=planned.items,
            mass_g=planned.mass_g,
            badge=planned.badge,
            refused=planned.refused,
            confidence=planned.confidence,
        )
