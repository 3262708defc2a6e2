"""The chaos harness itself: a short storm through the command, and what it needs.

Its controls are played with every run of ``bontri chaos``; that they stand for what is there tests/unit shows.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bontri.embedded.errors import ProgramMissingError
from bontri.progress import Teller
from reliability.chaos import run
from reliability.chaos.accounts import read_journals
from reliability.chaos.report import as_text
from reliability.chaos.run import ChaosOptions, run_chaos
from simulators.bin import SimulatedBin
from simulators.messages import BinIdentity
from tests.ingest_scene import ROOT
from tests.requirements import require_mosquitto

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("nothing_left")]
TIMED = ("recovery", "silence")
SHORT = ("--minutes", "0.3", "--seed", "4", "--bins", "13", "--rate", "30")
SHORT_AFTERMATH = ("--races", "3", "--offline-events", "200", "--gaps-seconds", "4")


@pytest.fixture
def mosquitto() -> None:
    require_mosquitto()


def test_every_promise_holds_in_a_short_storm(mosquitto: None, tmp_path: Path) -> None:
    picture = tmp_path / "chaos.svg"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bontri",
            "chaos",
            *SHORT,
            *SHORT_AFTERMATH,
            "--no-controls",
            "--picture",
            str(picture),
            "--json",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    # How long a recovery takes is no matter for a machine that runs other tests beside this one.
    broken = [check for check in report["checks"] if not check["holds"] and check["name"] not in TIMED]
    assert broken == []
    assert done.returncode == (0 if report["ok"] else 1)
    assert report["kills"]["total"] >= 3
    assert report["accounts"]["events_still_in_journals"] == 0
    assert report["broken_off"] == {}
    assert report["not_run"] == {"controls": "--no-controls was given"}
    assert "deposits committed per second" in picture.read_text()
    assert "no event is lost: 0 failures in" in as_text(report)


def test_without_mosquitto_the_races_run_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none() -> Path:
        raise ProgramMissingError("no Mosquitto")

    monkeypatch.setattr(run, "find_mosquitto", find_none)
    sizes = {"bins": 9, "rate_per_s": 10, "races": 2, "offline_events": 10, "gaps_seconds": 1}
    options = ChaosOptions(minutes=1, seed=1, **sizes, with_controls=True)
    report = run_chaos(options, Teller()).report()
    assert (report["ok"], report["is_complete"]) == (True, False)
    assert [check["name"] for check in report["checks"]] == ["races", "invariants"]
    assert report["not_run"] == {"storm, aftermath and controls": "no Mosquitto"}
    assert as_text(report).endswith("2 of 2 promises that were tried held; NOT EVERYTHING was run.")


def test_journals_say_what_was_produced_and_what_is_settled(tmp_path: Path) -> None:
    now = datetime(2026, 3, 2, 8, tzinfo=UTC)
    identity = BinIdentity("val", "VAL-00001", {1: b"k" * 32}, ("glass",), 3000, False)
    bin_ = SimulatedBin(identity, tmp_path / "val" / "VAL-00001.journal", now)
    for items in (1, 2, 3):
        bin_.deposit(now, material="glass", items=items)
    bin_.journal.note_settled([(1, 2)], now)
    bin_.close()
    produced = read_journals(tmp_path)
    journal = bin_.journal.id
    assert {key: event.items for key, event in produced.events.items()} == {
        ("VAL-00001", journal, items): items for items in (1, 2, 3)
    }
    assert produced.unsettled == {("VAL-00001", journal, 3)}
