"""The stand-ins of the simulation keep what the ingest rests on: one after the other, all or nothing, in order."""

import datetime
from collections.abc import Callable
from random import Random
from typing import cast

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from reliability.simulation.broker import Link, SimulatedBroker
from reliability.simulation.connections import SimulatedEngine
from reliability.simulation.database import SimulatedDatabase
from reliability.simulation.faults import Faults, Odds
from reliability.simulation.processes import WorkerProcess
from reliability.simulation.scheduler import BrokenInvariantError, Scheduler
from reliability.simulation.speech import Utterance
from reliability.simulation.tables import Transaction, read_rows
from reliability.simulation.trace import Trace
from rewards.arrays import Columns

KEY = (7, 1, 1)


class Scene:
    """A database, and tasks that use it as PostgreSQL's clients would."""

    def __init__(self) -> None:
        self.faults = Faults(Random(0))
        self.scheduler = Scheduler(Random(0))
        self.database = SimulatedDatabase(self.scheduler, self.faults, Trace(lambda: 0.0))
        self.diary: list[object] = []

    def task_name(self) -> str:
        return "scene"

    def start(self, work: Callable[[Transaction], None], *, after_s: float = 0.0) -> None:
        """Have a transaction do some work, and note how it ended."""

        def run() -> None:
            self.scheduler.sleep(after_s)
            engine = SimulatedEngine(self.database, cast(WorkerProcess, self))
            try:
                with engine.begin() as connection, connection.wrapped_errors():
                    work(connection.driver_connection.transaction)
            except DBAPIError as error:
                self.diary.append(getattr(error.orig, "sqlstate", None) or type(error).__name__)

        self.scheduler.spawn(f"after {after_s}", run)

    def run(self) -> None:
        self.scheduler.run_until(1e6)
        self.scheduler.close()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_second_insert_of_one_key_waits_for_the_first_and_then_inserts_nothing(scene: Scene) -> None:
    def first(transaction: Transaction) -> None:
        assert transaction.insert("events", KEY, {"by": "first"})
        scene.scheduler.sleep(1.0)

    def second(transaction: Transaction) -> None:
        transaction.snapshot = transaction.tables.commits
        scene.diary.append(transaction.insert("events", KEY, {"by": "second"}))
        scene.diary.append(scene.scheduler.now_s >= 1.0)
        # Inside the statement that waited, the row of the other is neither inserted nor visible; in the next it is.
        scene.diary.append(transaction.find("events", KEY, as_of=transaction.snapshot))
        scene.diary.append(transaction.find("events", KEY))

    scene.start(first)
    scene.start(second, after_s=0.5)
    scene.run()
    assert scene.diary == [False, True, None, {"by": "first"}]


def test_when_the_first_ends_without_a_commit_the_second_inserts(scene: Scene) -> None:
    def first(transaction: Transaction) -> None:
        transaction.insert("events", KEY, {"by": "first"})
        scene.scheduler.sleep(1.0)
        raise psycopg.errors.NumericValueOutOfRange

    scene.start(first)
    scene.start(lambda transaction: scene.diary.append(transaction.insert("events", KEY, {})), after_s=0.5)
    scene.run()
    assert scene.diary == ["22003", True]


def test_two_that_wait_for_each_other_are_a_deadlock_of_one(scene: Scene) -> None:
    def lock(*keys: int) -> Callable[[Transaction], None]:
        def work(transaction: Transaction) -> None:
            for key in keys:
                transaction.lock("accounts", (key,))
                scene.scheduler.sleep(1.0)
            scene.diary.append("done")

        return work

    scene.start(lock(1, 2))
    scene.start(lock(2, 1), after_s=0.5)
    scene.run()
    assert scene.diary == ["40P01", "done"]


@pytest.mark.parametrize(("fault", "is_there"), [("commit_answer_lost", True), ("commit_refused", False)])
def test_a_commit_can_fail_with_and_without_having_happened(scene: Scene, fault: str, is_there: bool) -> None:
    scene.faults.odds = Odds(**{fault: 1.0})
    scene.start(lambda transaction: scene.diary.append(transaction.insert("events", KEY, {})))
    scene.run()
    assert scene.diary == [True, OperationalError.__name__]
    assert (KEY in scene.database.tables.table("events")) is is_there


