"""What a bin does when it is told something: once for each id, answered in the status, nothing without a signature."""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.clock import BinClock
from simulators.command_log import CommandLog
from simulators.emptying_mode import HatchClosedError
from tests.unit.simulators_bench import IDENTITY, KEY, NOW, Bench, seconds, sent_seqs
from tests.unit.test_simulators_reference_backend import sign

IDS = (f"0b54cf8a-54f5-4f9e-a111-{number:012}" for number in itertools.count())
TOPIC = IDENTITY.topic("down/command")
OTHER_ID = "ffffffff-ffff-4fff-bfff-ffffffffffff"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bin.journal")
    yield bench
    bench.bin.close()


def command(do: str, **fields: Any) -> dict[str, Any]:
    times = {"issued_at": "2026-11-21T09:59:00Z", "expires_at": "2026-11-21T11:00:00Z"}
    return {"do": do, "v": 1, "bin": "MRS-00042", "id": next(IDS)} | times | fields


def resend(bench: Bench, first: int, last: int, **fields: Any) -> dict[str, Any]:
    return command("resend", **{"journal": bench.bin.journal.id, "first": first, "last": last} | fields)


def answers(sent: list[tuple[str, dict[str, Any]]]) -> list[dict[str, str]]:
    [status] = [fields for kind, fields in sent if kind == "status"]
    found: list[dict[str, str]] = status.get("commands", [])
    return found


def outcome(bench: Bench, line: dict[str, Any]) -> str:
    """Return how the bin answers this command in the status that it sends at once."""
    bench.hand_over("command", line)
    by_id = {answer["id"]: answer["state"] for answer in answers(bench.take())}
    return by_id[line["id"]]


def counted(bench: Bench) -> dict[str, int]:
    names = ("done", "refused", "expired", "repeated", "ignored")
    counts = {name: getattr(bench.bin.tally, f"commands_{name}") for name in names}
    return {name: count for name, count in counts.items() if count}


# Resend


def test_a_resend_makes_settled_events_unsettled_and_sends_them(bench: Bench) -> None:
    bench.connect()
    bench.drop(6)
    bench.exchange()
    assert bench.bin.unsettled_events == 0
    line = resend(bench, 2, 4)
    bench.hand_over("command", line)
    assert bench.bin.unsettled_events == 3
    sent = bench.take()
    assert answers(sent) == [{"id": line["id"], "state": "done"}]
    assert sent_seqs(sent) == [2, 3, 4]
    bench.receive(upto=6)
    assert bench.bin.unsettled_events == 0
    assert counted(bench) == {"done": 1}


def test_a_resend_of_events_in_flight_does_not_wait_for_the_patience(bench: Bench) -> None:
    bench.connect()
    bench.drop(4)
    assert sent_seqs(bench.take()) == [1, 2, 3, 4]
    bench.hand_over("command", resend(bench, 2, 3))
    assert sent_seqs(bench.take()) == [2, 3]
    assert bench.bin.unsettled_events == bench.bin.in_flight_events == 4


def test_a_receipt_in_between_does_not_undo_a_resend(bench: Bench) -> None:
    bench.connect()
    bench.drop(4)
    bench.exchange()
    bench.hand_over("command", resend(bench, 1, 2))
    bench.receive(upto=4)  # written before the command was heard of
    assert bench.bin.unsettled_events == 2
    assert sent_seqs(bench.take()) == [1, 2]
    bench.receive(upto=4)
    assert bench.bin.unsettled_events == 0


def test_a_resend_beyond_what_is_held_sends_what_is_held(bench: Bench) -> None:
    bench.connect()
    bench.drop(3)
    bench.exchange()
    bench.hand_over("command", resend(bench, 2, 2**63 - 2))
    assert sent_seqs(bench.take()) == [2, 3]


def test_a_resend_survives_a_restart_before_the_events_have_gone_out(bench: Bench) -> None:
    bench.connect()
    bench.drop(3)
    bench.exchange()
    bench.hand_over("command", resend(bench, 2, 3))
    bench.restart()
    bench.connect()
    assert sent_seqs(bench.take()) == [2, 3]


def test_a_resend_in_a_new_epoch_sends_everything_once(bench: Bench) -> None:
    bench.connect()
    bench.drop(3)
    bench.exchange()
    bench.hand_over("command", resend(bench, 2, 3))
    bench.receive(epoch=2, upto=0)
    assert bench.bin.unsettled_events == 3
    assert sent_seqs(bench.take()) == [1, 2, 3]
    bench.receive(epoch=2, upto=3)
    assert bench.bin.unsettled_events == 0


