"""Loss, repeats, reordering, cuts and restarts at once: every event arrives once, every command is executed once."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.bin import SimulatedBin
from simulators.clock import BinClock
from simulators.commands import Command, CommandDesk
from simulators.messages import Message
from tests.unit.simulators_bench import NOW, Bench, seconds

DAY = timedelta(days=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bin.journal")
    yield bench
    bench.bin.close()


def live_through_a_bad_network(
    bench: Bench, seed: int, *, on_step: Callable[[random.Random], None] = lambda _: None
) -> None:
    """Loss, repeats, reordering, dropped connections and restarts for a while, then calm.

    Args:
        bench: The bin.
        seed: Chooses everything.
        on_step: Called with every step before the calm, for what else may happen.
    """
    rng = random.Random(seed)
    wire: list[Message] = []
    answers: list[tuple[str, bytes]] = []
    for step in range(1500):
        is_calm = step > 1000
        if not is_calm:
            on_step(rng)
        if bench.bin.is_reboot_due:
            bench.bin = bench.bin.restart(bench.now)
        bench.wait(rng.choice([0.1, 1, 3]))
        if not is_calm and rng.random() < 0.4:
            bench.drop(rng.randint(1, 5), badge=rng.choice([None, "04A2B9C1"]))
        if not bench.bin.is_connected:
            bench.connect()
        elif not is_calm and rng.random() < 0.03:
            bench.bin.on_disconnected()
        elif not is_calm and rng.random() < 0.01:
            bench.restart()
        wire += send(bench, rng, is_calm=is_calm)
        for message in some_of(wire, rng, is_calm=is_calm):
            answer = bench.backend.answer(message.topic, message.payload, bench.now)
            if answer is not None and (is_calm or rng.random() < 0.7):
                answers.append(answer)
        for topic, payload in some_of(answers, rng, is_calm=is_calm):
            bench.bin.on_receipt(topic, payload, bench.now)


def send(bench: Bench, rng: random.Random, *, is_calm: bool) -> list[Message]:
    """Give the broker what the bin sends and return what it will deliver."""
    delivered: list[Message] = []
    for message in bench.bin.due_messages(bench.now):
        fate = 1.0 if is_calm else rng.random()
        if fate < 0.1:
            continue  # lost with its PUBACK
        bench.bin.on_puback(message.n, reason_code=0x10 if fate < 0.15 else 0)
        if fate >= 0.3:  # below: acknowledged by the broker, and lost by it
            delivered += [message] * (2 if fate < 0.4 else 1)
    return delivered


def some_of(waiting: list[Any], rng: random.Random, *, is_calm: bool) -> list[Any]:
    """Take some of what waits, in any order; in calm all of it, in order."""
    if is_calm:
        count = len(waiting)
    else:
        rng.shuffle(waiting)
        count = rng.randint(0, len(waiting))
    taken = waiting[:count]
    del waiting[:count]
    return taken


@pytest.mark.parametrize("seed", range(12))
def test_over_any_network_every_event_arrives_once_and_unchanged(bench: Bench, seed: int) -> None:
    live_through_a_bad_network(bench, seed)
    produced = bench.bin.journal.next_seq - 1
    assert produced > 500
    assert bench.bin.unsettled_events == 0
    assert bench.backend.conflicts == []
    assert sorted(bench.backend.committed["MRS-00042", bench.bin.journal.id]) == list(range(1, produced + 1))


@pytest.mark.parametrize("seed", range(100, 104))
def test_over_any_network_a_bin_with_a_wrong_clock_tells_one_true_time_for_each_event(
    tmp_path: Path, seed: int
) -> None:
    clock = BinClock(NOW, offset=seconds(random.Random(seed).gauss(0, 600)), drift_ppm=100)
    bench = Bench(tmp_path / "bin.journal", clock=clock)
    true_times: dict[int, datetime] = {}

    def note_true_time(_: random.Random) -> None:
        for seq in range(len(true_times) + 1, bench.bin.journal.next_seq):
            true_times[seq] = bench.now  # up to a step late, at most 3 s

    for _ in range(200):  # offline, more than can be in flight before anything is measured
        bench.drop(10)
        note_true_time(random.Random(0))
        bench.wait(1)
    live_through_a_bad_network(bench, seed, on_step=note_true_time)
    note_true_time(random.Random(0))
    stored = bench.backend.committed["MRS-00042", bench.bin.journal.id]
    assert bench.bin.unsettled_events == 0
    assert sorted(stored) == list(range(1, bench.bin.journal.next_seq))
    measured = {
        event["seq"]: fields["ahead_ms"]
        for kind, fields in bench.backend.messages
        if kind == "events" and "ahead_ms" in fields
        for event in fields["events"]
    }
    assert len(measured) > 1000
    for seq, ahead_ms in measured.items():
        found = datetime.fromisoformat(stored[seq]["at"]) - timedelta(milliseconds=ahead_ms)
        # A receipt of this backend has whole seconds and may be ten seconds on the way.
        assert abs(found - true_times[seq]) < seconds(10)
    bench.bin.close()


@pytest.mark.parametrize("seed", range(200, 204))
def test_over_any_network_every_command_is_executed_once(
    bench: Bench, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    executed: list[str] = []
    execute = CommandDesk._execute

    def note_execution(desk: CommandDesk, command: Command, now: datetime) -> bool:
        executed.append(command.id)
        return execute(desk, command, now)

    def tell(rng: random.Random) -> None:
        if rng.random() < 0.03:
            first = rng.randint(1, 200)
            line = {"v": 1, "bin": "MRS-00042", "id": f"0b54cf8a-54f5-4f9e-a111-{len(told):012}"}
            line |= {"issued_at": bench.now.isoformat(), "expires_at": (bench.now + DAY).isoformat()}
            resend = {"do": "resend", "journal": bench.bin.journal.id, "first": first, "last": first + 50}
            told.append(line | rng.choice([resend, resend, {"do": "reboot"}]))
        if told and rng.random() < 0.2:
            bench.hand_over("command", rng.choice(told))

    monkeypatch.setattr(CommandDesk, "_execute", note_execution)
    live_through_a_bad_network(bench, seed, on_step=tell)
    assert len(executed) == len(set(executed)) > 10
    statuses = [fields for kind, fields in bench.backend.messages if kind == "status"]
    answered = {answer["id"] for fields in statuses for answer in fields.get("commands", [])}
    assert set() < answered <= set(executed)
    assert bench.bin.unsettled_events == 0
    assert bench.backend.conflicts == []
    stored = bench.backend.committed["MRS-00042", bench.bin.journal.id]
    assert sorted(stored) == list(range(1, bench.bin.journal.next_seq))


def test_a_bin_that_forgets_at_the_puback_loses_events_on_that_network(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the guard the test above must fail."""

    def forget(simulated: SimulatedBin, n: int, *, reason_code: int) -> None:
        simulated._outbox.give_up(simulated._conversation.pop_acknowledged(n))

    monkeypatch.setattr(SimulatedBin, "on_puback", forget)
    live_through_a_bad_network(bench, seed=0)
    arrived = bench.backend.committed["MRS-00042", bench.bin.journal.id]
    assert len(arrived) < bench.bin.journal.next_seq - 1
