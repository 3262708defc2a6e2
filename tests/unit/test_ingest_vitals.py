"""The verdict on a worker, from the signs of life its threads leave; time is turned by hand."""

import threading
from collections.abc import Callable

import pytest

from bontri.settings import TABLE
from ingest.heartbeat import LOST_BEFORE_GIVING_UP, HeartbeatLine
from ingest.messages import Heartbeat
from ingest.observer import Observer
from ingest.vitals import DEAD_STATES, SILENT_AFTER_S, State, Vitals

LONG_S = SILENT_AFTER_S + 1
ROUND = Heartbeat(0.0, is_from_broker=True)


class Life:
    """A worker's notes and the hand of its clock."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.observer = Observer()
        self.vitals = self.observer.vitals
        self.vitals.clock = lambda: self.now_s

    def state(self, *, is_network_thread_alive: bool = True) -> State:
        return self.vitals.judge(is_network_thread_alive=is_network_thread_alive)

    def pass_time(self, seconds: float, *, network_turns: bool = True) -> None:
        self.now_s += seconds
        if network_turns:
            self.vitals.network_turned()

    def beat(self) -> None:
        """Let a heartbeat go all the way."""
        self.observer.heartbeat_sent()
        self.observer.heartbeat_arrived(ROUND)
        self.vitals.writer_moved()
        self.vitals.database_answered()
        self.observer.heartbeat_handled(ROUND)
        self.vitals.writer_rested()


@pytest.fixture
def life() -> Life:
    life = Life()
    life.vitals.subscribed()
    life.beat()
    return life


def test_an_idle_worker_whose_heartbeats_come_round_works_for_ever(life: Life) -> None:
    for _ in range(100):
        life.pass_time(10)
        life.beat()
        assert life.state() == "working"


def test_before_the_first_subscription_it_is_starting_and_alive() -> None:
    life = Life()
    life.pass_time(1000)
    assert life.state() == "starting"
    assert "starting" not in DEAD_STATES


def hang_writer(life: Life) -> None:
    life.vitals.writer_moved()


def leave_heartbeat_lying(life: Life) -> None:
    life.observer.heartbeat_sent()
    life.observer.heartbeat_arrived(ROUND)


@pytest.mark.parametrize("trouble", [hang_writer, leave_heartbeat_lying])
def test_a_writer_that_moves_no_more_is_stuck_and_a_moment_before_it_is_not(
    life: Life, trouble: Callable[[Life], None]
) -> None:
    trouble(life)
    life.pass_time(SILENT_AFTER_S - 1)
    assert life.state() not in DEAD_STATES
    life.pass_time(2)
    assert life.state() == "writer_stuck"


def test_one_stuck_writer_is_seen_although_another_goes_on(life: Life) -> None:
    thread = threading.Thread(target=life.vitals.writer_moved)
    thread.start()
    thread.join()
    for _ in range(4):
        life.pass_time(10)
        life.beat()
    assert life.state() == "writer_stuck"


def test_a_long_queue_is_not_stuck_while_batches_get_through(life: Life) -> None:
    leave_heartbeat_lying(life)
    for _ in range(10):
        life.pass_time(10)
        life.vitals.writer_moved()
        life.vitals.database_answered()
        life.vitals.handled()
        life.vitals.writer_rested()
        assert life.state() == "working"


def test_a_batch_halved_again_and_again_is_never_stuck_for_as_long_as_one_statement_may_take(life: Life) -> None:
    """Or the worker would end itself, and meet the same message again for ever, before it was set aside."""
    leave_heartbeat_lying(life)
    longest_spell_s = spell_s = 0
    for second in range(600):
        if second % 60 == 0:
            life.vitals.database_answered()  # the statement was cancelled at its limit, and the next half begins
        life.pass_time(1)
        spell_s = spell_s + 1 if life.state() in DEAD_STATES else 0
        longest_spell_s = max(longest_spell_s, spell_s)
    default_s = float(next(setting.default for setting in TABLE if setting.variable == "BONTRI_INGEST_STUCK_AFTER"))
    assert 0 < longest_spell_s < default_s


def test_a_writer_that_waits_for_the_database_is_alive_and_not_ready_however_long(life: Life) -> None:
    leave_heartbeat_lying(life)
    for _ in range(100):
        life.observer.database_failed()
        life.pass_time(5)
        assert life.state() == "database_away"
    life.vitals.database_answered()
    life.observer.heartbeat_handled(ROUND)
    assert life.state() == "working"


def test_the_answer_one_writer_gets_does_not_hide_that_another_gets_none(life: Life) -> None:
    thread = threading.Thread(target=life.observer.database_failed)
    thread.start()
    thread.join()
    life.beat()
    assert life.state() == "database_away"


def test_a_broker_that_gives_no_heartbeat_back_is_away(life: Life) -> None:
    life.observer.heartbeat_sent()
    life.pass_time(LONG_S)
    life.vitals.database_answered()
    life.vitals.writer_rested()
    assert life.state() == "broker_away"


def test_without_a_connection_the_broker_is_away_and_the_network_thread_may_wait(life: Life) -> None:
    life.vitals.disconnected()
    life.pass_time(LONG_S, network_turns=False)
    assert life.state() == "broker_away"


def test_a_network_thread_that_ended_or_hangs_while_connected_is_dead(life: Life) -> None:
    assert life.state(is_network_thread_alive=False) == "network_dead"
    life.pass_time(LONG_S, network_turns=False)
    assert life.state() == "network_dead"


def test_a_database_that_nobody_has_heard_of_lately_makes_not_ready(life: Life) -> None:
    life.pass_time(LONG_S)
    assert life.state() == "database_away"


def test_a_heartbeat_is_known_again_once_and_only_by_the_process_that_sent_it() -> None:
    line, other = HeartbeatLine("worker"), HeartbeatLine("worker")
    payload = line.write(now_s=5.0)
    assert other.read(payload) is None
    assert line.read(payload.replace(b"1\n", b"2\n")) is None
    assert line.read(b"") is None
    assert line.read(payload) == Heartbeat(5.0, is_from_broker=True)
    assert line.read(payload) is None


def test_a_late_heartbeat_is_still_known_when_a_newer_one_was_sent() -> None:
    line = HeartbeatLine("worker")
    first = line.write(now_s=1.0)
    line.write(now_s=2.0)
    assert line.read(first) == Heartbeat(1.0, is_from_broker=True)


def test_heartbeats_are_given_up_only_when_none_ever_came_back() -> None:
    refused, silent = HeartbeatLine("a"), HeartbeatLine("b")
    silent.read(silent.write(now_s=1.0))
    for line in (refused, silent):
        told = [line.note_lost() for _ in range(LOST_BEFORE_GIVING_UP + 2)]
        assert told.count(True) == (line is refused)
        assert line.is_refused is (line is refused)


@pytest.mark.parametrize("client_id", ["a/b", "a+b", "#", "$share/x"])
def test_a_client_id_cannot_widen_the_topic_of_its_heartbeat(client_id: str) -> None:
    level = HeartbeatLine(client_id).topic.removeprefix("bontri/ingest/heartbeat/")
    assert not set(level) & set("/+#")


def test_vitals_of_a_worker_that_never_ran_say_starting() -> None:
    assert Vitals().judge(is_network_thread_alive=True) == "starting"
