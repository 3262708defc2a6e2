"""The arithmetic of measurements: promises, quantiles, slopes; and that peers are pinned."""

import random
import re
import sys
import time

import pytest

from benchmarks.errors import NotRunError
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.installing import SCRIPTS, folder_of, install, run_one
from benchmarks.promises import PROMISES, judge
from benchmarks.quantiles import quantiles_of
from benchmarks.slopes import fit_slope
from bontri.progress import Teller


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peer_is_pinned_and_has_its_program(peer):
    exact = {"python": r"[a-z0-9-]+==\d+(\.\d+)+", "node": r"[a-z0-9-]+@\d+(\.\d+)+"}[peer.language]
    assert all(re.fullmatch(exact, package) for package in peer.packages)
    assert (SCRIPTS / peer.script).is_file()


def test_every_peer_of_other_people_has_a_promise():
    names = {promise.name for promise in PROMISES}
    assert {f"bontri_to_{peer.name}" for peer in PEERS} - names == {"bontri_to_psycopg_row"}


def test_peer_that_cannot_be_installed_says_why_and_is_not_taken_for_complete(tmp_path):
    peer = next(peer for peer in PEERS if peer.name == "aiomqtt_asyncpg")
    cache = tmp_path / "file"
    cache.touch()
    with pytest.raises(NotRunError, match="cannot be written"):
        install(peer, cache, Teller())
    assert not folder_of(peer, tmp_path).exists()


def test_installation_that_fails_is_told_by_its_last_line(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no matching distribution')"]
    with pytest.raises(NotRunError, match="could not be installed: no matching distribution"):
        run_one(command, tmp_path, deadline_s=time.monotonic() + 30, tick=lambda: None)


def test_installation_that_takes_too_long_is_ended(tmp_path):
    command = [sys.executable, "-c", "import time; print('downloading', flush=True); time.sleep(60)"]
    with pytest.raises(NotRunError):
        run_one(command, tmp_path, deadline_s=time.monotonic() + 1, tick=lambda: None)


def test_promise_is_judged_on_its_side_of_the_bound():
    judged = {each["name"]: each for each in judge("latency", {"points_p50_ms": 240, "points_p99_ms": 1500})}
    assert (judged["points_p50_ms"]["reached_floor"], judged["points_p50_ms"]["reached_aim"]) == (None, True)
    assert (judged["points_p99_ms"]["reached_floor"], judged["points_p99_ms"]["reached_aim"]) == (True, False)
    assert judged["api_peak_mb"]["measured"] is None
    [large] = judge("growth", {"large_to_small": 1.5})
    assert large["reached_floor"] is False
    ratio = next(each for each in judge("ingest", {"transaction_sql_to_copy": 0.2}) if each["measured"])
    assert (ratio["reached_floor"], ratio["reached_aim"]) == (True, False)


def test_quantiles_are_samples_that_were_seen():
    assert quantiles_of(range(1, 101)) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    assert quantiles_of([7.0]) == {"p50": 7.0, "p95": 7.0, "p99": 7.0, "max": 7.0}


def test_slope_of_noise_is_steady_and_of_a_leak_is_growing():
    chance = random.Random(1)
    seconds = [5.0 * number for number in range(720)]
    noise = [100 + chance.gauss(0, 1) for _ in seconds]
    assert fit_slope(seconds, noise).verdict(5.0) == "steady"
    leak = [value + at / 3600 * 20 for value, at in zip(noise, seconds, strict=True)]
    assert fit_slope(seconds, leak).per_hour == pytest.approx(20, abs=1)
    assert fit_slope(seconds, leak).verdict(5.0) == "growing"
    assert fit_slope(seconds[:12], noise[:12]).verdict(5.0) == "undecided"


def test_samples_that_follow_one_another_widen_the_error():
    chance = random.Random(2)
    seconds = [5.0 * number for number in range(720)]
    walk = [0.0]
    for _ in seconds[1:]:
        walk.append(0.95 * walk[-1] + chance.gauss(0, 1))
    shuffled = chance.sample(walk, len(walk))
    assert fit_slope(seconds, walk).error > 3 * fit_slope(seconds, shuffled).error
