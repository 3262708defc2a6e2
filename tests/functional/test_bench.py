"""The benchmarks run, small: reports are complete, what cannot be run is told, the loaded history is sound."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.promises import PROMISES
from bontri.embedded.errors import ProgramMissingError
from bontri.embedded.mosquitto import find_mosquitto

SMALL_TOWN = ("--bins", "20", "--citizens", "30")


def has_mosquitto() -> bool:
    try:
        find_mosquitto()
    except ProgramMissingError:
        return False
    return True


pytestmark = [
    pytest.mark.skipif(not has_mosquitto(), reason="needs an installed mosquitto 2"),
    pytest.mark.usefixtures("nothing_left"),
]


def bench(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``bontri bench`` in a process of its own."""
    command = [sys.executable, "-m", "bontri", "bench", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=110, check=False
    )


def report_of(done: "subprocess.CompletedProcess[str]") -> dict:
    """Return the report, which is all there is on standard output."""
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    promised = [each.name for each in PROMISES if each.bench == report["bench"]]
    assert [each["name"] for each in report["promises"]] == promised
    for each in report["promises"]:
        assert each["aim"] is not None
        assert (each["measured"] is None) == (each["reached_aim"] is None)
    return report


def test_ingest_is_measured_beside_a_peer_and_without_node(tmp_path):
    without_node = tmp_path / "path"
    without_node.mkdir()
    done = bench(
        "ingest", "--messages", "3000", "--peer-messages", "500", "--rounds", "1", *SMALL_TOWN,
        "--peers", "psycopg_row,node_red", "--json", "--pictures", str(tmp_path / "pictures"),
        PATH=str(without_node), BONTRI_DATA_DIR=str(tmp_path),
    )  # fmt: skip
    report = report_of(done)
    assert report["not_run"] == [{"what": "node_red", "why": "node is not installed"}]
    assert "node_red is not run: node is not installed" in done.stderr
    assert set(report["rates"]) == {
        "bontri", "bontri_backlog", "psycopg_row", "acks_only", "reference_sql", "transaction_alone", "copy",
    }  # fmt: skip
    assert report["killed"]["bontri"] == {"published": 3000, "lost": 0, "doubled": 0}
    # A row a commit, told after it: nothing lost, the one under way may come twice.
    assert report["killed"]["psycopg_row"]["lost"] == 0
    measured = {each["name"]: each["measured"] for each in report["promises"]}
    assert measured["bontri_to_node_red"] is None
    assert measured["transaction_to_copy"] > 0
    for name in ("ingest", "killed"):
        ET.parse(tmp_path / "pictures" / f"{name}.svg")  # noqa: S314 (our own file)


def test_latency_is_measured_online():
    done = bench("latency", "--seconds", "5", "--rate", "100", "--probes", "4", *SMALL_TOWN, "--json")
    report = report_of(done)
    assert report["deposits_missed"] == 0
    assert len(report["samples_ms"]["points"]) == report["deposits_probed"] > 0
    assert 0 < report["points_ms"]["p50"] <= report["points_ms"]["p99"] <= report["points_ms"]["max"]
    assert report["receipt_ms"]["p50"] > 0
    assert report["api_peak_mb"] > 0


def test_history_that_growth_loads_is_sound():
    """What is not sound would end with 1: every invariant is verified over it."""
    sizes = ("--small", "1000", "--large", "30000", "--messages", "3000", "--rounds", "1")
    report = report_of(bench("growth", *sizes, *SMALL_TOWN, "--json"))
    assert report["verified_events"]["large"]["bench"]["events"] == 30_000 + 2 * 3000
    assert report["verified_events"]["small"]["bench"]["events"] == 1000 + 2 * 3000
    assert report["ratios"]["large_to_small"] > 0


def test_soak_fits_a_line_to_each_series():
    done = bench("soak", "--minutes", "0.2", "--every", "1", "--rate", "100", "--probes", "2", *SMALL_TOWN, "--json")
    report = report_of(done)
    assert set(report["slopes"]) == set(report["samples"]) - {"seconds"}
    assert all(slope["verdict"] in ("steady", "growing", "undecided") for slope in report["slopes"].values())


def test_unknown_peer_is_refused():
    done = bench("ingest", "--peers", "redis")
    assert done.returncode == 2
    assert "no such peer: redis" in done.stderr


def test_folder_for_pictures_is_tried_before_anything_is_measured(tmp_path):
    file = Path(tmp_path / "file")
    file.touch()
    done = bench("latency", "--pictures", str(file / "pictures"))
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
