"""PostgreSQL and broker together end with the process that started them, however it ends, and for any user."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bontri.embedded.folders import scratch_folder
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.unprivileged import UnprivilegedUser, find_unprivileged_user

SERVE = """
import json, os, sys, time
from pathlib import Path
from bontri.broker_accounts import BrokerAccount
from bontri.embedded.broker import running_broker
from bontri.embedded.postgres import running_postgres
from bontri.embedded.processes import Stopped, stop_on_signals
data_dir = Path(sys.argv[1])
accounts = [BrokerAccount("worker", "secret", "worker")]
try:
    with (stop_on_signals(), running_postgres(data_dir) as server,
          running_broker(data_dir, accounts=accounts) as broker,
          running_broker(data_dir / "second", accounts=accounts, kind="iotcore") as second):
        server.create_database("made")
        print(json.dumps({"pid": os.getpid(), "port": server.port, "password": server.password}), flush=True)
        time.sleep(60)
except Stopped as stopped:
    print(stopped, flush=True)
    sys.exit(3)
"""


@dataclass(frozen=True)
class Serving:
    """A process that serves all three, and those three with all their children."""

    process: subprocess.Popen[str]
    pid: int
    services: list[int]
    port: int
    password: str

    def wait_until_services_end(self, *, seconds: float = 15.0) -> bool:
        deadline = time.monotonic() + seconds
        while any(is_running(pid) for pid in self.services):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


Serve = Callable[..., Serving]


def is_running(pid: int) -> bool:
    """A zombie has ended, only nobody has asked for its exit code yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with scratch_folder("test") as folder:
        yield folder


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[subprocess.Popen[str]] = []

    def start(command: list[str], **options: object) -> Serving:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]
        started.append(process)
        assert process.stdout
        told = json.loads(process.stdout.readline())
        services = list_descendants(told["pid"])
        assert len(services) >= 3
        return Serving(process, told["pid"], services, told["port"], told["password"])

    yield start
    for process in started:
        with process:
            process.kill()


def end(serving: Serving) -> str:
    """Return what it said at last, and close its pipe."""
    said, _ = serving.process.communicate(timeout=20)
    return said.strip()


def test_all_services_end_when_their_parent_is_killed(serve: Serve, data_dir: Path) -> None:
    serving = serve([sys.executable, "-c", SERVE, str(data_dir)])
    address = f"host=127.0.0.1 port={serving.port} user=bontri password={serving.password} dbname=made"
    client = psycopg.connect(address)
    client.execute("SELECT 1")  # a server with a client has reasons to linger
    os.kill(serving.pid, signal.SIGKILL)
    assert serving.wait_until_services_end()
    client.close()
    end(serving)
    # The next start finds nobody in the way and everything in its place.
    again = serve([sys.executable, "-c", SERVE.replace('server.create_database("made")', ""), str(data_dir)])
    os.kill(again.pid, signal.SIGTERM)
    assert end(again) == "SIGTERM"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_all_services_in_order(serve: Serve, data_dir: Path, number: signal.Signals) -> None:
    # A background job of a non-interactive shell: started with SIGINT ignored.
    script = 'trap "" INT; "$@" & wait'
    serving = serve(["/bin/sh", "-c", script, "sh", sys.executable, "-c", SERVE, str(data_dir)])
    os.kill(serving.pid, number)
    assert end(serving) == number.name
    assert not any(is_running(pid) for pid in serving.services)
    assert "database system is shut down" in (data_dir / "postgres" / "postgres.log").read_text()


def find_owner(pid: int) -> int | None:
    """Return None when it has ended: PostgreSQL's helpers come and go."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except FileNotFoundError:
        return None


def find_python_for(user: UnprivilegedUser) -> tuple[str, dict[str, str]] | None:
    """Return an interpreter the account can run with our packages; ours is often below /root."""
    source = Path(__file__).resolve().parents[2]
    environment = {"PYTHONPATH": f"{source}:{sysconfig.get_path('purelib')}", "PATH": "/usr/bin:/bin"}
    for program in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        command = [program, "-c", "import bontri.embedded.postgres, bontri.embedded.broker, iotcore"]
        try:
            answer = subprocess.run(
                command, user=user.uid, group=user.gid, extra_groups=[], env=environment, cwd="/", check=False
            )
        except OSError:
            continue
        if answer.returncode == 0:
            return program, environment
    return None


def test_ordinary_user_runs_all_services_as_itself(serve: Serve, data_dir: Path) -> None:
    user = find_unprivileged_user()
    if user is None:
        pytest.skip("we are an ordinary user: every other test shows it")
    found = find_python_for(user)
    if found is None:
        pytest.skip(f"{user.name} can run no Python that has our packages")
    program, environment = found
    own = data_dir / "own"
    own.mkdir(mode=0o700)
    os.chown(own, user.uid, user.gid)
    serving = serve(
        [program, "-c", SERVE, str(own)],
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        env=environment,
        cwd="/",
    )
    owners = {owner for pid in serving.services if (owner := find_owner(pid)) is not None}
    os.kill(serving.pid, signal.SIGTERM)
    assert end(serving) == "SIGTERM"
    assert owners == {user.uid}
    assert {path.stat().st_uid for path in own.rglob("*")} == {user.uid}
    assert (own / "postgres").stat().st_mode & 0o777 == 0o700
    assert not any(is_running(pid) for pid in serving.services)
