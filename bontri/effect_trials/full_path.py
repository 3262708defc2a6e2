"""The whole way once: simulated bins journal 18 months offline, hand them over by MQTT, and the effect is measured.

What was dropped goes bin, broker, worker, events and rollups; the verdict is read from the database's own figures and
held against what was simulated. Old deposits are what bins bring that were offline: none is refused for its age.
"""

import datetime
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from bontri.demo.services import DATABASE, READY_WITHIN_S, start_bontri
from bontri.effect_trials.scenarios import MATERIAL, panel_of
from bontri.embedded.broker import running_broker
from bontri.embedded.errors import EmbeddedServiceError
from bontri.embedded.folders import scratch_folder
from bontri.embedded.postgres import running_postgres
from bontri.progress import Teller
from bontri.provisioning import WORKER_USERNAME, fleet_file, list_broker_accounts
from bontri.readiness import ReadySocket
from bontri.settings import SECRETS
from rewards.bins import NewBin, add_bins
from rewards.database import migrate, open_engine
from rewards.keyring import Keyring
from rewards.statistics.effect.asking import EffectAsked, choose_sites
from rewards.statistics.effect.measuring import measure_effect
from rewards.statistics.effect.panel import Panel
from rewards.statistics.effect.reading import read_panel
from rewards.statistics.effect.verdict import Measured, Verdict
from rewards.tariffs import add_tariff
from rewards.tenancy import enter_tenant
from rewards.territory import NewSite, add_commune, add_materials, add_sites, create_authority
from simulators.bin import SimulatedBin
from simulators.fleet import Fleet
from simulators.fleet_file import ProvisionedFleet, read_fleet
from simulators.territory import TerritoryPlan, TerritorySite, simulate_territory

AUTHORITY_ID = 93
SLUG = "effect-trial"
TIMEZONE = "Europe/Paris"
INSEE_CODE = "93066"
ITEM_MASS_G = 230
SETTLED_WITHIN_S = 600.0
STEP_S = 0.05

COUNT_EVENTS = text("SELECT count(*) FROM events WHERE authority_id = :authority_id AND type = 'deposit'")


@dataclass(frozen=True, slots=True)
class FullPath:
    """What went in, what came out, and both verdicts."""

    truth_percent: float
    deposits: int
    recorded: int
    site_months: int
    equal_site_months: int
    simulated: Verdict
    measured: Verdict
    seconds: float

    @property
    def is_kept(self) -> bool:
        """Whether nothing was lost on the way, and the interval of the database's figures holds the truth."""
        return (
            isinstance(self.measured, Measured)
            and self.recorded == self.deposits
            and self.measured.effect.low_percent <= self.truth_percent <= self.measured.effect.high_percent
        )