def test_a_resend_brings_back_what_was_given_up_for_another_thirty_days(bench: Bench) -> None:
    bench.connect()
    bench.drop()
    bench.take()
    bench.wait(30 * 86_400)
    bench.receive()
    bench.bin.on_disconnected()
    bench.take()
    assert (bench.bin.unsettled_events, bench.bin.tally.given_up_events) == (0, 1)
    bench.restart()
    bench.connect()
    bench.hand_over("command", resend(bench, 1, 1, expires_at="2027-11-21T11:00:00Z"))
    assert sent_seqs(bench.take()) == [1]
    bench.wait(29 * 86_400)
    bench.take()
    assert bench.bin.unsettled_events == 1
    assert bench.bin.tally.given_up_events == 0
    bench.wait(86_400)
    bench.take()
    assert bench.bin.unsettled_events == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"journal": "0" * 32},
        {"journal": None},
        {"first": 4, "last": 9},
        {"first": 2, "last": 1},
        {"first": -5, "last": 0},
        {"first": 2**70, "last": 2**71},
        {"first": "1"},
        {"last": None},
        {"first": True},
        {"do": "dance"},
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_sent(bench: Bench, fields: dict[str, Any]) -> None:
    bench.connect()
    bench.drop(3)
    bench.exchange()
    line = resend(bench, 1, 3) | fields
    bench.hand_over("command", line)
    sent = bench.take()
    assert answers(sent) == [{"id": line["id"], "state": "refused"}]
    assert sent_seqs(sent) == []
    assert bench.bin.unsettled_events == 0
    assert counted(bench) == {"refused": 1}


