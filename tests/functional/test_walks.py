"""The walks through the API in ``docs/``, typed by a newcomer into a shell beside one running demo, page after page."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bontri.embedded.folders import scratch_folder
from tests.demo_process import environment, processes_of, running_demo, wait_for_end_of_story
from tests.requirements import require_program
from tests.walks import find_faults

pytestmark = pytest.mark.timeout(300)

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("citizens.md", "shops.md", "authorities.md", "operators-api.md")
"""In the order they are read: what the first one buys and disputes, the next two redeem and decide."""


@dataclass(frozen=True)
class Beside:
    """A demo whose story is over and whose bins go on, and the folder its reader types in."""

    process: subprocess.Popen[str]
    folder: Path
    desk: Path

    def find_faults(self, page: str, notes: Path) -> list[str]:
        """Type a page; return what went otherwise than it says."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return find_faults(page, desk=self.desk, notes=notes, environment=environment(self.folder, PATH=path))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """One demo for all pages."""
    for program in ("bash", "curl", "jq"):
        require_program(program)
    with scratch_folder("walks") as folder, running_demo(folder) as process:
        wait_for_end_of_story(process)
        assert process.stdout is not None
        # A full pipe would stop the demo, which goes on telling.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Beside(process, folder, tmp_path_factory.mktemp("desk"))
        process.kill()


@pytest.mark.parametrize("page", PAGES)
def test_a_walk_can_be_typed_as_it_stands(page: str, demo: Beside, tmp_path: Path) -> None:
    assert demo.find_faults((DOCS / page).read_text(), tmp_path / "notes") == []


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


def test_a_killed_demo_leaves_nothing_running(demo: Beside) -> None:
    """The last one: nothing can be typed beside the demo after it."""
    assert len(processes_of(demo.folder)) > 3
    demo.process.kill()
    deadline = time.monotonic() + 20
    while processes_of(demo.folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(demo.folder) == []
