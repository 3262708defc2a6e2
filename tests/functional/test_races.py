"""Races by themselves, through the command: what is scarce is had once, and the control is noticed."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("nothing_left")]


def test_races_are_held_and_the_control_is_caught():
    command = [sys.executable, "-m", "bontri", "races", "--races", "2", "--json"]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {check["name"]: check["trials"] for check in report["checks"] if check["name"] != "invariants"} == {
        "vouchers": 2,
        "stock": 1,
        "tries": 1,
    }
    assert report["checks"][0]["failure_rate_below"] == 1.5
    assert report["control"]["caught"]
