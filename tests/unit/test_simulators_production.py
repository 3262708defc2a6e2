"""What a fleet produces: the same for the same seed, and of the shape that is claimed."""

import itertools
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from simulators.contents import Contents
from simulators.counts import Tally
from simulators.households import Households, PlannedDeposit
from simulators.messages import BinIdentity
from simulators.rhythm import arrival_times, deposits_per_hour, steady_times

MONDAY = datetime(2026, 11, 16, 0, 0, tzinfo=ZoneInfo("Europe/Paris"))
BINS = [BinIdentity("mrs", f"MRS-{i:05}", {}, materials=("glass", "can"), weighs=i % 2 == 0) for i in range(10)]
BADGES = [f"B{i:06}" for i in range(300)]


def plan(seed: int, count: int, *, badges: list[str] = BADGES, anonymous_share: float = 0.3) -> list[PlannedDeposit]:
    households = Households(BINS, badges, rng=random.Random(seed), anonymous_share=anonymous_share)
    return [households.plan_deposit() for _ in range(count)]


def test_the_same_seed_produces_the_same_deposits() -> None:
    assert plan(7, 500) == plan(7, 500)
    assert plan(7, 500) != plan(8, 500)


def test_the_same_seed_produces_the_same_moments() -> None:
    def moments(seed: int) -> list[timedelta]:
        return list(itertools.islice(arrival_times(MONDAY, mean_per_day=500, rng=random.Random(seed)), 200))

    assert moments(3) == moments(3)
    assert moments(3) != moments(4)
    assert moments(3) == sorted(moments(3))


def test_deposits_keep_to_the_rules_of_the_protocol() -> None:
    for planned in plan(1, 5000):
        assert 1 <= planned.items <= 200
        assert planned.material in BINS[planned.bin_number].materials
        assert (planned.mass_g is not None) == BINS[planned.bin_number].weighs
        assert planned.true_mass_g >= (planned.mass_g or 1)
        assert 0 <= planned.confidence <= 1


def test_the_share_of_anonymous_deposits_is_the_one_asked_for() -> None:
    without_badge = sum(planned.badge is None for planned in plan(2, 4000, anonymous_share=0.25))
    assert without_badge / 4000 == pytest.approx(0.25, abs=0.03)
    assert all(planned.badge is None for planned in plan(2, 50, badges=[]))


def test_holders_have_a_usual_bin_and_are_not_equally_active() -> None:
    by_badge: dict[str, Counter[int]] = {}
    for planned in plan(5, 20_000, anonymous_share=0):
        by_badge.setdefault(planned.badge or "", Counter())[planned.bin_number] += 1
    totals = sorted((sum(bins.values()) for bins in by_badge.values()), reverse=True)
    assert sum(totals[: len(totals) // 5]) > 0.4 * sum(totals)
    usual = sum(bins.most_common(1)[0][1] for bins in by_badge.values())
    assert 0.8 < usual / sum(totals) < 0.95


def test_a_week_of_the_rhythm_has_the_mean_the_night_and_the_saturday() -> None:
    times = arrival_times(MONDAY, mean_per_day=2000, rng=random.Random(1))
    local = [MONDAY + moment for moment in itertools.takewhile(lambda t: t < timedelta(days=28), times)]
    assert len(local) / 28 == pytest.approx(2000, rel=0.03)
    by_hour = Counter(moment.hour for moment in local)
    assert by_hour[18] > 20 * by_hour[3]
    by_weekday = Counter(moment.weekday() for moment in local)
    assert max(by_weekday, key=lambda day: by_weekday[day]) == 5


def test_the_rhythm_follows_local_time() -> None:
    noon_in_paris = datetime(2026, 7, 1, 10, 30, tzinfo=UTC)
    local = noon_in_paris.astimezone(ZoneInfo("Europe/Paris"))
    at_noon = deposits_per_hour(local, mean_per_day=2400)
    moments = arrival_times(noon_in_paris, mean_per_day=2400, rng=random.Random(1))
    first_half_hour = sum(1 for _ in itertools.takewhile(lambda t: t < timedelta(minutes=30), moments))
    assert first_half_hour == pytest.approx(at_noon / 2, rel=0.25)


def test_a_steady_rate_is_even_and_exact() -> None:
    assert list(itertools.islice(steady_times(4), 3)) == [timedelta(seconds=s) for s in (0.25, 0.5, 0.75)]


def test_what_is_dropped_lies_in_the_bin_until_it_is_emptied() -> None:
    stored: dict[str, dict[str, int]] = {}
    contents = Contents(stored, materials=("glass", "textile"), capacity_l=2)
    contents.add("glass", items=1, mass_g=230)
    contents.add("textile", items=9, mass_g=900)
    assert contents.status_fill_pct() == {"glass": 70, "textile": 100}
    assert Contents(stored, materials=("glass",), capacity_l=1).status_fill_pct() == 70
    contents.empty("textile")
    assert (contents.mass_g("glass"), contents.mass_g("textile")) == (230, 0)


def test_latencies_of_a_long_run_stay_a_bounded_sample() -> None:
    tally = Tally()
    for number in range(120_000):
        tally.add_latency(number % 1000)
    counts = tally.snapshot(bins=1, connected_bins=1, unsettled_events=3, elapsed_s=1.23456)
    assert len(tally._latencies_ms) == 100_000
    assert counts.latency_p50_ms == pytest.approx(500, abs=15)
    assert counts.latency_p99_ms == pytest.approx(990, abs=5)
    assert not counts.is_drained
    assert counts.as_dict()["elapsed_s"] == 1.235
    assert Tally().snapshot(bins=0, connected_bins=0, unsettled_events=0, elapsed_s=0).latency_p50_ms is None
