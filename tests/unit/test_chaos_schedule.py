"""The plan of a storm: the same for the same seed, with the kills that are promised; and the time of a recovery."""

from collections import Counter

import pytest

from reliability.chaos.recovery import find_longest_silence, time_recoveries
from reliability.chaos.schedule import KILLS, TROUBLES, plan_faults
from reliability.chaos.storm import Happened
from reliability.chaos.watching import Sample


@pytest.mark.parametrize("seed", range(20))
def test_two_minutes_hold_twenty_kills_of_every_kind(seed: int) -> None:
    kinds = Counter(each.kind for each in plan_faults(120, seed=seed))
    assert sum(kinds[kind] for kind in KILLS) >= 20
    assert kinds["backup"] == kinds["restore"] == 1
    assert all(kinds[kind] for kind in KILLS)


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


def test_recovery_counts_from_the_kill_to_the_first_new_commit() -> None:
    [recovery] = time_recoveries([Happened("kill_broker", 10.0, 11.0)], sample_commits(9.95, 13.5))
    assert (recovery.seconds, recovery.is_overtaken) == (3.5, False)


def test_what_was_in_hand_when_the_broker_was_killed_is_no_recovery() -> None:
    [recovery] = time_recoveries([Happened("wipe_broker", 10.0, 11.0)], sample_commits(10.5, 12.5))
    assert recovery.seconds == 2.5


def test_recovery_from_a_kill_of_the_database_counts_from_its_answer() -> None:
    [recovery] = time_recoveries([Happened("kill_postgres", 10.0, 12.0)], sample_commits(13.0))
    assert recovery.seconds == 1.0


def test_a_fault_that_comes_in_between_starts_the_time_anew() -> None:
    happened = [Happened("kill_worker", 10.0, 10.0), Happened("pause_postgres", 10.5, 14.0)]
    [recovery] = time_recoveries(happened, sample_commits(16.0))
    assert (recovery.seconds, recovery.is_overtaken) == (2.0, True)


def test_a_fault_after_the_recovery_changes_nothing() -> None:
    happened = [Happened("kill_worker", 10.0, 10.0), Happened("pause_postgres", 11.0, 14.0)]
    [recovery] = time_recoveries(happened, sample_commits(10.5, 16.0))
    assert (recovery.seconds, recovery.is_overtaken) == (0.5, False)


def test_fewer_events_after_a_restore_are_no_commit() -> None:
    samples = [*sample_commits(1.0, 2.0)[:300], Sample(30.0, 0), Sample(31.0, 0), Sample(32.0, 1)]
    [recovery] = time_recoveries([Happened("kill_workers", 29.0, 29.5)], samples)
    assert recovery.seconds == 3.0


def test_no_commit_ever_again_is_a_failure() -> None:
    with pytest.raises(LookupError, match="nothing was committed after the kill_worker"):
        time_recoveries([Happened("kill_worker", 10.0, 10.0)], sample_commits(5.0))


def test_the_longest_silence_counts_whatever_was_in_the_way() -> None:
    assert find_longest_silence(sample_commits(5.0, 9.0, 30.0), from_s=0.0, until_s=40.0) == 21.0
    assert find_longest_silence([], from_s=0.0, until_s=40.0) == 40.0
