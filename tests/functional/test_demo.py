"""The command a newcomer types, as a process: the whole story on real services, and nothing left running.

It is started twice in one folder: first with a short history, as on a machine without Mosquitto, until its time is up;
then with what there is, until it is killed. The walks through the API in ``docs/`` are typed beside that one.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bontri.demo.folder import DemoFolder
from bontri.embedded.folders import scratch_folder
from tests.demo_process import bontri, environment, processes_of, running_demo, wait_for_end_of_story
from tests.requirements import require_program
from tests.walks import find_faults

pytestmark = pytest.mark.timeout(300)

WITHOUT_MOSQUITTO = [sys.executable, "-m", "tests.demo_on_iotcore"]
DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("citizens.md", "shops.md", "authorities.md", "operators-api.md")
"""In the order they are read: what the first one buys and disputes, the next two redeem and decide."""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder that the unprivileged account can reach."""
    with scratch_folder("demo") as folder:
        yield folder


@pytest.fixture(scope="module")
def summary(data_dir: Path) -> dict[str, Any]:
    """What the first start says of itself, on the broker that needs no Mosquitto."""
    sizes = ("--history-days", "10", "--for", "4", "--bins", "20", "--json")
    done = bontri(data_dir, "demo", *sizes, command=WITHOUT_MOSQUITTO)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_demo_plays_the_whole_story(summary: dict[str, Any]) -> None:
    assert summary["ok"]
    assert summary["problems"] == []
    assert summary["story"] | {"story_bin": "", "deposit_to_receipt_ms": 0} == {
        "story_bin": "",
        "deposit_to_receipt_ms": 0,
        "receipt_points": 12,
        "wallet_points": 12,
        "voucher": "redeemed",
        "second_redemption": "voucher_already_redeemed",
        "wallet_points_left": 2,
    }


def test_every_simulated_deposit_is_committed_once(summary: dict[str, Any]) -> None:
    bins, committed, history = summary["bins"], summary["committed"], summary["history"]
    assert bins["is_drained"]
    assert bins["produced_deposits"] > 50
    assert committed["deposits"] == history["deposits"] + bins["produced_deposits"] + 1  # and the story's own
    assert committed["points"] == history["points"] + bins["points"] + summary["story"]["receipt_points"]


def test_the_demo_needs_no_mosquitto_and_then_runs_one_worker(summary: dict[str, Any]) -> None:
    assert summary["broker"].startswith("iotcore")
    assert summary["workers"] == 1


def test_the_demo_leaves_nothing_running(summary: dict[str, Any], data_dir: Path) -> None:
    assert processes_of(data_dir) == []


@dataclass(frozen=True)
class Beside:
    """A second start whose story is over and whose bins go on: what it told, and the folder its reader types in."""

    process: subprocess.Popen[str]
    words: str
    folder: Path
    desk: Path

    def find_faults(self, page: str, notes: Path) -> list[str]:
        """Type a page; return what went otherwise than it says."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return find_faults(page, desk=self.desk, notes=notes, environment=environment(self.folder, PATH=path))


@pytest.fixture(scope="module")
def demo(summary: dict[str, Any], data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """One running demo for all that is done beside one."""
    with running_demo(data_dir) as process:
        words = "".join(wait_for_end_of_story(process))
        assert process.stdout is not None
        # A full pipe would stop the demo, which goes on telling.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Beside(process, words, data_dir, tmp_path_factory.mktemp("desk"))
        process.kill()


def test_workers_share_the_work_where_the_broker_can_share_it(demo: Beside) -> None:
    assert ("2 workers" if "; mosquitto" in demo.words else "1 worker\n") in demo.words


def test_the_demo_says_until_when_to_ask_for_its_history(demo: Beside) -> None:
    assert "Of the simulated history ask until yesterday." in demo.words


@pytest.fixture
def programs() -> None:
    """What a reader types with."""
    for program in ("bash", "curl", "jq"):
        require_program(program)


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("page", PAGES)
def test_a_walk_can_be_typed_as_it_stands(page: str, demo: Beside, tmp_path: Path) -> None:
    assert demo.find_faults((DOCS / page).read_text(), tmp_path / "notes") == []


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("$SHOPS/me", "$SHOPS/you", "answered 404"),
        ("$SHOPS/me", "$STORES/me", "STORES: unbound variable"),
        ("jq -c", "jk -c", "jk: command not found"),
        ('"label":"demo till"', '"label":"my till"', "came, with refusals []"),
        ('"wants_pins":false', '"wants_pins":false, "status": 409', "came, with refusals []"),
        ("```sh", "```", "ended with 0"),
    ],
    ids=["path", "variable", "program", "answer", "refusal", "nothing to type"],
)
def test_control_a_damaged_page_is_told(right: str, wrong: str, fault: str, demo: Beside, tmp_path: Path) -> None:
    page = (DOCS / "shops.md").read_text().partition("**Look a voucher up.**")[0]
    assert right in page
    assert fault in "".join(demo.find_faults(page.replace(right, wrong), tmp_path / "notes"))


def test_a_data_folder_in_use_is_one_sentence(demo: Beside) -> None:
    done = bontri(demo.folder, "demo", "--history-days", "0", "--for", "2")
    assert done.returncode == 1
    assert "in use by process" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_database_made_from_another_folder_is_one_sentence(demo: Beside) -> None:
    url = DemoFolder(demo.folder).find_running_database()
    assert url is not None
    with scratch_folder("other") as other:
        done = bontri(other, "demo", "--history-days", "0", "--for", "2", DATABASE_URL=url)
    assert done.returncode == 1
    assert "keys are not in" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_killed_demo_leaves_nothing_running(demo: Beside) -> None:
    """The last one beside it."""
    assert len(processes_of(demo.folder)) > 3
    demo.process.kill()
    deadline = time.monotonic() + 20
    while processes_of(demo.folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(demo.folder) == []


def test_verify_looks_at_the_demo_afterwards_and_finds_both_starts(
    summary: dict[str, Any], demo: Beside, data_dir: Path
) -> None:
    demo.process.kill()
    done = bontri(data_dir, "verify", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["counts"]["plaine-commune-demo"]["events"] > summary["committed"]["deposits"]


def test_all_faults_of_the_settings_are_told_at_once(data_dir: Path) -> None:
    wrong = {"DATABASE_URL": "mysql://x/y", "MQTT_URL": "tcp://x", "BONTRI_API_PORT": "99999"}
    done = bontri(data_dir, "ingest", **wrong)
    assert done.returncode == 2
    for name in (*wrong, "BONTRI_MASTER_KEY", "BONTRI_BADGE_PEPPER", "BONTRI_STORAGE_KEY"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["verify"], "the database of DATABASE_URL cannot be used"),
        (["migrate"], "the database of DATABASE_URL cannot be used"),
        (["simulate", "--fleet", "no-such-file.json"], "the fleet file cannot be used"),
    ],
)
def test_what_cannot_be_reached_is_one_sentence(data_dir: Path, command: list[str], sentence: str) -> None:
    done = bontri(data_dir, *command, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
