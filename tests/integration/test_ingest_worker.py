"""The worker's order of things, with a source and a pipeline written by hand: commit, receipts, acknowledgement."""

import datetime
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from structlog.testing import capture_logs

import ingest.worker
from ingest.messages import Message, Outgoing
from ingest.pipeline import Processed
from ingest.receipts import Answer
from ingest.worker import LOADED_EVENTS, Worker, is_poison
from rewards.rules import AuthorityRules

NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
RULES = AuthorityRules(7, "val", ZoneInfo("Europe/Paris"), 1, 1, 1, 24, frozenset({"glass"}), [])


def failure(sqlstate: str | None, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    """Make the error SQLAlchemy raises for one of PostgreSQL's codes, or for a connection that broke."""
    cause = psycopg.OperationalError() if sqlstate is None else psycopg.errors.lookup(sqlstate)()
    return kind("SELECT 1", {}, cause)


AWAY = failure(None)
DEADLOCK = failure("40P01")
AT_FAULT = failure("23514", ProgrammingError)


def messages(*names: str) -> list[Message]:
    return [Message(name, name.encode(), NOW) for name in names]


@dataclass
class FakeSource:
    """Hands out batches, stops the worker after the last, and writes down what it is told."""

    batches: list[list[Message]]
    diary: list[str]
    stop: threading.Event = field(default_factory=threading.Event)

    def next_batch(self, *, wait_s: float) -> list[Message]:
        if self.batches:
            return self.batches.pop(0)
        self.stop.set()
        return []

    def publish(self, receipts: Sequence[Outgoing]) -> None:
        self.diary.append(f"tell {' '.join(receipt.topic for receipt in receipts)}")

    def acknowledge(self, acknowledged: Sequence[Message]) -> None:
        self.diary.append(f"acknowledge {' '.join(message.topic for message in acknowledged)}")


@dataclass
class FakePipeline:
    """Fails as told: ``faults`` names, for each message, what it meets at every attempt to commit it."""

    diary: list[str]
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    isolated_faults: dict[str, list[Exception]] = field(default_factory=dict)
    aside_faults: list[Exception] = field(default_factory=list)
    before: Callable[[Sequence[Message]], object] = lambda batch: None

    def process(self, batch: Sequence[Message], *, now: datetime.datetime, is_isolated: bool = False) -> Processed:
        self.before(batch)
        for message in batch:
            faults = (self.isolated_faults if is_isolated else self.faults).get(message.topic)
            if faults:
                raise faults.pop(0)
        names = [message.topic for message in batch]
        self.diary.append(f"{'isolate' if is_isolated else 'commit'} {' '.join(names)}")
        return Processed([Answer(RULES, name, "0" * 32, 1) for name in names], events=len(batch))

    def write_receipts(self, answers: Sequence[Answer], *, now: datetime.datetime) -> list[Outgoing]:
        return [Outgoing(answer.bin_id, b"") for answer in answers]

    def set_aside(self, message: Message) -> Processed:
        if self.aside_faults:
            raise self.aside_faults.pop(0)
        self.diary.append(f"set aside {message.topic}")
        return Processed(quarantined_by_code=Counter({"internal": 1}))


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.worker, "FIRST_BACK_OFF_S", 0.001)


def run(pipeline: FakePipeline, *batches: list[Message], writers: int = 1) -> Worker:
    source = FakeSource(list(batches), pipeline.diary)
    worker = Worker(source, pipeline, stop=source.stop, writers=writers, clock=lambda: NOW)  # type: ignore[arg-type]
    with capture_logs():
        worker.run()
    return worker


def test_nothing_is_told_before_the_commit_and_nothing_acknowledged_before_it_is_told() -> None:
    diary: list[str] = []
    worker = run(FakePipeline(diary), messages("a", "b"), messages("c"))
    assert diary == ["commit a b", "tell a b", "acknowledge a b", "commit c", "tell c", "acknowledge c"]
    assert (worker.handled.messages, worker.handled.batches, worker.handled.events) == (3, 2, 3)


def test_under_load_batches_are_told_together_and_acknowledged_only_then() -> None:
    diary: list[str] = []
    first, second = ([f"{name}{number}" for number in range(LOADED_EVENTS)] for name in "ab")
    run(FakePipeline(diary), messages(*first), messages(*second))
    assert [entry.split()[0] for entry in diary] == ["commit", "commit", "tell", "acknowledge", "acknowledge"]
    assert diary[2].split()[1:] == first + second
    assert [entry.split()[1:] for entry in diary[3:]] == [first, second]


@pytest.mark.parametrize(
    "passing", [AWAY, DEADLOCK, failure("25006"), failure("53300"), failure("57P01"), failure("58030")]
)
def test_what_passes_by_itself_is_waited_out_and_the_batch_stays_whole(passing: DBAPIError) -> None:
    diary: list[str] = []
    run(FakePipeline(diary, {"b": [passing] * 3}), messages("a", "b", "c"))
    assert diary == ["commit a b c", "tell a b c", "acknowledge a b c"]