def test_a_backup_is_not_changed_by_what_comes_after_it(scene: Scene) -> None:
    backup = scene.database.tables.copy()
    scene.start(lambda transaction: scene.diary.append(transaction.insert("events", KEY, {})))
    scene.run()
    scene.database.restore(backup, epoch_floor=1)
    assert scene.database.tables.table("events") == {}


def test_arrays_are_read_as_they_were_written() -> None:
    columns = Columns(a="integer", b="text", c="bytea", d="timestamptz", e="int8multirange", f="boolean")
    at = datetime.datetime(2026, 11, 21, 9, 0, 0, 5, tzinfo=datetime.UTC)
    rows = [
        {"a": 1, "b": 'a "b" \\ {,}', "c": b"\x00\xff", "d": at, "e": "{[1,3),[5,6)}", "f": True},
        {"a": None, "b": None, "c": None, "d": None, "e": "{}", "f": False},
    ]
    bound = columns.bind(**{name: [row[name] for row in rows] for name in columns.kinds})
    read = [{**row, "e": ranges} for row, ranges in zip(rows, [{1, 2, 5}, set()], strict=True)]
    assert read_rows(columns, bound) == read


def test_time_passes_only_when_nobody_can_go_on() -> None:
    scheduler, times = Scheduler(Random(0)), []

    def work() -> None:
        for _ in range(3):
            times.append(scheduler.now_s)
            scheduler.sleep(10.0)

    scheduler.spawn("a", work)
    scheduler.spawn("b", work)
    scheduler.run_until(1000.0)
    assert times == [0.0, 0.0, 10.0, 10.0, 20.0, 20.0]


def test_a_task_that_ends_by_an_error_of_its_own_breaks_an_invariant() -> None:
    scheduler = Scheduler(Random(0))
    scheduler.spawn("writer", lambda: 1 // 0)
    with pytest.raises(BrokenInvariantError, match="worker_survives"):
        scheduler.run_until(1.0)


def said(name: str) -> Utterance:
    return Utterance(name, b"", "BIN-0001", name, (), ("refused", name))


class Client:
    """A member of the shared subscription that keeps what it is handed."""

    def __init__(self, client_id: str) -> None:
        self.received: list[tuple[int, str]] = []
        self.link = Link(client_id, lambda packet_id, message: self.received.append((packet_id, message.what)), int, 10)


@pytest.mark.parametrize(
    ("memory", "session", "again"),
    [
        ("kept", "resumed", [(2, "b"), (3, "c")]),
        ("saved", "resumed", [(1, "a"), (2, "b")]),
        ("lost", "fresh", []),
    ],
)
def test_a_broker_comes_back_with_what_it_knew_or_wrote_down_or_nothing(
    memory: str, session: str, again: list[tuple[int, str]]
) -> None:
    scheduler = Scheduler(Random(0))
    broker = SimulatedBroker(scheduler, Faults(Random(0)), hands_over=False)
    client, back = Client("worker"), Client("worker")
    assert broker.connect(client.link) == "fresh"
    for name in "ab":
        broker.publish(said(name))
    broker.save()
    broker.publish(said("c"))
    scheduler.run_until(1.0)
    broker.acknowledge(client.link, [1])
    scheduler.run_until(2.0)
    assert client.received == [(1, "a"), (2, "b"), (3, "c")]
    broker.stop()
    broker.start(memory)
    assert broker.connect(back.link) == session
    scheduler.run_until(3.0)
    assert back.received == again


def test_what_a_member_leaves_behind_goes_to_another_where_the_broker_hands_over() -> None:
    scheduler = Scheduler(Random(0))
    broker = SimulatedBroker(scheduler, Faults(Random(0)), hands_over=True)
    one, other = Client("one"), Client("other")
    broker.connect(one.link)
    broker.publish(said("a"))
    broker.connect(other.link)
    broker.disconnect(one.link)
    scheduler.run_until(1.0)
    assert [what for _, what in other.received] == ["a"]


def test_acknowledgements_that_arrive_after_the_connection_are_lost() -> None:
    scheduler = Scheduler(Random(0))
    broker = SimulatedBroker(scheduler, Faults(Random(0)), hands_over=False)
    client = Client("worker")
    broker.connect(client.link)
    broker.publish(said("a"))
    scheduler.run_until(1.0)
    broker.acknowledge(client.link, [1])
    broker.disconnect(client.link)
    scheduler.run_until(2.0)
    assert [message.what for message in broker.list_messages()] == ["a"]
