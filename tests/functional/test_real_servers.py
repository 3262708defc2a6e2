"""The demo on servers that are not ours: a PostgreSQL of the system and a Mosquitto somebody else configured."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bontri.embedded.folders import scratch_folder
from bontri.embedded.listeners import assert_listener_belongs_to, choose_free_port, list_listeners
from bontri.embedded.postgres import running_postgres
from bontri.embedded.processes import start_child
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


def system_programs() -> Path:
    """Find the newest PostgreSQL of the system that Bontri supports."""
    found = sorted(Path("/usr/lib/postgresql").glob("1[5-9]/bin/postgres"))
    if not found:
        pytest.skip("no PostgreSQL 15 or later of the system; apt install postgresql")
    return found[-1].parent


def test_the_demo_runs_on_given_servers(folder: Path, mqtt_url: str) -> None:
    with running_postgres(folder / "server", bin_dir=system_programs()) as server:
        server.create_database("town")
        settings = {
            "DATABASE_URL": server.url("town").replace("postgresql+psycopg", "postgres"),
            "MQTT_URL": mqtt_url,
            "BONTRI_DATA_DIR": str(folder / "data"),
            "BONTRI_MASTER_KEY_FILE": str(folder / "master-key"),
        }
        (folder / "master-key").write_text("ab" * 32 + "\n")
        done = subprocess.run(
            [sys.executable, "-m", "bontri", "demo", "--history-days", "0", "--for", "1", "--bins", "10", "--json"],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout)
    assert summary["ok"]
    assert summary["database"] == "PostgreSQL of DATABASE_URL"
    assert summary["broker"] == "broker of MQTT_URL"
    assert not (folder / "data" / "postgres").exists()
    assert not (folder / "data" / "broker").exists()
