"""The plan of a storm: the same for the same seed, with the kills that are promised; and the time of a recovery."""

from collections import Counter

import pytest

from reliability.chaos.checks import Check, check_recovery
from reliability.chaos.recovery import Recovery, find_commit_after, find_longest_silence
from reliability.chaos.schedule import KILLS, TROUBLES, plan_faults
from reliability.chaos.watching import Sample


@pytest.mark.parametrize("seed", range(20))
def test_two_minutes_hold_twenty_kills_of_every_kind(seed: int) -> None:
    kinds = Counter(each.kind for each in plan_faults(120, seed=seed))
    assert sum(kinds[kind] for kind in KILLS) >= 20
    assert kinds["backup"] == kinds["restore"] == 1
    assert all(kinds[kind] for kind in KILLS)
    timed = Counter(each.kind for each in plan_faults(120, seed=seed) if each.is_timed)
    assert timed.total() >= 6
    assert all(KILLS[kind] for kind in timed)


def test_thirty_minutes_hold_two_hundred_kills_and_every_trouble() -> None:
    kinds = Counter(each.kind for each in plan_faults(1800, seed=1))
    assert sum(kinds[kind] for kind in KILLS) >= 200
    assert all(kinds[kind] for kind in TROUBLES)


def test_the_same_seed_makes_the_same_plan_and_another_one_another() -> None:
    assert plan_faults(120, seed=5) == plan_faults(120, seed=5) != plan_faults(120, seed=6)


def test_the_backup_is_begun_before_it_is_needed() -> None:
    at_s = {each.kind: each.at_s for each in plan_faults(60, seed=1)}
    assert at_s["backup"] < at_s["restore"]


def sample_commits(*commits_s: float) -> list[Sample]:
    """Samples every tenth of a second for 60 s, with one more event at each of these moments."""
    moments_s = [number / 10 for number in range(600)]
    return [Sample(at_s, sum(commit_s <= at_s for commit_s in commits_s)) for at_s in moments_s]


def test_the_first_new_commit_after_a_moment_is_found() -> None:
    assert find_commit_after(sample_commits(9.95, 13.5, 20.0), 10.0) == 13.5


def test_what_was_committed_between_a_look_and_the_kill_is_no_new_commit() -> None:
    samples = [Sample(9.95, 5), Sample(20.0, 7), Sample(21.0, 7), Sample(33.0, 8)]
    assert find_commit_after(samples, 10.0) == 33.0


def test_fewer_events_after_a_restore_are_no_commit() -> None:
    samples = [Sample(29.0, 9), Sample(30.0, 0), Sample(31.0, 0), Sample(32.0, 1)]
    assert find_commit_after(samples, 29.5) == 32.0


def test_no_commit_is_none() -> None:
    assert find_commit_after(sample_commits(5.0), 10.0) is None
    assert find_commit_after([], 10.0) is None


def test_the_longest_silence_counts_whatever_was_in_the_way() -> None:
    assert find_longest_silence(sample_commits(5.0, 9.0, 30.0), from_s=0.0, until_s=40.0) == 21.0
    assert find_longest_silence([], from_s=0.0, until_s=40.0) == 40.0


FAST = [Recovery("kill_broker", 2.0)] * 40


@pytest.mark.parametrize(
    ("recoveries", "holds"),
    [
        (FAST, True),
        ([], False),
        ([*FAST, Recovery("kill_workers", 29.0)], True),
        ([*FAST, Recovery("kill_workers", 31.0)], False),
        ([*FAST, *[Recovery("kill_postgres", 11.0)] * 3], False),
        ([*FAST, Recovery("kill_postgres", None)], False),
        ([*FAST, Recovery("kill_worker", 40.0)], True),
    ],
)
def test_recovery_holds_within_ten_seconds_for_most_and_thirty_for_all(recoveries: list[Recovery], holds: bool) -> None:
    [recovery, silence] = check_recovery(recoveries, longest_silence_s=1.0)
    assert (recovery.holds, silence.holds) == (holds, True)


def test_a_minute_without_any_commit_is_too_long() -> None:
    assert not check_recovery(FAST, longest_silence_s=61.0)[1].holds


def test_a_check_that_tried_nothing_does_not_hold() -> None:
    assert not Check("lost", "none", trials=0, failures=0).holds
    assert "failure_rate_below" not in Check("lost", "none", trials=0, failures=0, is_sample=True).as_dict()
    assert Check("lost", "none", trials=300, failures=0, is_sample=True).as_dict()["failure_rate_below"] == 0.01
