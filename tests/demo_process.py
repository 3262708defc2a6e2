"""``bontri demo`` as a process, and what it leaves behind."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BONTRI = [sys.executable, "-m", "bontri"]


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BONTRI_")}
    for name in ("DATABASE_URL", "MQTT_URL"):
        inherited.pop(name, None)
    return {**inherited, "BONTRI_DATA_DIR": str(data_dir), **settings}


def bontri(
    data_dir: Path, *arguments: str, command: Sequence[str] = BONTRI, **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments],
        env=environment(data_dir, **settings),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def processes_of(data_dir: Path) -> list[str]:
    """List the processes whose command line or environment names the folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(data_dir).encode() in words and int(folder.name) != os.getpid():
            found.append(f"{folder.name}: {(folder / 'cmdline').read_bytes().decode().replace(chr(0), ' ')[:80]}")
    return found


def running_demo(data_dir: Path, *, history_days: int = 0, **settings: str) -> subprocess.Popen[str]:
    """Start the demo without an end; one that is new has as many days of history."""
    return subprocess.Popen(
        [*BONTRI, "demo", "--bins", "5", "--history-days", str(history_days)],
        env=environment(data_dir, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_end_of_story(process: subprocess.Popen[str]) -> list[str]:
    """Return what the demo printed until the story was over."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "points are left in the wallet" in line:
            return lines
    raise AssertionError("the demo ended before its story: " + "".join(lines))
