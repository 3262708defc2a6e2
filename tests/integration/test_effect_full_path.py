"""From bins that were offline for 18 months to a measured effect, over a real broker, worker and database."""

from pathlib import Path

import pytest

from bontri.effect_trials.full_path import (
    SLUG,
    build_territory,
    compare_panels,
    deliver,
    month_before,
    read_database,
    write_journals,
)
from bontri.effect_trials.scenarios import panel_of
from bontri.provisioning import fleet_file
from rewards.statistics.effect.measuring import measure_effect
from rewards.statistics.effect.verdict import Measured
from simulators.fleet_file import read_fleet
from simulators.territory import TerritoryPlan, simulate_territory
from tests.databases import Database
from tests.ingest_scene import KEYRING, mosquitto, worker_thread, worker_url

SEED = 6


def test_effect_measured_on_the_databases_figures_is_that_of_what_was_dropped(
    database: Database, now, tmp_path: Path
) -> None:
    plan = TerritoryPlan(0.2, sites=8, roll_out="at-once", first_month=month_before(now, 18))
    sites = simulate_territory(plan, seed=SEED)
    names = [site.name for site in sites]
    with database.engine().begin() as connection:
        build_territory(connection, sites, now=now)
    with mosquitto(names) as broker:
        content = fleet_file(names, authority=SLUG, mqtt_url=worker_url(broker), keyring=KEYRING)
        fleet = read_fleet(content)
        deposits = write_journals(fleet, sites, tmp_path, every_days=6)
        with worker_thread(database, worker_url(broker), topic_filter=broker.worker_filter):
            deliver(fleet, tmp_path, seed=SEED)
    found, recorded = read_database(database.engine("bontri_reader"), sites, now=now)
    assert recorded == deposits > 700
    site_months, equal = compare_panels(panel_of(sites), found)
    assert equal >= site_months - 2
    truth, measured = measure_effect(panel_of(sites)), measure_effect(found)
    assert isinstance(truth, Measured)
    assert isinstance(measured, Measured)
    assert measured.source == "counted"
    assert measured.effect.percent == pytest.approx(truth.effect.percent, abs=3)
    assert measured.effect.low_percent <= 20 <= measured.effect.high_percent
