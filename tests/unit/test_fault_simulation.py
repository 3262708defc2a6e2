"""The ingest's own logic on seeds: nothing is lost, nothing counts twice, and every guard taken away is noticed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from bontri.cli import cli
from reliability.simulation.audit import INVARIANTS
from reliability.simulation.controls import CONTROLS
from reliability.simulation.faults import Odds
from reliability.simulation.run import Report, catch_control, replay_command, simulate_seeds
from tests.ingest_scene import ROOT

SEEDS, CHUNK = 500, 50
DIGESTS = """
from reliability.simulation.run import simulate_seeds
simulate_seeds(range(8), on_outcome=lambda report, outcome: print(outcome.trace_digest))
"""


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print past the capture: figures that belong into the log of every run of the tests."""

    def say(words: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{words}\n")

    return say


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_nothing_is_lost_and_nothing_counts_twice(first: int) -> None:
    report = simulate_seeds(range(first, first + CHUNK))
    assert [(each.invariant, each.words, replay_command(each.seed, control=None)) for each in report.failures] == []
    assert all(report.checks[invariant] for invariant in INVARIANTS)


def test_every_fault_is_injected() -> None:
    injected = simulate_seeds(range(60)).faults
    at_a_time = {
        "worker_killed",
        "worker_stopped",
        "worker_frozen",
        "worker_disconnected",
        "clock_jumped",
        "broker_restarted",
        "broker_lost_its_disk",
        "database_away",
        "database_restored",
        "bin_rebooted",
    }
    assert set(injected) == at_a_time | set(Odds.__dataclass_fields__)


@pytest.mark.parametrize("control", CONTROLS)
def test_control_a_guard_taken_away_is_noticed(control: str, say: Callable[[str], None]) -> None:
    seeds = catch_control(control)
    assert seeds is not None
    say(f"{control}: noticed after {seeds} seeds")


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


def test_a_seed_that_failed_is_replayed_by_the_command_that_was_printed() -> None:
    failed = CliRunner().invoke(cli, ["simulate-faults", "--control", "bin_trusts_pubacks", "--seeds", "30"])
    assert failed.exit_code == 1
    broke, replay = next(
        (line, after.partition(": bontri ")[2])
        for line, after in zip(failed.stdout.splitlines(), failed.stdout.splitlines()[1:], strict=False)
        if line.startswith("seed ")
    )
    traces = [CliRunner().invoke(cli, shlex.split(replay)) for _ in range(2)]
    assert [trace.exit_code for trace in traces] == [1, 1]
    # The last lines have the seconds it took.
    story = [[line for line in trace.stdout.splitlines() if line[:10].strip()[:1].isdigit()] for trace in traces]
    assert broke in traces[0].stdout
    assert story[0][:-1] == story[1][:-1] or story[0] == story[1]
    assert broke.partition(" broke ")[2] in traces[0].stdout.replace("audit         ", "")


def test_the_summary_says_how_sure_one_can_be() -> None:
    result = CliRunner().invoke(cli, ["simulate-faults", "--seed", "1", "--seeds", "3"])
    assert result.exit_code == 0
    assert "3 seeds" in result.stdout
    assert Report().bound is None
    assert simulate_seeds(range(3)).as_dict()["bound_95"] == 1.0


@pytest.mark.parametrize("options", [["--trace"], ["--control", "nothing"], ["--seed", "1", "--seeds", "2", "--trace"]])
def test_options_that_do_not_go_together_are_refused(options: list[str]) -> None:
    assert CliRunner().invoke(cli, ["simulate-faults", *options]).exit_code == 2