@pytest.mark.parametrize("fault", [AT_FAULT, failure("22003"), ValueError("a bug")])
def test_a_message_at_fault_is_isolated_and_the_others_are_committed(fault: Exception) -> None:
    diary: list[str] = []
    run(FakePipeline(diary, {"c": [fault] * 99}), messages("a", "b", "c", "d", "e"))
    assert diary == ["commit a b", "isolate c", "commit d e", "tell a b c d e", "acknowledge a b c d e"]


def test_one_that_cannot_be_isolated_is_set_aside_whole_and_gets_no_receipt() -> None:
    diary: list[str] = []
    run(FakePipeline(diary, {"b": [AT_FAULT] * 9}, {"b": [AT_FAULT]}), messages("a", "b"))
    assert diary == ["commit a", "set aside b", "tell a", "acknowledge a b"]


def test_a_database_that_goes_away_while_a_message_is_set_aside_is_waited_for() -> None:
    diary: list[str] = []
    pipeline = FakePipeline(diary, {"a": [AT_FAULT, AWAY]}, {"a": [AWAY, AT_FAULT]}, [AWAY, DEADLOCK])
    run(pipeline, messages("a"))
    assert diary == ["set aside a", "acknowledge a"]


def test_what_cannot_even_be_kept_stops_the_worker_and_is_not_acknowledged() -> None:
    diary: list[str] = []
    pipeline = FakePipeline(diary, {"a": [AT_FAULT]}, {"a": [AT_FAULT]}, [AT_FAULT])
    with pytest.raises(ProgrammingError):
        run(pipeline, messages("a"), messages("b"))
    assert diary == []


def test_acknowledgements_leave_in_the_order_of_arrival_whichever_writer_is_done_first() -> None:
    diary: list[str] = []
    second_is_told = threading.Event()

    class Telling(FakeSource):
        def publish(self, receipts: Sequence[Outgoing]) -> None:
            super().publish(receipts)
            if receipts[0].topic == "b":
                second_is_told.set()

    def hold_the_first(batch: Sequence[Message]) -> None:
        if batch[0].topic == "a":
            assert second_is_told.wait(10)

    source = Telling([messages("a"), messages("b")], diary)
    pipeline = FakePipeline(diary, before=hold_the_first)
    worker = Worker(source, pipeline, stop=source.stop, writers=2, clock=lambda: NOW)  # type: ignore[arg-type]
    worker.run()
    assert diary == ["commit b", "tell b", "commit a", "tell a", "acknowledge a", "acknowledge b"]
    assert worker.handled.messages == 2


def test_a_batch_is_not_acknowledged_before_its_own_receipts_left_though_later_ones_overtook_them() -> None:
    diary: list[str] = []
    first_is_leaving, second_is_through = threading.Event(), threading.Event()

    class Overtaken(FakeSource):
        def next_batch(self, *, wait_s: float) -> list[Message]:
            if not self.batches:
                second_is_through.set()
            return super().next_batch(wait_s=wait_s)

        def publish(self, receipts: Sequence[Outgoing]) -> None:
            if receipts[0].topic == "a":
                first_is_leaving.set()
                assert second_is_through.wait(10)
            super().publish(receipts)

    def hold_the_second(batch: Sequence[Message]) -> None:
        if batch[0].topic == "b":
            assert first_is_leaving.wait(10)

    source = Overtaken([messages("a"), messages("b")], diary)
    pipeline = FakePipeline(diary, before=hold_the_second)
    worker = Worker(source, pipeline, stop=source.stop, writers=2, clock=lambda: NOW)  # type: ignore[arg-type]
    worker.run()
    assert diary == ["commit a", "commit b", "tell b", "tell a", "acknowledge a", "acknowledge b"]


def test_a_batch_stopped_while_the_database_is_away_is_neither_told_nor_acknowledged() -> None:
    diary: list[str] = []
    pipeline = FakePipeline(diary, {"a": [AWAY] * 10_000})
    source = FakeSource([messages("a")], diary)
    worker = Worker(source, pipeline, stop=source.stop, clock=lambda: NOW)  # type: ignore[arg-type]
    pipeline.before = lambda batch: source.stop.set()
    with capture_logs():
        worker.run()
    assert diary == []
    assert worker.handled.messages == 0


@pytest.mark.parametrize(
    ("sqlstate", "is_message_at_fault"),
    [
        (None, False),
        ("08006", False),
        ("22003", True),
        ("23505", True),
        ("25006", False),
        ("40P01", False),
        ("42501", False),
        ("42P01", False),
        ("53100", False),
        ("54000", True),
        ("55P03", False),
        ("57014", True),
        ("57P01", False),
        ("58030", False),
        ("XX002", False),
    ],
)
def test_a_fault_of_the_database_is_not_blamed_on_a_message(sqlstate: str | None, is_message_at_fault: bool) -> None:
    assert is_poison(failure(sqlstate)) is is_message_at_fault
