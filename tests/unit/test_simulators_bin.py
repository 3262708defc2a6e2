"""What a bin stores and sends, and what a receipt settles; the test is the broker, the time and the backend."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.events import InvalidEventError
from simulators.journal import Journal
from tests.unit.simulators_bench import KEY, RECEIPT_TOPIC, Bench, sent_seqs
from tests.unit.test_simulators_reference_backend import ReferenceBackend, sign


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bin.journal")
    yield bench
    bench.bin.close()


def test_an_event_is_on_disk_before_its_first_send(bench: Bench, tmp_path: Path) -> None:
    bench.connect()
    bench.drop(3)
    sent = sent_seqs(bench.take())
    for suffix in ("", "-wal"):  # the state of the disk at this moment, as a kill would leave it
        shutil.copy(f"{bench.path}{suffix}", tmp_path / f"killed{suffix}")
    with_power_back = Journal(tmp_path / "killed")
    assert [event.seq for event in with_power_back.list_events(sent)] == sent == [1, 2, 3]
    assert with_power_back.next_seq == 4
    with_power_back.close()


def test_an_event_carries_the_fields_of_the_protocol(bench: Bench) -> None:
    bench.connect()
    bench.drop(badge="04A2B9C1", items=3, mass_g=690, refused=1, confidence=0.97)
    bench.bin.emptying(bench.now, material="glass", mass_g=412_000, by="C7")
    [envelope] = [fields for kind, fields in bench.take() if kind == "events"]
    assert envelope["events"] == [
        {
            "seq": 1,
            "type": "deposit",
            "at": "2026-11-21T10:00:00Z",
            "material": "glass",
            "items": 3,
            "mass_g": 690,
            "badge": "04A2B9C1",
            "refused": 1,
            "confidence": 0.97,
        },
        {
            "seq": 2,
            "type": "emptying",
            "at": "2026-11-21T10:00:00Z",
            "material": "glass",
            "mass_g": 412_000,
            "by": "C7",
        },
    ]
    assert (envelope["v"], envelope["bin"], envelope["boot"]) == (1, "MRS-00042", 1)
    assert envelope["journal"] == bench.bin.journal.id
    assert envelope["sent_at"] == "2026-11-21T10:00:00Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"items": 201},
        {"items": -1},
        {"items": 0},
        {"mass_g": 0},
        {"mass_g": 2_000_001},
        {"badge": "ABC"},
        {"badge": "A" * 65},
        {"confidence": 1.1},
        {"refused": -1},
        {"material": "x" * 16_384},
    ],
)
def test_an_event_against_the_rules_or_too_large_is_not_journalled(bench: Bench, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError):
        bench.drop(**fields)
    assert (bench.bin.journal.next_seq, bench.bin.journal.held_events) == (1, 0)
    assert bench.bin.tally.produced_deposits == 0
    assert bench.bin.contents.fill_pct("glass") == 0


@pytest.mark.parametrize("fields", [{"items": 0, "refused": 1}, {"items": 0, "mass_g": 5}, {"items": 200}])
def test_the_edges_of_the_rules_are_allowed(bench: Bench, fields: dict[str, Any]) -> None:
    bench.drop(**fields)
    assert bench.bin.journal.next_seq == 2


def test_an_envelope_never_exceeds_16_kib_or_100_events(bench: Bench) -> None:
    bench.drop(150)
    bench.drop(150, badge="é" * 64, confidence=0.123456789, refused=1, mass_g=123_456)
    bench.connect()
    seen: list[int] = []
    while messages := [m for m in bench.take_messages() if m.seqs]:
        for message in messages:
            assert len(message.seqs) <= 100
            assert len(message.topic) + len(message.payload) + 10 <= 16 * 1024
            seen.extend(message.seqs)
    assert seen == list(range(1, 301))


def test_live_events_go_before_the_backlog_and_the_backlog_is_not_starved(bench: Bench) -> None:
    bench.drop(500)
    bench.connect()
    bench.drop(250)
    batches = [[e["seq"] for e in fields["events"]] for kind, fields in bench.take() if kind == "events"]
    assert [batch[0] for batch in batches] == [501, 1, 601, 101, 701, 201, 301, 401]


def test_at_most_1000_events_are_in_flight_and_live_ones_still_pass(bench: Bench) -> None:
    bench.drop(3000)
    bench.connect()
    bench.take(room=1000)
    assert bench.bin.in_flight_events == 900
    bench.drop(1)
    assert sent_seqs(bench.take()) == [3001]
    bench.drop(200)
    bench.take(room=1000)
    assert bench.bin.in_flight_events == 1000


def test_no_more_messages_are_taken_than_the_connection_has_room_for(bench: Bench) -> None:
    bench.drop(1000)
    bench.connect()
    assert len([1 for kind, _ in bench.take(room=5) if kind != "status"]) <= 5
    assert bench.take(room=0) == []
    assert bench.take(room=-3) == []


def test_nothing_is_sent_without_a_connection(bench: Bench) -> None:
    bench.drop(2)
    assert bench.take() == []
    assert bench.bin.unsettled_events == 2


def test_every_message_of_a_boot_has_the_next_n(bench: Bench) -> None:
    bench.connect()
    bench.drop(250)
    numbers = [fields["n"] for _, fields in bench.take()]
    assert numbers == sorted(set(numbers))
    bench.restart()
    bench.connect()
    again = bench.take()
    assert {fields["boot"] for _, fields in again} == {2}
    assert min(fields["n"] for _, fields in again) == 1


def test_a_puback_never_lets_a_bin_forget(bench: Bench) -> None:
    bench.connect()
    bench.drop(3)
    assert sent_seqs(bench.take()) == [1, 2, 3]
    assert bench.bin.unsettled_events == 3
    bench.restart()
    assert bench.bin.unsettled_events == 3
    bench.connect()
    assert sent_seqs(bench.take()) == [1, 2, 3]


def test_a_receipt_settles_up_to_and_also(bench: Bench) -> None:
    bench.connect()
    bench.drop(10)
    bench.take()
    assert bench.receive(upto=4, also=[[6, 7], [10, 10]])
    assert bench.bin.unsettled_events == 3
    assert bench.bin.tally.settled_events == 7
    bench.restart()
    bench.connect()
    assert sent_seqs(bench.take()) == [5, 8, 9]


def test_repeated_answers_are_counted_once(bench: Bench) -> None:
    bench.connect()
    bench.drop(1)
    bench.take()
    bench.wait(0.25)
    results = [{"seq": 1, "state": "credited", "points": 3}]
    for _ in range(3):
        bench.receive(upto=1, results=results)
    tally = bench.bin.tally
    assert (tally.settled_events, tally.points, tally.events_by_state) == (1, 3, {"credited": 1})
    counts = tally.snapshot(bins=1, connected_bins=1, unsettled_events=0, elapsed_s=1)
    assert (counts.latency_p50_ms, counts.latency_p99_ms) == (250.0, 250.0)


@pytest.mark.parametrize("attack", ["signature", "topic", "journal", "form", "key", "kind"])
def test_receipt_with_a_wrong_signature_changes_nothing(bench: Bench, attack: str) -> None:
    bench.connect()
    bench.drop(2)
    bench.take()
    journal = "0" * 32 if attack == "journal" else bench.bin.journal.id
    upto = "2" if attack == "form" else 2
    line = json.dumps({"v": 1, "journal": journal, "epoch": 9, "upto": upto, "time": "2030-01-01T00:00:00Z"}).encode()
    topic = RECEIPT_TOPIC.replace("00042", "00043") if attack == "topic" else RECEIPT_TOPIC
    signed_topic = RECEIPT_TOPIC.replace("receipt", "config") if attack == "kind" else topic
    payload = sign(signed_topic, line, KEY, key_number=2 if attack == "key" else 1)
    if attack == "signature":
        payload = payload[:-1] + (b"0" if payload[-1:] != b"0" else b"1")
    assert not bench.bin.on_receipt(topic, payload, bench.now)
    assert (bench.bin.unsettled_events, bench.bin.in_flight_events, bench.bin.journal.epoch) == (2, 2, 0)
    assert (bench.bin.tally.receipts, bench.bin.tally.receipts_refused) == (0, 1)
    assert bench.bin.clock.read(bench.now) == bench.now


def test_messages_on_other_topics_below_down_are_left_alone(bench: Bench) -> None:
    bench.bin.on_message("bontri/v1/mrs/MRS-00042/down/config", b"{}", bench.now)
    bench.bin.on_message(RECEIPT_TOPIC, b"{}", bench.now)
    assert bench.bin.tally.receipts_refused == 1


def test_lower_epoch_is_ignored_and_higher_epoch_cancels(bench: Bench) -> None:
    bench.connect()
    bench.drop(6)
    bench.take()
    assert bench.receive(epoch=3, upto=5)
    assert not bench.receive(epoch=2, upto=6)
    assert bench.bin.unsettled_events == 1
    assert bench.receive(epoch=4, upto=2)
    assert bench.bin.unsettled_events == 4
    bench.restart()
    bench.connect()
    assert sent_seqs(bench.take()) == [3, 4, 5, 6]
    assert not bench.receive(epoch=3, upto=6)


def test_events_lost_in_a_restore_are_sent_again_while_the_bin_runs(bench: Bench) -> None:
    bench.connect()
    bench.drop(50)
    bench.exchange()
    assert bench.bin.unsettled_events == 0
    bench.backend = ReferenceBackend({"MRS-00042": KEY}, epoch=2)
    bench.drop(1)
    bench.exchange()
    assert sorted(bench.backend.committed["MRS-00042", bench.bin.journal.id]) == list(range(1, 52))
    assert bench.bin.unsettled_events == 0


def test_a_storage_set_back_does_not_use_known_numbers_again(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    bench.take()
    bench.receive(upto=40)
    bench.drop()
    assert sent_seqs(bench.take()) == [41]
    bench.restart()
    assert bench.bin.journal.next_seq == 42