def month_before(now: datetime.datetime, months: int) -> datetime.date:
    """Return the first of so many whole months before the one of ``now``."""
    count = now.year * 12 + now.month - 1 - months
    return datetime.date(count // 12, count % 12 + 1, 1)


def build_territory(connection: Connection, sites: list[TerritorySite], *, now: datetime.datetime) -> None:
    """Create an authority, marked as simulated, whose sites have had their bins since before the first month."""
    placed_at = noon_of(min(month for site in sites for month, _, _ in site.months)) - datetime.timedelta(days=2)
    create_authority(
        connection,
        authority_id=AUTHORITY_ID,
        slug=SLUG,
        name="Effect trial",
        timezone=TIMEZONE,
        now=now,
        is_simulated=True,
    )
    of_authority: dict[str, Any] = {"authority_id": AUTHORITY_ID}
    add_commune(
        connection, **of_authority, insee_code=INSEE_CODE, name="Saint-Denis", population=1000, population_year=2023
    )
    add_materials(connection, {MATERIAL: ITEM_MASS_G}, **of_authority)
    planned = [NewSite(site.name, INSEE_CODE, "simulated", 48.9, 2.3) for site in sites]
    added = add_sites(connection, planned, **of_authority)
    bins = [NewBin(reference, site_id, placed_at, 3000) for reference, site_id in added.items()]
    add_bins(connection, bins, **of_authority, now=now)
    add_tariff(connection, **of_authority, name="Trial", valid_from=placed_at, lines={MATERIAL: ("item", 1)})


def noon_of(day: datetime.date) -> datetime.datetime:
    """Return noon of a day, where simulated deposits are made."""
    return datetime.datetime.combine(day, datetime.time(12), ZoneInfo(TIMEZONE)).astimezone(datetime.UTC)


def write_journals(fleet: ProvisionedFleet, sites: list[TerritorySite], folder: Path, *, every_days: int) -> int:
    """Have every bin journal its past offline, one weighed deposit every so many days; return how many."""
    by_name = {site.name: site for site in sites}
    deposits = 0
    for handed_over in fleet.bins:
        identity = handed_over.identity
        site = by_name[identity.bin]
        began_at = noon_of(site.months[0][0]) - datetime.timedelta(hours=1)
        path = folder / identity.authority / f"{identity.bin}.journal"
        path.parent.mkdir(parents=True, exist_ok=True)
        firmware = SimulatedBin(identity, path, began_at)
        for month, mass_g, days in site.months:
            chosen = sorted({*range(0, days, every_days), days - 1})
            for number, day in enumerate(chosen):
                part_g = mass_g * (number + 1) // len(chosen) - mass_g * number // len(chosen)
                at = noon_of(month + datetime.timedelta(days=day))
                items = min(max(part_g // ITEM_MASS_G, 1), 200)
                firmware.deposit(at, material=MATERIAL, items=items, mass_g=part_g)
                deposits += 1
        firmware.close()
    return deposits


def deliver(
    fleet: ProvisionedFleet, folder: Path, *, seed: int, on_progress: Callable[[int], object] = lambda left: None
) -> None:
    """Connect the bins and let them hand everything over, until each event has its receipt.

    Raises:
        TimeoutError: they have not within ten minutes.
    """
    running = Fleet(fleet, folder=folder, seed=seed)
    deadline = time.monotonic() + SETTLED_WITHIN_S
    try:
        while not running.is_drained():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{running.counts().unsettled_events} deposits have no receipt")
            running.step(timeout_s=STEP_S)
            on_progress(running.counts().unsettled_events)
    finally:
        running.close()


def read_database(engine: Engine, sites: list[TerritorySite], *, now: datetime.datetime) -> tuple[Panel, int]:
    """Return the panel of the database's own figures and the number of deposits recorded."""
    equipped = [site for site in sites if site.equipped_on is not None]
    months = [month for site in sites for month, _, _ in site.months]
    asked = EffectAsked(
        MATERIAL,
        first_day=min(months),
        last_day=(max(months) + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1),
        equipped_from=equipped[0].equipped_on,
        equipped=[site.name for site in equipped],
        control=[site.name for site in sites if site.equipped_on is None],
    )
    of_authority: dict[str, Any] = {"authority_id": AUTHORITY_ID, "timezone": ZoneInfo(TIMEZONE)}
    with engine.begin() as connection:
        enter_tenant(connection, authority_id=AUTHORITY_ID)
        chosen = choose_sites(connection, asked, **of_authority, now=now)
        panel = read_panel(connection, asked, chosen, **of_authority)
        recorded = connection.scalar(COUNT_EVENTS, {"authority_id": AUTHORITY_ID})
    return panel, int(recorded or 0)


def compare_panels(simulated: Panel, found: Panel) -> tuple[int, int]:
    """Return how many site-months were simulated, and of how many the database has the very grams."""
    by_site = {site.site: site.months for site in found.sites}
    pairs = [
        (taken.mass_g, of_month.mass_g if (of_month := by_site[site.site].get(month)) else None)
        for site in simulated.sites
        for month, taken in site.months.items()
    ]
    return len(pairs), sum(one == other for one, other in pairs)


def run_full_path(plan: TerritoryPlan, *, seed: int, every_days: int, now: datetime.datetime, tell: Teller) -> FullPath:
    """Run a territory through private services, and return what the database says of it.

    Raises:
        EmbeddedServiceError: a service does not start.
        TimeoutError: the bins got no receipts.
    """
    began_s = time.monotonic()
    sites = simulate_territory(plan, seed=seed)
    keyring = Keyring(os.urandom(32), os.urandom(32), os.urandom(32))
    names = [site.name for site in sites]
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder("effect"))
        server = stack.enter_context(running_postgres(folder))
        accounts = list_broker_accounts(names, keyring=keyring)
        tell.line(f"PostgreSQL {server.version} runs; a broker is started for {len(names)} bins")
        broker = stack.enter_context(running_broker(folder, accounts=accounts, share_group=keyring.share_group()))
        server.create_database(DATABASE)
        url = server.url(DATABASE)
        engine = open_engine(url, role="owner")
        stack.callback(engine.dispose)
        with engine.connect() as connection:
            migrate(connection)
        with engine.begin() as connection:
            build_territory(connection, sites, now=now)
        mqtt_url = broker.url(WORKER_USERNAME, keyring.broker_password(username=WORKER_USERNAME))
        addresses = {
            "DATABASE_URL": url,
            "MQTT_URL": mqtt_url,
            "BONTRI_MQTT_TOPIC_FILTER": broker.worker_filter,
        }
        start_worker(stack, folder, keyring, addresses)
        fleet = read_fleet(fleet_file(names, authority=SLUG, mqtt_url=mqtt_url, keyring=keyring))
        deposits = write_journals(fleet, sites, folder / "journals", every_days=every_days)
        with tell.part(f"{len(names)} bins hand over {deposits:,} deposits of {plan.months} months", deposits) as done:
            deliver(fleet, folder / "journals", seed=seed, on_progress=lambda left: done(deposits - left))
        found, recorded = read_database(engine, sites, now=now)
    simulated = panel_of(sites)
    site_months, equal = compare_panels(simulated, found)
    return FullPath(
        100 * plan.effect,
        deposits,
        recorded,
        site_months,
        equal,
        measure_effect(simulated),
        measure_effect(found),
        time.monotonic() - began_s,
    )


def start_worker(stack: ExitStack, folder: Path, keyring: Keyring, addresses: Mapping[str, str]) -> None:
    """Start a worker that ends with the block, and wait until it is ready.

    Raises:
        EmbeddedServiceError: it is not in time.
    """
    ready = ReadySocket(folder / "ingest.ready")
    stack.callback(ready.close)
    keys = (keyring.master_key, keyring.badge_pepper, keyring.storage_key)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("BONTRI_", "PG"))},
        **{name: key.hex() for name, key in zip(SECRETS, keys, strict=True)},
        **addresses,
        "BONTRI_LOG_FORMAT": "json",
        "BONTRI_INGEST_HTTP_PORT": "0",
        **ready.environment,
    }
    worker = start_bontri(stack, "ingest", environment, folder)
    if not ready.wait(timeout_s=READY_WITHIN_S, is_running=lambda: worker.is_running):
        raise EmbeddedServiceError(f"the worker is not ready (log {worker.log_path}): {worker.read_last_lines()}")
