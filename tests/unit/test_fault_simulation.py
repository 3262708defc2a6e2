"""The ingest's own logic on 500 seeds, each with other faults: nothing is lost, and nothing counts twice."""

import pytest

from reliability.simulation.audit import INVARIANTS
from reliability.simulation.faults import Odds
from reliability.simulation.run import replay_command, simulate_seeds

SEEDS, CHUNK = 500, 50
MISHAPS = {
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


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_nothing_is_lost_and_nothing_counts_twice(first: int) -> None:
    report = simulate_seeds(range(first, first + CHUNK))
    assert [(each.invariant, each.words, replay_command(each.seed, control=None)) for each in report.failures] == []
    assert [invariant for invariant in INVARIANTS if not report.checks[invariant]] == []
    assert set(report.faults) == MISHAPS | set(Odds.__dataclass_fields__)
