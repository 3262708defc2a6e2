"""Children end with us, and a listener is known by its process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bontri.embedded.errors import EmbeddedServiceError, ListenerError
from bontri.embedded.listeners import assert_listener_belongs_to, choose_free_port, list_listeners
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.processes import Child, Stopped, start_child, stop_on_signals
from bontri.embedded.startup import start_on_port

PARENT_OF_TWO = """
import signal, subprocess, sys, time
from pathlib import Path
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.processes import start_child
guarded = start_child(["/bin/sleep", "60"], name="sleep", log_path=Path(sys.argv[1]))
unguarded = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True, stdout=subprocess.DEVNULL)
print(guarded.pid, unguarded.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    """A zombie has ended, only nobody has asked for its exit code yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Child]:
    child = start_child(["/bin/sleep", "60"], name="sleep", log_path=tmp_path / "log")
    yield child
    child.stop()


def test_child_dies_with_its_killed_parent_and_an_unguarded_one_does_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT_OF_TWO, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        guarded, unguarded = map(int, parent.stdout.readline().split())
        try:
            parent.kill()
            parent.wait()
            assert wait_for(lambda: not is_running(guarded))
            assert is_running(unguarded)
        finally:
            os.kill(unguarded, signal.SIGKILL)


def test_child_is_out_of_reach_of_the_terminal(sleeper: Child) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid != os.getsid(0)


def test_child_gets_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    child = start_child(["/usr/bin/env"], name="env", log_path=tmp_path / "log")
    child.process.wait(10)
    assert "SECRET" not in child.read_last_lines(99)
    assert "LC_ALL=C" in child.read_last_lines(99)


def test_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    child = start_child(["/bin/sh", "-c", script], name="stubborn", log_path=tmp_path / "log")
    assert wait_for(lambda: child.read_last_lines() == "ready")
    child.stop(patience_s=0.2)
    assert child.process.returncode == -signal.SIGKILL
    child.stop()  # stopping twice is harmless


def test_killing_takes_the_descendants_too(tmp_path: Path) -> None:
    child = start_child(["/bin/sh", "-c", "sleep 60 & wait"], name="family", log_path=tmp_path / "log")
    assert wait_for(lambda: bool(list_descendants(child.pid)))
    [grandchild] = list_descendants(child.pid)
    child.kill()
    assert wait_for(lambda: not is_running(grandchild))


def test_program_that_is_not_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServiceError, match="ghost cannot be started: /no/such: No such file"):
        start_child(["/no/such"], name="ghost", log_path=tmp_path / "log")


def test_own_listener_is_recognised_and_a_foreign_one_is_not(sleeper: Child) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert_listener_belongs_to(port, os.getpid())
        with pytest.raises(ListenerError, match="another process"):
            assert_listener_belongs_to(port, sleeper.pid)


def test_listener_of_a_descendant_is_ours(tmp_path: Path) -> None:
    server = "import socket,time; s=socket.create_server(('127.0.0.1', {})); time.sleep(60)"
    port = choose_free_port()
    script = f'"{sys.executable}" -c "{server.format(port)}" & wait'
    child = start_child(["/bin/sh", "-c", script], name="family", log_path=tmp_path / "log")
    try:
        assert wait_for(lambda: bool(list_listeners(port))), child.read_last_lines()
        assert_listener_belongs_to(port, child.pid)
    finally:
        child.kill()


def test_listener_on_every_address_is_refused() -> None:
    with (
        socket.create_server(("", 0)) as server,
        pytest.raises(ListenerError, match=r"open on 0\.0\.0\.0"),
    ):
        assert_listener_belongs_to(server.getsockname()[1], os.getpid())


def test_port_without_listener_is_said() -> None:
    with pytest.raises(ListenerError, match="nothing listens"):
        assert_listener_belongs_to(choose_free_port(), os.getpid())


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("is_port_given", [False, True])
def test_port_lost_to_another_process_is_replaced_unless_it_was_asked_for(tmp_path: Path, is_port_given: bool) -> None:
    tried: list[int] = []

    def start(port: int) -> Child:
        tried.append(port)
        return start_child(["/bin/sleep", "60"], name="sleep", log_path=tmp_path / "log")

    def lose_first_port(_child: Child, port: int) -> None:
        if len(tried) == 1:
            raise ListenerError(f"{port} is lost")

    if is_port_given:
        with pytest.raises(ListenerError):
            start_on_port(start, lose_first_port, port=54_321)
        assert tried == [54_321]
    else:
        child, port = start_on_port(start, lose_first_port, port=None)
        child.stop()
        assert port == tried[1] != tried[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_first_signal_stops_and_later_ones_do_not_disturb(number: signal.Signals) -> None:
    previous = signal.getsignal(number)
    seen: list[str] = []

    def work() -> None:
        try:
            signal.raise_signal(number)
            seen.append("not stopped")
        finally:
            signal.raise_signal(number)
            seen.append("cleaned up")

    with pytest.raises(Stopped, match=number.name) as stopped, stop_on_signals():
        work()
    assert seen == ["cleaned up"]
    assert stopped.value.signal_number == number
    assert signal.getsignal(number) is previous