def test_a_resend_of_what_was_forgotten_is_refused(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    bench.exchange()
    bench.wait(8 * 86_400)
    bench.restart()
    bench.connect()
    bench.take()
    assert bench.bin.journal.oldest_held == 3
    assert outcome(bench, resend(bench, 1, 2, expires_at="2026-11-30T11:00:00Z")) == "refused"


# Reboot


def test_a_reboot_is_answered_first_and_then_the_firmware_starts_anew(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    bench.take()
    line = command("reboot")
    bench.hand_over("command", line)
    assert not bench.bin.is_reboot_due  # not before the answer is out
    assert answers(bench.take()) == [{"id": line["id"], "state": "done"}]
    assert bench.bin.is_reboot_due
    journal = bench.bin.journal.id
    bench.bin = bench.bin.restart(bench.now)
    assert (bench.bin.journal.id, bench.bin.journal.boot) == (journal, 2)
    assert bench.bin.unsettled_events == 2
    assert bench.bin.clock.state(bench.now) == "free"  # nobody has told the new start the time
    assert not bench.bin.is_reboot_due
    bench.connect()
    sent = bench.take()
    assert answers(sent) == [{"id": line["id"], "state": "done"}]
    assert {fields["boot"] for _, fields in sent} == {2}


def test_a_reboot_heard_again_after_the_reboot_is_not_executed_again(bench: Bench) -> None:
    bench.connect()
    line = command("reboot")
    bench.hand_over("command", line)
    bench.take()
    bench.bin = bench.bin.restart(bench.now)
    bench.connect()
    [hello] = [fields for kind, fields in bench.take() if kind == "hello"]
    bench.receive(echo=hello["n"], time="2026-11-21T10:00:00Z")
    assert outcome(bench, line) == "done"
    assert not bench.bin.is_reboot_due
    assert counted(bench) == {"done": 1, "repeated": 1}


def test_without_the_memory_a_reboot_would_be_executed_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""
    bench.connect()
    line = command("reboot")
    bench.hand_over("command", line)
    bench.take()
    bench.restart()
    bench.connect()
    monkeypatch.setattr(CommandLog, "find_state", lambda *_: None)
    monkeypatch.setattr(CommandLog, "note", lambda *_, **__: None)
    bench.hand_over("command", line)
    bench.take()
    assert bench.bin.is_reboot_due


def test_points_and_times_are_counted_across_a_reboot(bench: Bench) -> None:
    bench.connect()
    bench.drop(badge="04A2B9C1")
    bench.exchange()
    bench.drop(badge="04A2B9C1")
    bench.hand_over("command", command("reboot"))
    bench.take()
    bench.bin = bench.bin.restart(bench.now)
    bench.wait(2)
    bench.connect()
    bench.exchange()
    bench.hand_over("command", resend(bench, 1, 2))
    bench.exchange()
    assert bench.backend.repeats == 2
    assert bench.bin.tally.points == 6
    counts = bench.bin.tally.snapshot(bins=1, connected_bins=1, unsettled_events=0, elapsed_s=1)
    assert counts.latency_p99_ms == 2000


# Emptying mode


def test_in_emptying_mode_no_deposit_is_taken_and_the_emptying_is(bench: Bench) -> None:
    bench.connect()
    bench.drop()
    assert outcome(bench, command("emptying_mode", on=True, minutes=5)) == "done"
    for _ in range(3):
        with pytest.raises(HatchClosedError):
            bench.drop()
    assert (bench.bin.journal.next_seq, bench.bin.tally.refused_deposits) == (2, 3)
    bench.bin.emptying(bench.now, material="glass", mass_g=412_000, by="C7")
    assert bench.bin.journal.next_seq == 3
    assert bench.bin.contents.mass_g("glass") == 0
    bench.wait(299)
    with pytest.raises(HatchClosedError):
        bench.drop()
    bench.wait(1)
    bench.drop()
    assert bench.bin.tally.produced_deposits == 2


def test_emptying_mode_lasts_an_hour_unless_told_otherwise_and_can_be_ended(bench: Bench) -> None:
    bench.connect()
    outcome(bench, command("emptying_mode", on=True))
    bench.wait(3599)
    with pytest.raises(HatchClosedError):
        bench.drop()
    assert outcome(bench, command("emptying_mode", on=False)) == "done"
    bench.drop()


def test_emptying_mode_survives_a_restart(bench: Bench) -> None:
    bench.connect()
    outcome(bench, command("emptying_mode", on=True, minutes=240))
    bench.restart()
    with pytest.raises(HatchClosedError):
        bench.drop()
    bench.wait(240 * 60)
    bench.drop()


@pytest.mark.parametrize(
    "fields",
    [{}, {"on": 1}, {"on": True, "minutes": 0}, {"on": True, "minutes": 241}, {"on": True, "minutes": "60"}],
)
def test_an_emptying_mode_against_the_rules_is_refused(bench: Bench, fields: dict[str, Any]) -> None:
    bench.connect()
    assert outcome(bench, command("emptying_mode", **fields)) == "refused"
    bench.drop()


# Once, in time, and answered


def test_a_repeated_command_is_answered_again_and_not_executed(bench: Bench) -> None:
    bench.connect()
    bench.drop(2)
    bench.exchange()
    line = resend(bench, 1, 2)
    bench.hand_over("command", line)
    bench.exchange()
    for _ in range(3):
        bench.wait(30)
        assert outcome(bench, line) == "done"
    assert bench.bin.tally.resent_events == 2
    assert counted(bench) == {"done": 1, "repeated": 3}


@pytest.mark.parametrize("state", ["refused", "expired"])
def test_what_was_not_executed_is_answered_alike_when_repeated(bench: Bench, state: str) -> None:
    bench.connect()
    changes = {"first": 9} if state == "refused" else {"expires_at": "2026-11-21T09:59:59Z"}
    line = resend(bench, 1, 9) | changes
    assert outcome(bench, line) == state
    bench.drop(9)
    bench.exchange()
    bench.hand_over("command", line)
    sent = bench.take()
    assert answers(sent) == [{"id": line["id"], "state": state}]
    assert sent_seqs(sent) == []
    assert counted(bench) == {state: 1, "repeated": 1}


def test_a_command_heard_at_its_expiry_is_done_and_a_second_later_expired(bench: Bench) -> None:
    bench.connect()
    at_the_last_moment, too_late = command("reboot"), command("reboot")
    bench.wait(3600)
    assert outcome(bench, at_the_last_moment) == "done"
    bench.wait(1)
    assert outcome(bench, too_late) == "expired"


def test_an_executed_command_is_remembered_over_restarts_until_it_expires(bench: Bench) -> None:
    bench.connect()
    line = command("emptying_mode", on=True, minutes=1)
    outcome(bench, line)
    bench.wait(3590)
    bench.restart()
    bench.connect()
    assert outcome(bench, line) == "done"
    bench.drop()  # the minute is long over, and has not begun again
    bench.wait(1211)
    assert outcome(bench, command("reboot", expires_at="2026-11-21T12:00:00Z")) == "done"
    assert bench.bin.journal.file.read("SELECT count(*) FROM commands") == [(1,)]
    assert outcome(bench, line) == "expired"  # forgotten, and no less dead


def test_execution_and_memory_are_durable_together(bench: Bench, tmp_path: Path) -> None:
    bench.connect()
    bench.drop(2)
    bench.exchange()
    line = resend(bench, 1, 2)
    bench.hand_over("command", line)
    for suffix in ("", "-wal"):  # a kill at this moment, before anything was sent
        shutil.copy(f"{bench.path}{suffix}", tmp_path / f"killed{suffix}")
    killed = Bench(tmp_path / "killed")
    killed.connect()
    sent = killed.take()
    assert answers(sent) == [{"id": line["id"], "state": "done"}]
    assert sent_seqs(sent) == [1, 2]
    killed.bin.close()


@pytest.mark.parametrize("clock", [BinClock(NOW), BinClock(NOW, is_set=False)])
def test_a_clock_that_is_not_synced_ignores_commands_until_it_is(tmp_path: Path, clock: BinClock) -> None:
    bench = Bench(tmp_path / "bin.journal", clock=clock)
    line = command("emptying_mode", on=True)
    bench.connect()
    [hello] = [fields for kind, fields in bench.take() if kind == "hello"]
    bench.hand_over("command", line)
    assert bench.take() == []
    bench.drop()
    assert counted(bench) == {"ignored": 1}
    bench.receive(echo=hello["n"], time="2026-11-21T10:00:00Z")
    assert outcome(bench, line) == "done"
    bench.bin.close()


def test_a_clock_known_to_be_wrong_does_not_forget_what_was_executed(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bin.journal")
    bench.connect()
    line = command("emptying_mode", on=True, minutes=1)
    outcome(bench, line)
    bench.options["clock"] = BinClock(NOW, offset=seconds(86_400))  # a new battery, set by hand, a day ahead
    bench.wait(1000)
    bench.restart()
    bench.connect()
    bench.hand_over("command", line)
    [hello] = [fields for kind, fields in bench.take() if kind == "hello"]
    bench.receive(echo=hello["n"], time="2026-11-21T10:16:40Z")
    assert outcome(bench, line) == "done"
    bench.drop()  # not executed again
    assert counted(bench) == {"ignored": 1, "repeated": 1}
    bench.bin.close()


def test_answers_are_given_for_ten_minutes_and_the_twenty_newest_only(bench: Bench) -> None:
    bench.connect()
    ids = []
    for _ in range(25):
        line = command("dance")
        ids.append(line["id"])
        bench.hand_over("command", line)
        bench.wait(1)
    given = [answer["id"] for answer in answers(bench.take())]
    assert given == ids[:4:-1]
    bench.wait(598)
    bench.bin.status.request(bench.now)
    bench.receive()
    assert [answer["id"] for answer in answers(bench.take())] == ids[:23:-1]
    bench.wait(1)
    bench.bin.status.request(bench.now)
    assert answers(bench.take()) == []


def test_a_status_that_answers_goes_out_at_qos_1_even_while_receipts_stay_away(bench: Bench) -> None:
    bench.connect()
    bench.drop()
    bench.take()
    bench.wait(31)
    assert [kind for kind, _ in bench.take()] == ["hello"]
    assert bench.bin.is_probing
    bench.hand_over("command", command("reboot"))
    [message] = bench.take_messages()
    assert (message.topic, message.qos) == (IDENTITY.topic("up/status"), 1)
    bench.wait(1)
    assert bench.take() == []


# What has no effect


@pytest.mark.parametrize(
    "fields",
    [
        {"v": 2},
        {"v": True},
        {"bin": "MRS-00043"},
        {"bin": None},
        {"id": "17"},
        {"id": 17},
        {"id": OTHER_ID.upper()},
        {"do": None},
        {"issued_at": None},
        {"expires_at": None},
        {"expires_at": "tomorrow"},
        {"expires_at": "2026-11-21T11:00:00"},
    ],
)
def test_a_command_that_is_not_understood_has_no_effect(bench: Bench, fields: dict[str, Any]) -> None:
    bench.connect()
    bench.exchange()
    bench.hand_over("command", command("emptying_mode", on=True) | fields)
    assert bench.take() == []
    bench.drop()
    assert counted(bench) == {"ignored": 1}


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b"\xff", b"{", b'{"v":1}', b"[" * 100_000])
def test_what_is_no_command_at_all_has_no_effect(bench: Bench, line: bytes) -> None:
    bench.bin.on_message(TOPIC, sign(TOPIC, line, KEY), bench.now)
    assert counted(bench) == {"ignored": 1}


@pytest.mark.parametrize("attack", ["signature", "key", "channel", "bin", "unsigned"])
def test_a_command_that_is_not_signed_for_this_bin_has_no_effect(bench: Bench, attack: str) -> None:
    bench.connect()
    bench.exchange()
    line = json.dumps(command("emptying_mode", on=True)).encode()
    signed_topic = {"channel": IDENTITY.topic("down/config"), "bin": TOPIC.replace("00042", "00043")}.get(attack, TOPIC)
    payload = sign(signed_topic, line, b"x" * 32 if attack == "key" else KEY)
    if attack == "signature":
        payload = payload.replace(b'"on": true', b'"on": null')
    elif attack == "unsigned":
        payload = line
    bench.bin.on_message(TOPIC, payload, bench.now)
    assert bench.take() == []
    bench.drop()
    assert counted(bench) == {"ignored": 1}


def test_a_command_on_the_topic_of_another_bin_has_no_effect(bench: Bench) -> None:
    topic = TOPIC.replace("00042", "00043")
    line = json.dumps(command("emptying_mode", on=True)).encode()
    bench.bin.on_message(topic, sign(topic, line, KEY), bench.now)
    bench.drop()
    assert counted(bench) == {"ignored": 1}
