"""What a bin does about missing events and missing receipts, without a network."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.simulators_bench import NOW, Bench, seconds, sent_seqs

DAY = timedelta(days=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bin.journal")
    yield bench
    bench.bin.close()


def test_missing_numbers_are_resent_after_ten_seconds_of_patience(bench: Bench) -> None:
    bench.connect()
    bench.drop(5)
    bench.take()
    bench.wait(1)
    bench.receive(upto=1, also=[[4, 4]])
    bench.wait(8.9)
    assert sent_seqs(bench.take()) == []
    bench.wait(0.1)
    assert sent_seqs(bench.take()) == [2, 3]  # 5 is above the highest settled number
    assert bench.bin.tally.resent_events == 2
    bench.wait(9.9)
    assert sent_seqs(bench.take()) == []
    bench.wait(0.1)
    assert sent_seqs(bench.take()) == [2, 3]


def test_the_lost_end_of_a_sequence_is_resent_after_an_answered_hello(bench: Bench) -> None:
    bench.connect()
    bench.drop(3)
    bench.take()
    bench.wait(1)
    bench.receive(upto=1)
    bench.wait(30)
    assert [kind for kind, _ in bench.take()] == ["hello"]
    bench.receive(upto=1)
    assert sent_seqs(bench.take()) == [2, 3]


def test_a_hello_counts_as_answered_when_a_later_message_is_echoed(bench: Bench) -> None:
    bench.connect()
    bench.drop(3)
    bench.take()  # lost by the broker after its PUBACK, as all before the reconnect
    bench.wait(1)
    bench.bin.on_disconnected()
    bench.connect()
    hello = next(fields for kind, fields in bench.take() if kind == "hello")
    bench.receive(upto=0, echo=hello["n"] + 1)
    bench.wait(8.9)
    assert sent_seqs(bench.take()) == []
    bench.wait(0.1)
    assert sent_seqs(bench.take()) == [1, 2, 3]


def test_a_bin_without_receipts_sends_hello_only(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    assert {kind for kind, _ in bench.take()} == {"presence", "hello", "status", "events"}
    bench.wait(29.9)
    bench.drop(1)
    assert sent_seqs(bench.take()) == [3]
    sent = []
    for _ in range(4 * 3600):
        bench.wait(1)
        if bench.now.second == 0:
            bench.drop()
        sent += [(kind, bench.now) for kind, _ in bench.take()]
    assert {kind for kind, _ in sent} == {"hello"}
    assert bench.bin.is_probing
    times = [time for _, time in sent]
    gaps = [(later - earlier) / seconds(1) for earlier, later in itertools.pairwise(times)]
    nominal = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert len(gaps) >= 8
    for gap, expected in zip(gaps, nominal, strict=False):
        assert 0.75 * expected <= gap <= 1.25 * expected + 1
    assert len({round(gap / expected, 2) for gap, expected in zip(gaps, nominal, strict=False)}) > 3


def test_an_answered_hello_brings_the_data_back(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    bench.take()
    bench.wait(31)
    bench.drop(1)
    assert [kind for kind, _ in bench.take()] == ["hello"]
    bench.receive(upto=0)
    assert not bench.bin.is_probing
    assert sent_seqs(bench.take()) == [1, 2, 3]


def test_the_back_off_starts_small_again_after_an_answer(bench: Bench) -> None:
    bench.connect()
    bench.drop()
    for _ in range(2):
        bench.take()
        hello_times = []
        for _ in range(75):
            bench.wait(1)
            hello_times += [bench.now for kind, _ in bench.take() if kind == "hello"]
        assert len(hello_times) == 2
        assert seconds(22) <= hello_times[1] - hello_times[0] <= seconds(39)
        bench.receive(upto=0)


def test_a_bin_that_was_probing_stays_with_hello_on_a_new_connection(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    bench.take()
    bench.wait(31)
    bench.take()
    bench.bin.on_disconnected()
    bench.wait(1)
    bench.connect()
    assert [kind for kind, _ in bench.take()] == ["presence", "hello"]


def test_what_the_broker_had_not_acknowledged_is_sent_on_the_next_connection(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    messages = bench.bin.due_messages(bench.now)
    assert any(m.seqs == (1, 2) for m in messages)
    bench.bin.on_disconnected()
    bench.connect()
    assert sent_seqs(bench.take()) == [1, 2]


@pytest.mark.parametrize("reason_code", [0x10, 0x80, 0x87, 0x97])
def test_a_puback_that_says_not_delivered_makes_the_bin_repeat(bench: Bench, reason_code: int) -> None:
    bench.connect()
    bench.drop(2)
    for message in bench.bin.due_messages(bench.now):
        bench.bin.on_puback(message.n, reason_code=reason_code)
    assert bench.bin.tally.puback_refusals > 0
    bench.wait(9.9)
    assert sent_seqs(bench.take()) == []
    bench.wait(0.1)
    assert sent_seqs(bench.take()) == [1, 2]


def test_refused_pubacks_for_thirty_seconds_end_in_hello_only(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    for _ in range(31):
        for message in bench.bin.due_messages(bench.now):
            bench.bin.on_puback(message.n, reason_code=0x10)
        bench.wait(1)
    assert bench.bin.is_probing
    assert sent_seqs(bench.take()) == []


def test_an_event_never_settled_is_given_up_after_thirty_days_and_reported(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    bench.take()
    bench.receive(upto=1)
    bench.drop()
    bench.bin.on_disconnected()
    bench.wait(29.9 * 86_400)
    bench.take()
    assert bench.bin.unsettled_events == 2
    bench.wait(0.2 * 86_400)
    bench.take()
    assert bench.bin.unsettled_events == 1  # number 3 was never sent, so its 30 days have not begun
    assert bench.bin.tally.given_up_events == 1
    bench.bin.on_disconnected()
    bench.restart()
    bench.connect()
    [status] = [fields for kind, fields in bench.take() if kind == "status"]
    assert status["faults"] == ["events_given_up"]


def test_the_thirty_days_count_from_the_first_send_and_not_from_a_later_one(bench: Bench) -> None:
    bench.connect()
    bench.drop()
    for _ in range(30):
        assert sent_seqs(bench.take()) == [1]
        bench.bin.on_disconnected()
        bench.wait(86_400)
        bench.receive()  # the backend lives, and never settles this one
        bench.restart()
        bench.connect()
    assert sent_seqs(bench.take()) == []
    assert (bench.bin.unsettled_events, bench.bin.status.faults) == (0, {"events_given_up"})


def test_events_offline_for_longer_than_thirty_days_are_not_given_up(bench: Bench) -> None:
    bench.drop(2)
    for _ in range(40):
        bench.wait(86_400)
        bench.take()
    bench.connect()
    bench.exchange()
    assert list(bench.backend.committed["MRS-00042", bench.bin.journal.id]) == [1, 2]
    assert bench.bin.tally.given_up_events == 0


def test_the_fault_ends_when_what_was_given_up_is_forgotten(bench: Bench) -> None:
    bench.connect()
    bench.drop()
    bench.take()
    bench.wait(30 * 86_400)
    bench.take()
    assert bench.bin.status.faults == {"events_given_up"}
    bench.wait(7 * 86_400 + 1)
    bench.take()
    assert (bench.bin.status.faults, bench.bin.journal.held_events) == (set(), 0)


def test_a_new_epoch_does_not_end_in_giving_up_what_was_first_sent_long_ago(bench: Bench) -> None:
    bench.connect()
    bench.drop()
    bench.take()
    bench.wait(29 * 86_400)
    bench.receive(upto=1)  # settled late
    bench.wait(2 * 86_400)
    bench.receive(epoch=2, upto=0)
    bench.wait(3600)
    bench.take()
    assert bench.bin.unsettled_events == 1
    assert bench.bin.tally.given_up_events == 0


def test_thirty_days_and_100_000_events_offline_are_drained_with_nothing_lost(bench: Bench) -> None:
    for _ in range(30):
        bench.drop(3334)
        bench.wait(86_400)
        bench.take()
    bench.restart()
    bench.connect()
    bench.exchange()
    assert bench.bin.unsettled_events == 0
    committed = bench.backend.committed["MRS-00042", bench.bin.journal.id]
    assert sorted(committed) == list(range(1, 100_021))
    assert {event["at"][:10] for event in committed.values()} == {str((NOW + i * DAY).date()) for i in range(30)}
    assert (bench.backend.repeats, bench.backend.conflicts) == (0, [])
    assert bench.bin.status.faults == set()  # all is kept for seven days more, and there is still room
    bench.drop()
    bench.exchange()
    assert len(committed) == 100_021
