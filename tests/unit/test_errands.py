"""Errands run when they are due, fail without taking anything with them, and end when told."""

import datetime
import threading
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from ingest.errands import Errand, ErrandRunner, running_errands
from ingest.observer import Observer
from tests.ingest_scene import PATIENCE_S, wait_until

NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
SECRET = "04A2B9C1"


def times(diary: list[str], name: str) -> Callable[[datetime.datetime], None]:
    def run(now: datetime.datetime) -> None:
        assert now.tzinfo is not None
        diary.append(name)

    return run


def fail(now: datetime.datetime) -> None:
    raise ValueError(SECRET)


def test_each_errand_is_run_at_its_own_pace() -> None:
    diary: list[str] = []
    often, seldom = Errand("often", 0.01, times(diary, "often")), Errand("seldom", 60, times(diary, "seldom"))
    with running_errands([seldom, often], stop=threading.Event()):
        wait_until(lambda: diary.count("often") > 3)
    assert diary.count("seldom") == 1


def test_an_errand_that_fails_is_logged_tried_again_later_and_holds_up_no_other() -> None:
    diary: list[str] = []

    def fail_and_tell(now: datetime.datetime) -> None:
        diary.append("failing")
        fail(now)

    with (
        capture_logs() as logs,
        running_errands(
            [Errand("failing", 0.01, fail_and_tell), Errand("other", 0.01, times(diary, "other"))],
            stop=threading.Event(),
        ),
    ):
        wait_until(lambda: diary.count("failing") > 2 and diary.count("other") > 5)
    failures = [line for line in logs if line["event"] == "errand_failed"]
    assert [(line["errand"], line["fault"]) for line in failures[:2]] == [("failing", "ValueError")] * 2
    assert failures[1]["retry_in_s"] > failures[0]["retry_in_s"]
    assert SECRET not in str(logs)


def test_each_errand_that_was_done_is_counted_and_one_that_failed_is_not() -> None:
    observer = Observer()
    errands = [Errand("replay", 0.01, lambda now: None), Errand("fleet_watch", 0.01, fail)]
    done: list[str] = []

    def count(name: str) -> None:
        observer.errand_done(name)
        done.append(name)

    with running_errands(errands, stop=threading.Event(), on_done=count):
        wait_until(lambda: len(done) > 3)
    counted = observer.metrics.registry.get_sample_value("bontri_ingest_errands_total", {"kind": "replay"})
    assert counted == len(done)
    assert set(done) == {"replay"}


def test_errands_stop_at_once_when_told() -> None:
    stop = threading.Event()
    runner = ErrandRunner([Errand("seldom", 3600, lambda now: None)], stop=stop, clock=lambda: NOW)
    thread = threading.Thread(target=runner.run)
    thread.start()
    time.sleep(0.05)
    started_s = time.monotonic()
    stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert time.monotonic() - started_s < 1


def test_errands_end_with_what_they_run_beside_and_tell_the_rest_to_stop() -> None:
    stop = threading.Event()
    with (
        pytest.raises(RuntimeError, match="the stream"),
        running_errands([Errand("often", 0.01, lambda now: None)], stop=stop),
    ):
        raise RuntimeError("the stream broke")
    assert stop.is_set()
    assert "errands" not in {thread.name for thread in threading.enumerate()}


def test_a_worker_without_errands_is_no_busy_loop() -> None:
    ErrandRunner([], stop=threading.Event()).run()
