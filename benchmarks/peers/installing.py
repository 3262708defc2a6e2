"""Giving a peer an environment of its own, in a cache folder: never in ours, never in the repository, never global."""

import hashlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import NotRunError
from benchmarks.peers.catalogue import Peer
from bontri.progress import Teller

SCRIPTS = Path(__file__).parent
INSTALLED_WITHIN_S = 900.0
OLDEST_NODE = 18
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Installed:
    """A peer ready to run: its command, and what its environment needs beside addresses."""

    peer: Peer
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


def install(peer: Peer, cache: Path, tell: Teller) -> Installed:
    """Return how to run a peer, installing its exact versions first where they are not in the cache yet.

    Raises:
        NotRunError: it cannot be had here; says why.
    """
    if peer.language == "node":
        return install_node(peer, cache, tell)
    if not peer.packages:
        return Installed(peer, (sys.executable, "-m", f"benchmarks.peers.{peer.script.removesuffix('.py')}"))
    folder = folder_of(peer, cache)
    python = folder / "bin" / "python"
    if not is_complete(folder):
        run_all(
            peer,
            folder,
            [
                [sys.executable, "-m", "venv", str(folder)],
                [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages],
            ],
            tell,
        )
    return Installed(peer, (str(python), str(SCRIPTS / peer.script)))


def install_node(peer: Peer, cache: Path, tell: Teller) -> Installed:
    """Do the same for a peer in JavaScript, with the node and npm of the machine."""
    node, npm = find_program("node"), find_program("npm")
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    version = re.match(r"v(\d+)", answer)
    if not version or int(version[1]) < OLDEST_NODE:
        raise NotRunError(f"node {answer.strip() or 'of unknown version'} is older than {OLDEST_NODE}")
    folder = folder_of(peer, cache)
    if not is_complete(folder):
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        run_all(peer, folder, [[npm, "install", "--prefix", str(folder), *quiet, *peer.packages]], tell)
    # Scripts stay where they are; node looks for modules here when there are none beside the script.
    return Installed(peer, (node, str(SCRIPTS / peer.script)), (("NODE_PATH", str(folder / "node_modules")),))


def find_program(name: str) -> str:
    """Return a program of the machine."""
    found = shutil.which(name)
    if found is None:
        raise NotRunError(f"{name} is not installed")
    return found


def folder_of(peer: Peer, cache: Path) -> Path:
    """Return the folder of exactly these versions; another Python gets another one, as its packages do not fit."""
    runtime = f"{sys.version_info.major}.{sys.version_info.minor}" if peer.language == "python" else "node"
    digest = hashlib.sha256(" ".join([runtime, *peer.packages]).encode()).hexdigest()[:12]
    return cache / f"{peer.name}-{digest}"


def is_complete(folder: Path) -> bool:
    """Tell whether an installation came to its end."""
    return (folder / "complete").exists()


def run_all(peer: Peer, folder: Path, commands: Sequence[Sequence[str]], tell: Teller) -> None:
    """Run the commands of an installation from scratch; mark the folder complete at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, mode=0o755)
    except OSError as error:
        raise NotRunError(f"{folder} cannot be written ({error.strerror})") from error
    with tell.part(f"installing {peer.name}: {', '.join(peer.packages)}", INSTALLED_WITHIN_S) as advance:
        started_s = time.monotonic()
        for command in commands:
            run_one(command, folder, deadline_s=started_s + INSTALLED_WITHIN_S, tick=lambda: advance(0))
    (folder / "complete").write_text("\n".join(peer.packages) + "\n")


def run_one(command: Sequence[str], folder: Path, *, deadline_s: float, tick: Callable[[], object]) -> None:
    """Run one command with its output in a file of the folder; ends it when it takes too long or we are stopped."""
    log_path = folder / "install.log"
    with (
        log_path.open("ab") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder) as process,
    ):
        try:
            while process.poll() is None and time.monotonic() < deadline_s:
                time.sleep(LOOK_EVERY_S)
                tick()
        finally:
            if process.poll() is None:
                process.kill()
    if process.returncode != 0:
        last = log_path.read_text(errors="replace").strip().splitlines()[-1:]
        raise NotRunError(f"its packages could not be installed: {' '.join(last) or 'no reason given'}")
