"""How a bin tells how far its free clock was ahead, so that the backend can put its events where they belong."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.bin import SimulatedBin
from simulators.clock import BinClock
from tests.unit.simulators_bench import NOW, Bench, seconds, sent_seqs

AHEAD = timedelta(minutes=3)


def bench_with(folder: Path, **clock: Any) -> Bench:
    return Bench(folder / "bin.journal", clock=BinClock(NOW, **clock))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = bench_with(tmp_path, offset=AHEAD)
    yield bench
    bench.bin.close()


def say_hello(bench: Bench) -> int:
    bench.connect()
    [n] = [fields["n"] for kind, fields in bench.take() if kind == "hello"]
    assert isinstance(n, int)
    return n


def tell_time(bench: Bench, echo: int, **fields: Any) -> None:
    bench.receive(echo=echo, time=bench.now.isoformat(), **fields)


def envelopes(bench: Bench) -> list[tuple[str, int | None, list[int]]]:
    """Return what the bin sends now as (clock, ahead_ms, numbers)."""
    sent = [fields for kind, fields in bench.take() if kind == "events"]
    return [(e["clock"], e.get("ahead_ms"), [event["seq"] for event in e["events"]]) for e in sent]


def test_events_of_a_free_clock_are_sent_with_how_far_it_was_ahead(bench: Bench) -> None:
    bench.drop(2)
    bench.wait(3600)
    n = say_hello(bench)
    bench.wait(4)
    bench.receive(echo=n, time=(bench.now - seconds(1)).isoformat())  # half of the round trip is 2 s
    bench.drop()
    assert envelopes(bench) == [("synced", None, [3]), ("free", 179_000, [1, 2])]


def test_a_clock_behind_is_ahead_by_less_than_nothing_and_drift_is_in_the_measurement(tmp_path: Path) -> None:
    bench = bench_with(tmp_path, offset=-AHEAD, drift_ppm=100)
    bench.drop()
    bench.wait(10_000)
    tell_time(bench, say_hello(bench))
    assert envelopes(bench) == [("free", -179_000, [1])]
    bench.bin.close()


def test_the_backend_finds_the_true_time_with_it(bench: Bench) -> None:
    bench.drop()
    bench.wait(5000)
    tell_time(bench, say_hello(bench))
    [fields] = [fields for kind, fields in bench.take() if kind == "events"]
    at = datetime.fromisoformat(fields["events"][0]["at"])
    assert at == NOW + AHEAD
    assert at - timedelta(milliseconds=fields["ahead_ms"]) == NOW


def test_a_free_bin_waits_with_its_events_for_the_answer_to_its_hello(bench: Bench) -> None:
    bench.drop(2)
    bench.connect()
    assert {kind for kind, _ in bench.take()} == {"presence", "hello", "status"}
    bench.wait(9.9)
    assert bench.take() == []
    bench.wait(0.1)
    assert envelopes(bench) == [("free", None, [1, 2])]


def test_a_late_receipt_measures_nothing(bench: Bench) -> None:
    bench.drop()
    n = say_hello(bench)
    bench.wait(10)
    tell_time(bench, n)
    assert envelopes(bench) == [("free", None, [1])]


def test_the_answer_to_events_measures_too_and_resent_ones_carry_it(bench: Bench) -> None:
    bench.drop()
    say_hello(bench)
    bench.wait(10)
    [(_, events)] = bench.take()
    tell_time(bench, events["n"])
    bench.bin.on_disconnected()
    bench.receive(echo=say_hello(bench))
    bench.wait(10)
    assert envelopes(bench) == [("free", 180_000, [1])]


def test_neither_a_synced_nor_an_unset_clock_is_measured(tmp_path: Path) -> None:
    for name, clock in (("synced", {"is_synced": True, "offset": AHEAD}), ("none", {"is_set": False})):
        bench = bench_with(tmp_path / name, **clock)
        n = say_hello(bench)
        bench.drop()
        tell_time(bench, n)
        assert envelopes(bench) == [(name, None, [1])]
        bench.bin.close()


def test_a_measurement_survives_a_kill_at_once(bench: Bench, tmp_path: Path) -> None:
    bench.drop()
    tell_time(bench, say_hello(bench))
    for suffix in ("", "-wal"):
        shutil.copy(f"{bench.path}{suffix}", tmp_path / f"killed{suffix}")
    killed = Bench(tmp_path / "killed")
    killed.connect()
    assert envelopes(killed) == [("free", 180_000, [1])]
    killed.bin.close()


def test_events_of_different_measurements_never_share_an_envelope(bench: Bench) -> None:
    bench.drop(2)  # under a clock that nobody ever measured
    bench.restart()
    bench.drop(2)
    tell_time(bench, say_hello(bench))
    bench.bin.on_disconnected()
    bench.options["clock"] = BinClock(bench.now, offset=-AHEAD)
    bench.restart()
    bench.drop(2)
    tell_time(bench, say_hello(bench))
    bench.drop()
    sent = sorted(envelopes(bench), key=lambda envelope: envelope[2])
    assert sent == [
        ("free", None, [1, 2]),
        ("free", 180_000, [3, 4]),
        ("free", -180_000, [5, 6]),
        ("synced", None, [7]),
    ]


def test_a_clock_free_again_after_a_day_is_measured_anew_and_older_events_keep_theirs(tmp_path: Path) -> None:
    bench = bench_with(tmp_path, offset=AHEAD, drift_ppm=100)
    bench.drop()
    tell_time(bench, say_hello(bench))
    bench.bin.on_disconnected()
    bench.wait(100_000)  # more than a day, ten seconds gained
    bench.drop()
    tell_time(bench, say_hello(bench))
    assert envelopes(bench) == [("free", 180_000, [1]), ("free", 10_000, [2])]
    bench.bin.close()


def test_a_bin_that_nobody_visits_asks_for_the_time_once_its_clock_is_free_again(tmp_path: Path) -> None:
    bench = bench_with(tmp_path, is_synced=True, drift_ppm=100)
    tell_time(bench, say_hello(bench))
    bench.wait(86_399)
    assert [kind for kind, _ in bench.take()] == ["status"]
    bench.wait(1)
    assert [kind for kind, _ in bench.take()] == ["hello"]
    bench.receive()  # too late to tell the time
    bench.wait(599)
    assert [kind for kind, _ in bench.take()] == ["status"]
    bench.wait(1)
    bench.drop()
    [(kind, hello)] = bench.take()
    assert (kind, hello["clock"]) == ("hello", "free")
    tell_time(bench, hello["n"])
    assert envelopes(bench) == [("free", 8_700, [1])]
    bench.receive(upto=1)
    bench.wait(600)
    assert [kind for kind, _ in bench.take()] == ["status"]
    bench.bin.close()


def test_a_bin_without_receipts_does_not_ask_for_the_time_beside_its_probe(bench: Bench) -> None:
    say_hello(bench)
    bench.wait(31)
    kinds = []
    for _ in range(240):
        kinds += [kind for kind, _ in bench.take()]
        bench.wait(60)
    assert bench.bin.is_probing
    assert set(kinds) == {"hello"}
    assert len(kinds) < 12


def test_a_clock_ten_years_off_is_measured_and_one_further_off_is_not(tmp_path: Path) -> None:
    for days, ahead_ms in ((3650, 315_360_000_000), (3651, None)):
        bench = bench_with(tmp_path / str(days), offset=timedelta(days=days))
        bench.drop()
        tell_time(bench, say_hello(bench))
        assert envelopes(bench) == [("free", ahead_ms, [1])]
        bench.bin.close()


def test_a_restart_leaves_the_clock_of_a_battery_going_and_loses_an_unset_one(tmp_path: Path) -> None:
    clock = BinClock(NOW, is_synced=True, offset=AHEAD, drift_ppm=100)
    later = NOW + seconds(10_000)
    again = clock.restart(later)
    assert again.read(later) == later + AHEAD + seconds(1)
    assert (clock.state(later), again.state(later)) == ("synced", "free")
    assert again.read(later + seconds(10_000)) == later + AHEAD + seconds(10_002)
    unset = BinClock(NOW, is_set=False).restart(later)
    assert (unset.state(later), unset.read(later).year) == ("none", 2000)


def test_without_the_wait_the_measurement_would_come_too_late(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the answer to the hello finds the events already sent."""
    monkeypatch.setattr(SimulatedBin, "_awaits_time", lambda *_: False)
    bench.drop()
    bench.connect()
    sent = bench.take()
    assert sent_seqs(sent) == [1]
    assert all("ahead_ms" not in fields for _, fields in sent)
