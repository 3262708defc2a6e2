"""The simulation notices every guard that is taken away, runs equal seeds equally, and says how to replay one."""

import os
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner

from bontri.cli import cli
from reliability.simulation.controls import CONTROLS
from reliability.simulation.run import Report, catch_control, simulate_seeds
from tests.ingest_scene import ROOT

DIGESTS = """
from reliability.simulation.run import simulate_seeds
simulate_seeds(range(8), on_outcome=lambda report, outcome: print(outcome.trace_digest))
"""


@pytest.mark.parametrize("control", CONTROLS)
def test_control_a_guard_taken_away_is_noticed(control: str, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = catch_control(control)
    assert seeds is not None
    with capsys.disabled():
        sys.stdout.write(f"\n{control}: noticed after {seeds} seeds\n")


def digests_of(seeds: range) -> list[str]:
    digests: list[str] = []
    simulate_seeds(seeds, on_outcome=lambda report, outcome: digests.append(outcome.trace_digest))
    return digests


def test_equal_seeds_run_equally_in_this_process_and_in_others() -> None:
    here = digests_of(range(8))
    assert digests_of(range(8)) == here
    assert len(set(here)) == 8
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", DIGESTS]
        there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        assert there.stdout.split() == here


def run_command(*options: str) -> tuple[int, list[str]]:
    """Run the command; return its exit code and its lines but the first, which has the seconds it took."""
    result = CliRunner().invoke(cli, ["simulate-faults", *options])
    return result.exit_code, [line for line in result.stdout.splitlines() if " seeds in " not in line]


def test_a_seed_that_failed_is_replayed_exactly_by_the_command_that_was_printed() -> None:
    code, lines = run_command("--control", "bin_trusts_pubacks", "--seed", "98", "--seeds", "10")
    assert code == 1
    number = next(number for number, line in enumerate(lines) if line.startswith("seed "))
    broke, replay = lines[number], shlex.split(lines[number + 1].partition("bontri simulate-faults ")[2])
    first, second = run_command(*replay), run_command(*replay)
    assert first == second
    assert first[0] == 1
    assert broke in first[1]
    assert any(line.endswith(broke.partition(" broke ")[2]) for line in first[1] if "  audit  " in line)


def test_the_summary_says_how_sure_one_can_be() -> None:
    code, lines = run_command("--seed", "1", "--seeds", "4")
    assert code == 0
    assert lines[-1] == "No seed failed: with 95 % confidence fewer than 75.00% of seeds would."
    assert simulate_seeds(range(4)).as_dict()["bound_95"] == 0.75
    assert Report().bound is None


def test_a_control_that_was_not_caught_fails_the_run() -> None:
    assert Report(controls={"bin_trusts_pubacks": 3}).is_sound
    assert not Report(controls={"bin_trusts_pubacks": None}).is_sound


@pytest.mark.parametrize("options", [["--trace"], ["--control", "nothing"], ["--seed", "1", "--seeds", "2", "--trace"]])
def test_options_that_do_not_go_together_are_refused(options: list[str]) -> None:
    assert run_command(*options)[0] == 2
