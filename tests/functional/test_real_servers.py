"""The demo on servers that are not ours, PostgreSQL and a Mosquitto somebody else configured, ended by Ctrl-C."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bontri.embedded.folders import scratch_folder
from bontri.embedded.listeners import assert_listener_belongs_to, choose_free_port, list_listeners
from bontri.embedded.postgres import running_postgres
from bontri.embedded.processes import start_child
from tests.demo_process import processes_of, running_demo, wait_for_end_of_story
from tests.requirements import require_mosquitto


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_folder("real") as folder:
        yield folder


@pytest.fixture
def mqtt_url(folder: Path) -> Iterator[str]:
    """A Mosquitto with the plainest configuration there is."""
    program = require_mosquitto()
    port = choose_free_port()
    configuration = folder / "plain.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\n")
    child = start_child([program, "-c", configuration], name="Mosquitto", log_path=folder / "plain.log")
    try:
        deadline = time.monotonic() + 10
        while not list_listeners(port) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert_listener_belongs_to(port, child.pid)
        yield f"mqtt://worker:any@127.0.0.1:{port}"
    finally:
        child.stop()


def system_programs() -> Path | None:
    """Find the newest PostgreSQL of the system that Bontri supports; None: there is none, and ours stands in for it."""
    found = sorted(Path("/usr/lib/postgresql").glob("1[5-9]/bin/postgres"))
    return found[-1].parent if found else None


def test_the_demo_runs_on_given_servers_until_ctrl_c(folder: Path, mqtt_url: str) -> None:
    data_dir = folder / "data"
    with running_postgres(folder / "server", bin_dir=system_programs()) as server:
        server.create_database("town")
        settings = {
            "DATABASE_URL": server.url("town").replace("postgresql+psycopg", "postgres"),
            "MQTT_URL": mqtt_url,
            "BONTRI_MASTER_KEY_FILE": str(folder / "master-key"),
        }
        (folder / "master-key").write_text("ab" * 32 + "\n")
        with running_demo(data_dir, **settings) as process:
            words = "".join(wait_for_end_of_story(process))
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            words += process.stdout.read()
            assert process.wait(30) == 0, words
        left_running = processes_of(data_dir)
    assert "PostgreSQL of DATABASE_URL; broker of MQTT_URL;" in words
    assert "Every invariant holds" in words
    assert left_running == []
    assert not (data_dir / "postgres").exists()
    assert not (data_dir / "broker").exists()
