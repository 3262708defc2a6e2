"""The command a newcomer types, as a process: the whole story on real services, and nothing left running."""

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bontri.embedded.folders import scratch_folder
from tests.demo_process import bontri, processes_of, running_demo, wait_for_end_of_story

WITHOUT_MOSQUITTO = [sys.executable, "-m", "tests.demo_on_iotcore"]


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder that the unprivileged account can reach."""
    with scratch_folder("demo") as folder:
        yield folder


@pytest.fixture(scope="module")
def summary(data_dir: Path) -> dict[str, Any]:
    """What the first start of the demo says of itself."""
    done = bontri(data_dir, "demo", "--history-days", "0", "--for", "4", "--bins", "20", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_demo_plays_the_whole_story(summary: dict[str, Any]) -> None:
    assert summary["ok"]
    assert summary["problems"] == []
    assert summary["story"] | {"story_bin": "", "deposit_to_receipt_ms": 0} == {
        "story_bin": "",
        "deposit_to_receipt_ms": 0,
        "receipt_points": 12,
        "wallet_points": 12,
        "voucher": "redeemed",
        "second_redemption": "voucher_already_redeemed",
        "wallet_points_left": 2,
    }


def test_every_simulated_deposit_is_committed_once(summary: dict[str, Any]) -> None:
    bins, committed = summary["bins"], summary["committed"]
    assert bins["is_drained"]
    assert bins["produced_deposits"] > 50
    assert committed["deposits"] == bins["produced_deposits"] + 1  # and the story's own
    assert committed["points"] == bins["points"] + summary["story"]["receipt_points"]


def test_workers_share_the_work_where_the_broker_can_share_it(summary: dict[str, Any]) -> None:
    assert summary["workers"] == (2 if summary["broker"].startswith("mosquitto") else 1)


def test_the_demo_needs_no_mosquitto_and_then_runs_one_worker() -> None:
    with scratch_folder("demo") as folder:
        done = bontri(
            folder, "demo", "--history-days", "0", "--for", "1", "--bins", "5", "--json", command=WITHOUT_MOSQUITTO
        )
        assert done.returncode == 0, done.stdout + done.stderr
        summary = json.loads(done.stdout)
        assert summary["broker"].startswith("iotcore")
        assert summary["workers"] == 1
        assert summary["committed"]["deposits"] == summary["bins"]["produced_deposits"] + 1
        assert processes_of(folder) == []


def test_the_demo_leaves_nothing_running(summary: dict[str, Any], data_dir: Path) -> None:
    assert processes_of(data_dir) == []


def test_verify_looks_at_the_demo_afterwards(summary: dict[str, Any], data_dir: Path) -> None:
    done = bontri(data_dir, "verify", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["counts"]["plaine-commune-demo"]["events"] >= summary["committed"]["deposits"]


@dataclass(frozen=True)
class SecondStart:
    """A second start of the demo, ended by Ctrl-C."""

    lines: list[str]
    exit_code: int
    left_running: list[str]


@pytest.fixture(scope="module")
def second_start(summary: dict[str, Any], data_dir: Path) -> SecondStart:
    with running_demo(data_dir) as process:
        lines = wait_for_end_of_story(process)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        lines += process.stdout.readlines()
        exit_code = process.wait(30)
    return SecondStart(lines, exit_code, processes_of(data_dir))


def test_a_second_start_goes_on_and_ctrl_c_ends_in_order(summary: dict[str, Any], second_start: SecondStart) -> None:
    words = "".join(second_start.lines)
    assert second_start.exit_code == 0, words
    assert "Every invariant holds" in words
    committed = next(line for line in second_start.lines if "points committed" in line)
    assert int(committed.split()[0].replace(",", "")) > summary["committed"]["deposits"]
    assert second_start.left_running == []


def test_all_faults_of_the_settings_are_told_at_once(data_dir: Path) -> None:
    wrong = {"DATABASE_URL": "mysql://x/y", "MQTT_URL": "tcp://x", "BONTRI_API_PORT": "99999"}
    done = bontri(data_dir, "ingest", **wrong)
    assert done.returncode == 2
    for name in (*wrong, "BONTRI_MASTER_KEY", "BONTRI_BADGE_PEPPER", "BONTRI_STORAGE_KEY"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_in_use_is_one_sentence(data_dir: Path) -> None:
    from bontri.embedded.postgres import running_postgres

    with running_postgres(data_dir):
        done = bontri(data_dir, "demo", "--history-days", "0", "--for", "2")
    assert done.returncode == 1
    assert "in use by process" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_database_made_from_another_folder_is_one_sentence(data_dir: Path, tmp_path: Path) -> None:
    from bontri.embedded.postgres import running_postgres

    with scratch_folder("other") as other:
        with running_postgres(data_dir) as server:
            done = bontri(other, "demo", "--history-days", "0", "--for", "2", DATABASE_URL=server.url("bontri"))
        assert done.returncode == 1
        assert "keys are not in" in done.stderr
        assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["verify"], "the database of DATABASE_URL cannot be used"),
        (["migrate"], "the database of DATABASE_URL cannot be used"),
        (["simulate", "--fleet", "no-such-file.json"], "the fleet file cannot be used"),
    ],
)
def test_what_cannot_be_reached_is_one_sentence(data_dir: Path, command: list[str], sentence: str) -> None:
    done = bontri(data_dir, *command, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
