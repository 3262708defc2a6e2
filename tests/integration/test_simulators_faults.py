"""What fleets do when the broker, the backend or the bins themselves fail."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.fleet import Fleet
from simulators.run import run_fleet
from tests.integration.test_simulators_broker import (
    Broker,
    fleet_content,
    provision,
    running_backend,
    running_broker,
    wait_until,
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


def test_a_wrong_password_is_named_and_nothing_is_lost(broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "journals"
    wrong = provision(broker, 2, password="not the one")
    counts = run_fleet(wrong, rate_per_s=40, duration_s=1, seed=1, folder=folder, drain_s=0)
    assert (counts.produced_deposits, counts.unsettled_events, counts.connections) == (40, 40, 0)
    assert counts.failed_connections >= 2
    assert "Not authorized" in (counts.last_connection_failure or "")
    right = provision(broker, 2)
    with running_backend(broker.port, right) as backend:
        counts = run_fleet(right, rate_per_s=40, duration_s=0.1, seed=2, folder=folder)
        assert counts.is_drained
        assert sum(len(stored) for stored in backend.committed().values()) == 44


def test_without_a_broker_deposits_wait_in_the_journals(broker: Broker, tmp_path: Path) -> None:
    broker.kill()
    counts = run_fleet(
        provision(broker, 3), rate_per_s=60, duration_s=0.5, seed=1, folder=tmp_path / "journals", drain_s=0
    )
    assert (counts.produced_deposits, counts.unsettled_events, counts.sent_messages) == (30, 30, 0)
    assert "refused" in (counts.last_connection_failure or "")


def test_without_a_subscriber_the_broker_says_so_and_the_bins_keep_everything(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 3)
    folder = tmp_path / "journals"
    counts = run_fleet(provisioned, rate_per_s=60, duration_s=0.5, seed=1, folder=folder, drain_s=0.5)
    assert counts.puback_refusals >= 3
    assert (counts.unsettled_events, counts.settled_events) == (30, 0)
    with running_backend(broker.port, provisioned) as backend:
        counts = run_fleet(provisioned, rate_per_s=60, duration_s=0.1, seed=2, folder=folder)
        assert counts.is_drained
        assert sum(len(stored) for stored in backend.committed().values()) == 36


def test_a_full_journal_refuses_deposits_and_the_run_goes_on(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 1)
    folder = tmp_path / "journals"
    with running_backend(broker.port, provisioned) as backend:
        counts = run_fleet(provisioned, rate_per_s=60, duration_s=0.5, seed=1, folder=folder, capacity_events=20)
        assert (counts.produced_deposits, counts.refused_deposits) == (20, 10)
        assert counts.is_drained
        wait_until(lambda: any(fields["faults"] == ["journal_full"] for fields in backend.fields("status")))


def test_sequence_survives_kill_and_restart(broker: Broker, tmp_path: Path) -> None:
    """The process of the bins is killed (-9) in full work, twice; nothing it sent is ever contradicted."""
    content = fleet_content({"host": "127.0.0.1", "port": broker.port}, 6)
    (tmp_path / "fleet.json").write_text(json.dumps(content))
    program = (
        "import sys; from pathlib import Path; from simulators.fleet_file import read_fleet_file;"
        "from simulators.run import run_fleet;"
        "run_fleet(read_fleet_file(Path(sys.argv[1])), rate_per_s=300, duration_s=None, seed=int(sys.argv[3]),"
        "folder=Path(sys.argv[2]))"
    )
    arguments = [str(tmp_path / "fleet.json"), str(tmp_path / "journals")]
    provisioned = provision(broker, 6)
    with running_backend(broker.port, provisioned) as backend:
        for seed in (1, 2):
            wanted = len(backend.fields("events")) + 150
            process = subprocess.Popen([sys.executable, "-c", program, *arguments, str(seed)])
            try:
                wait_until(lambda wanted=wanted: len(backend.fields("events")) > wanted)  # type: ignore[misc]
                assert process.poll() is None
            finally:
                process.kill()
                process.wait()
        counts = run_fleet(provisioned, rate_per_s=60, duration_s=0.5, seed=3, folder=tmp_path / "journals")
        assert counts.is_drained
        assert {fields["boot"] for fields in backend.fields("hello")} == {1, 2, 3}
        assert len(backend.committed()) == 6  # one journal for each bin
        for stored in backend.committed().values():
            assert sorted(stored) == list(range(1, len(stored) + 1))


def test_a_second_run_of_the_same_bins_is_refused_and_leaves_no_lock(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 3)
    fleet = Fleet(provision(broker, 1), folder=tmp_path / "journals", seed=1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Fleet(replace(provisioned, bins=provisioned.bins[::-1]), folder=tmp_path / "journals", seed=1)
    fleet.close()
    with running_backend(broker.port, provisioned):
        counts = run_fleet(provisioned, rate_per_s=60, duration_s=0.2, seed=1, folder=tmp_path / "journals")
        assert counts.is_drained
