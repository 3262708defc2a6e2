"""What a bin says of itself: full storage, hello, status, presence, its clock; without a network."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.bin import SimulatedBin
from simulators.clock import BinClock
from simulators.journal import JournalFullError
from simulators.messages import BinIdentity
from tests.unit.simulators_bench import KEY, NOW, RECEIPT_TOPIC, Bench, seconds
from tests.unit.test_simulators_reference_backend import open_message, sign


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bin.journal")
    yield bench
    bench.bin.close()


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


@pytest.mark.parametrize("fill_pct", [1, 41, 62, 99, 100])
def test_a_new_storage_begins_as_full_as_the_bin_is(tmp_path: Path, fill_pct: int) -> None:
    bench = Bench(tmp_path / "bin.journal", fill_pct=fill_pct)
    assert bench.bin.contents.fill_pct("glass") == fill_pct
    assert bench.bin.contents.mass_g("glass") == pytest.approx(fill_pct * 30 * 230 / 0.7, abs=230)
    bench.bin.close()


def test_a_storage_that_has_an_event_knows_better_how_full_the_bin_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bin.journal", fill_pct=62)
    bench.restart()
    bench.bin = bench.bin.restart(bench.now)
    assert bench.bin.contents.fill_pct("glass") == 62  # nothing has happened yet
    bench.bin.emptying(bench.now, material="glass")
    bench.restart()
    assert bench.bin.contents.fill_pct("glass") == 0
    bench.bin.close()


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
