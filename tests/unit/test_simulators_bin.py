"""The bin's side of the protocol, without a network: the test is the broker, the time and the backend."""

import itertools
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.bin import SimulatedBin
from simulators.clock import BinClock
from simulators.events import InvalidEventError
from simulators.journal import Journal, JournalFullError
from simulators.messages import BinIdentity
from tests.unit.simulators_bench import KEY, NOW, RECEIPT_TOPIC, Bench, seconds, sent_seqs
from tests.unit.test_simulators_reference_backend import ReferenceBackend, open_message, sign

DAY = timedelta(days=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bin.journal")
    yield bench
    bench.bin.close()


# Storing and sending


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


# Receipts


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


# Missing events, missing receipts


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


# Full storage, hello, status, presence


def test_a_full_journal_refuses_the_deposit_and_reports_a_fault(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bin.journal", capacity_events=3)
    bench.connect()
    bench.drop(2)
    assert [fields["faults"] for kind, fields in bench.take() if kind == "status"] == [[]]
    bench.drop()
    assert [fields["faults"] for kind, fields in bench.take() if kind == "status"] == [["journal_full"]]
    with pytest.raises(JournalFullError):
        bench.drop()
    assert (bench.bin.journal.next_seq, bench.bin.tally.refused_deposits) == (4, 1)
    bench.restart()
    bench.connect()
    assert [fields["faults"] for kind, fields in bench.take() if kind == "status"] == [["journal_full"]]
    bench.receive(upto=3)
    bench.wait(6.9 * 86_400)
    with pytest.raises(JournalFullError):
        bench.drop()
    bench.wait(0.2 * 86_400)
    bench.drop()
    assert bench.bin.journal.oldest_held == 4
    assert bench.bin.status.faults == set()
    assert bench.bin.tally.refused_deposits == 1  # of the time since the restart
    bench.bin.close()


def test_hello_says_what_the_bin_is_and_holds(bench: Bench) -> None:
    bench.drop(4)
    bench.connect()
    [hello] = [fields for kind, fields in bench.take() if kind == "hello"]
    assert hello["journal"] == bench.bin.journal.id
    assert (hello["next_seq"], hello["oldest_held"]) == (5, 1)
    assert (hello["materials"], hello["capacity_l"]) == (["glass"], 3000)
    assert hello["firmware"]
    assert hello["model"]


def test_status_comes_at_qos_0_every_five_minutes_with_the_fill_level(bench: Bench) -> None:
    bench.connect()
    bench.exchange()
    bench.drop(10, items=150)
    bench.exchange()
    bench.wait(300)
    [message] = bench.take_messages()
    status = bench.opened(message)
    assert (message.qos, message.retain) == (0, False)
    assert status["fill_pct"] == 35  # 1,500 items of 0.7 l in 3,000 l
    assert status["faults"] == []
    bench.bin.emptying(bench.now, material="glass", mass_g=bench.bin.contents.mass_g("glass"))
    assert bench.bin.contents.fill_pct("glass") == 0
    bench.restart()
    assert bench.bin.contents.mass_g("glass") == 0


def test_fill_levels_are_per_material_with_several_compartments(tmp_path: Path) -> None:
    identity = BinIdentity("mrs", "MRS-00042", {1: KEY}, materials=("glass", "can"), capacity_l=1000)
    simulated = SimulatedBin(identity, tmp_path / "bin", NOW)
    simulated.deposit(NOW, material="glass", items=100)
    simulated.on_connected(NOW)
    [status] = [m for m in simulated.due_messages(NOW) if m.topic.endswith("status")]
    assert open_message(status.topic, status.payload, KEY)["fill_pct"] == {"glass": 14, "can": 0}
    simulated.close()


def test_presence_is_retained_signed_and_older_than_the_will(bench: Bench) -> None:
    for conn in (1, 2):
        will = bench.bin.prepare_connection(bench.now)
        bench.bin.on_connected(bench.now)
        online = bench.bin.due_messages(bench.now)[0]
        assert (will.retain, online.retain, will.topic) == (True, True, online.topic)
        last, first = bench.opened(will), bench.opened(online)
        assert (first["online"], last["online"]) == (True, False)
        assert (first["conn"], last["conn"]) == (conn, conn)
        assert first["n"] < last["n"]
        farewell = bench.opened(bench.bin.write_farewell(bench.now))
        assert (farewell["online"], farewell["conn"]) == (False, conn)
        bench.bin.on_disconnected()


def test_the_newest_key_signs_and_both_keys_verify(tmp_path: Path) -> None:
    other = b"o" * 32
    simulated = SimulatedBin(BinIdentity("mrs", "MRS-00042", {1: KEY, 2: other}), tmp_path / "bin", NOW)
    simulated.on_connected(NOW)
    assert all(b"\n2:" in message.payload for message in simulated.due_messages(NOW))
    line = json.dumps({"v": 1, "journal": simulated.journal.id, "epoch": 1, "upto": 0}).encode()
    assert simulated.on_receipt(RECEIPT_TOPIC, sign(RECEIPT_TOPIC, line, KEY, 1), NOW)
    assert simulated.on_receipt(RECEIPT_TOPIC, sign(RECEIPT_TOPIC, line, other, 2), NOW)
    topic = RECEIPT_TOPIC.replace("receipt", "config")
    for number, key in ((1, KEY), (2, other)):
        config = {"v": 1, "bin": "MRS-00042", "version": number, "tariffs": []}
        simulated.on_message(topic, sign(topic, json.dumps(config).encode(), key, number), NOW)
        assert simulated.display.version == number
    assert not simulated.on_receipt(RECEIPT_TOPIC, sign(RECEIPT_TOPIC, line, b"t" * 32, 3), NOW)
    simulated.close()


def test_a_key_taken_away_in_a_rotation_no_longer_commands_the_bin(tmp_path: Path) -> None:
    other = b"o" * 32
    simulated = SimulatedBin(BinIdentity("mrs", "MRS-00042", {2: other}), tmp_path / "bin", NOW)
    line = json.dumps({"v": 1, "journal": simulated.journal.id, "epoch": 1, "upto": 0}).encode()
    assert not simulated.on_receipt(RECEIPT_TOPIC, sign(RECEIPT_TOPIC, line, KEY, 1), NOW)
    assert simulated.on_receipt(RECEIPT_TOPIC, sign(RECEIPT_TOPIC, line, other, 2), NOW)
    simulated.close()


# Time


def test_a_prompt_receipt_tells_the_time_and_a_late_one_does_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bin.journal", clock=BinClock(NOW, is_set=False))
    bench.connect()
    bench.drop()
    [hello] = [fields for kind, fields in bench.take() if kind == "hello"]
    assert (hello["clock"], hello["sent_at"]) == ("none", "2000-01-01T00:00:00Z")
    bench.wait(10)
    bench.receive(upto=1, echo=hello["n"], time="2026-11-21T10:00:10Z")
    assert bench.bin.clock.state(bench.now) == "none"
    bench.drop()
    [(_, late)] = bench.take()
    bench.wait(4)
    bench.receive(upto=1, echo=late["n"], time="2026-11-21T10:00:12Z")
    assert bench.bin.clock.state(bench.now) == "synced"
    assert bench.bin.clock.read(bench.now) == NOW + seconds(14)
    bench.bin.close()


def test_an_envelope_says_how_good_the_clock_was_when_its_events_happened(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bin.journal", clock=BinClock(NOW, is_set=False))
    bench.drop(2)
    bench.connect()
    hello = next(fields for kind, fields in bench.take(room=2) if kind == "hello")
    bench.receive(echo=hello["n"], time="2026-11-21T10:00:00Z")
    bench.drop(2)
    envelopes = [fields for kind, fields in bench.take() if kind == "events"]
    assert {(e["clock"], tuple(event["seq"] for event in e["events"])) for e in envelopes} == {
        ("none", (1, 2)),
        ("synced", (3, 4)),
    }
    assert all(event["at"].startswith("2000-01-01") for e in envelopes if e["clock"] == "none" for event in e["events"])
    bench.bin.close()
