"""The benchmarks run, small: reports are complete, what cannot be run is told, the loaded history is sound."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.dashboards import FIGURES
from benchmarks.pages import PAGES
from benchmarks.pictures import MAKERS
from benchmarks.promises import PROMISES
from tests.requirements import require_mosquitto

SMALL_TOWN = ("--bins", "20", "--citizens", "30")
ONCE = ("--rounds", "1", "--no-warm-up")


@pytest.fixture(scope="module")
def mosquitto() -> None:
    require_mosquitto()


pytestmark = [
    pytest.mark.usefixtures("mosquitto", "nothing_left"),
    pytest.mark.timeout(300),  # services start five times over, and on a busy disk a row a commit is slow
]


def bench(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``bontri bench`` in a process of its own."""
    command = [sys.executable, "-m", "bontri", "bench", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=240, check=False
    )


def measured(folder: Path, *arguments: str, **environment: str) -> tuple[dict, str]:
    """Run a benchmark that succeeds; return its report, which is all there is on standard output, and its words."""
    town = () if arguments[0] == "rewards" else SMALL_TOWN
    done = bench(*arguments, *town, "--json", "--pictures", str(folder / "pictures"), **environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    promised = [each.name for each in PROMISES if each.bench == report["bench"]]
    assert [each["name"] for each in report["promises"]] == promised
    for each in report["promises"]:
        assert each["aim"] is not None
        assert (each["measured"] is None) == (each["reached_aim"] is None)
    for name in MAKERS[report["bench"]]:
        picture = ET.parse(folder / "pictures" / f"{name}.svg").getroot()  # noqa: S314 (our own file)
        assert picture.get("viewBox")
    return report, done.stderr


def test_ingest_is_measured_beside_a_peer_and_without_node(tmp_path):
    without_node = tmp_path / "path"
    without_node.mkdir()
    sizes = ("--messages", "2000", "--peer-messages", "500", *ONCE)
    settings = {"PATH": str(without_node), "BONTRI_DATA_DIR": str(tmp_path)}
    report, words = measured(tmp_path, "ingest", *sizes, "--peers", "psycopg_row,node_red", **settings)
    assert report["not_run"] == [{"what": "node_red", "why": "node is not installed"}]
    assert "node_red is not run: node is not installed" in words
    pipelines = {
        "bontri",
        "bontri_backlog",
        "bontri_half_poison",
        "psycopg_row",
        "acks_only",
        "reference_sql",
        "transaction_alone",
        "transaction_sql",
        "copy",
    }
    assert set(report["rates"]) == pipelines
    assert report["killed"]["bontri"] == {"published": 2000, "lost": 0, "doubled": 0}
    # A row a commit, told after it: nothing lost, what was under way may come twice.
    assert report["killed"]["psycopg_row"]["lost"] == 0
    promises = {each["name"]: each["measured"] for each in report["promises"]}
    assert promises["bontri_to_node_red"] is None
    assert promises["transaction_sql_to_copy"] > 0
    assert report["rates"]["transaction_sql"]["median_per_s"] > report["rates"]["transaction_alone"]["median_per_s"]


def test_latency_is_measured_online(tmp_path):
    report, _ = measured(tmp_path, "latency", "--seconds", "5", "--rate", "50", "--probes", "4")
    assert report["deposits_missed"] == 0
    assert len(report["samples_ms"]["points"]) == report["deposits_probed"] > 0
    assert 0 < report["points_ms"]["p50"] <= report["points_ms"]["p99"] <= report["points_ms"]["max"]
    assert report["receipt_ms"]["p50"] > 0
    assert report["api_peak_mb"] > 0


def test_history_that_growth_loads_is_sound(tmp_path):
    """What is not sound would end with 1: every invariant is verified over it."""
    sizes = ("--small", "1000", "--large", "8000", "--messages", "2000", *ONCE)
    report, _ = measured(tmp_path, "growth", *sizes)
    assert report["verified_events"]["large"]["bench"]["events"] == 8000 + 2000
    assert report["verified_events"]["small"]["bench"]["events"] == 1000 + 2000
    assert report["ratios"]["large_to_small"] > 0


def test_soak_fits_a_line_to_each_series(tmp_path):
    load = ("--minutes", "0.2", "--every", "1", "--rate", "50", "--probes", "2")
    report, _ = measured(tmp_path, "soak", *load)
    assert set(report["slopes"]) == set(report["samples"]) - {"seconds"}
    assert all(slope["verdict"] in ("steady", "growing", "undecided") for slope in report["slopes"].values())


def test_vouchers_and_expiry_are_measured_beside_their_ceilings(tmp_path):
    sizes = ("--seconds", "1", "--lots", "1200", "--quiet", "0.5", "--rate", "40", *ONCE)
    report, _ = measured(tmp_path, "rewards", *sizes)
    assert set(report["rates"]) == {"vouchers_ours", "vouchers_pgbench", "expiry_job", "expiry_insert"}
    assert all(rate["median_per_s"] > 0 for rate in report["rates"].values())
    assert set(report["redemptions"]["outcomes"]) == {"redeemed"}
    assert report["broken_invariants"] == {"vouchers": {}, "expiring_1": {}}


def test_the_api_is_measured_beside_what_bounds_it(tmp_path):
    sizes = ("--seconds", "1", "--redemptions", "80", "--paced", "40", "--rate", "50", *ONCE)
    report, _ = measured(tmp_path, "api", *sizes)
    assert set(report["rates"]) == {"empty_route", "balance", "redemption", "redemption_pgbench"}
    assert all(rate["median_per_s"] > 0 for rate in report["rates"].values())
    assert {name: seen["count"] for name, seen in report["redemptions_paced"].items()} == {"quiet": 40, "beside": 40}
    assert report["cpu"]["empty_route"]["postgresql_us"] < report["cpu"]["balance"]["postgresql_us"]
    # The generator is not what is measured.
    assert report["cpu"]["empty_route"]["generator_us"] < report["cpu"]["empty_route"]["api_us"]
    assert report["broken_invariants"] == {}


def test_figures_over_years_are_measured_with_many_deposits_and_with_few(tmp_path):
    """That a rebuild from nothing is exact, and the books are sound, is in ``ok``."""
    sizes = ("--years", "1", "--small", "1000", "--deposits", "4000", "--rebuilds", "1", *ONCE)
    report, _ = measured(tmp_path, "stats", *sizes)
    assert set(report["figures"]) == {*FIGURES, *PAGES}
    assert set(report["sums"]) == {"group_by", "check", "rebuild"}
    assert report["differences_at_the_end"] == 0
    assert report["broken_invariants"] == {"small": {}, "large": {}}


def test_unknown_peer_is_refused():
    done = bench("ingest", "--peers", "redis")
    assert done.returncode == 2
    assert "no such peer: redis" in done.stderr


def test_folder_for_pictures_is_tried_before_anything_is_measured(tmp_path):
    file = Path(tmp_path / "file")
    file.touch()
    done = bench("latency", "--pictures", str(file / "pictures"))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
