"""The parent of a group of workers: whom it takes for hung, and whom not after a freeze of all."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import bontri.worker_group
from bontri.settings import read_settings
from bontri.worker_group import Member, WorkerGroup
from bontri.worker_reports import ReportReceiver
from ingest.vitals import SILENT_AFTER_S

SETTINGS = read_settings()
PATIENCE_S = int(SILENT_AFTER_S + SETTINGS.ingest_stuck_after)
FREEZE_S = 10.0 * PATIENCE_S


class Clock:
    """A monotonic clock that only moves when told to."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Rounds(threading.Event):
    """Stops the parent after rounds that take the given times, or as soon as the child has ended."""

    def __init__(self, clock: Clock, process: "subprocess.Popen[bytes]", rounds_s: list[float]) -> None:
        super().__init__()
        self._clock, self._process, self._rounds_s = clock, process, rounds_s

    def is_set(self) -> bool:
        """Let the next round's time pass."""
        if not self._rounds_s or self._process.poll() is not None:
            return True
        self._clock.now_s += self._rounds_s.pop(0)
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(bontri.worker_group, "monotonic", clock)
    monkeypatch.setattr(bontri.worker_group, "ROUND_S", 0.001)
    return clock


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """A child that says nothing."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def end_of(process: "subprocess.Popen[bytes]", rounds_s: list[float], *, clock: Clock, folder: Path) -> int:
    """Return by which signal the child ended: killed as silent, or asked to end with the parent."""
    receiver = ReportReceiver(folder / "reports")
    member = Member("one", process, heard_s=clock())
    group = WorkerGroup(SETTINGS, receiver, [member], since={"one": ""})
    try:
        group.run(Rounds(clock, process, rounds_s))
    finally:
        receiver.close()
    return -process.wait()


def test_children_frozen_together_with_their_parent_get_their_time_again(
    process: "subprocess.Popen[bytes]", clock: Clock, tmp_path: Path
) -> None:
    rounds_s = [1.0, FREEZE_S, *[1.0] * (PATIENCE_S - 1)]
    assert end_of(process, rounds_s, clock=clock, folder=tmp_path) == signal.SIGTERM


def test_a_child_that_stays_silent_after_a_freeze_is_killed(
    process: "subprocess.Popen[bytes]", clock: Clock, tmp_path: Path
) -> None:
    rounds_s = [1.0, FREEZE_S, *[1.0] * (PATIENCE_S + 2)]
    assert end_of(process, rounds_s, clock=clock, folder=tmp_path) == signal.SIGKILL


def test_control_a_child_silent_while_its_parent_goes_round_is_killed(
    process: "subprocess.Popen[bytes]", clock: Clock, tmp_path: Path
) -> None:
    assert end_of(process, [1.0] * (PATIENCE_S + 2), clock=clock, folder=tmp_path) == signal.SIGKILL
