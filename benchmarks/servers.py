"""Which server the API should run under: granian and gunicorn with the real application on a real PostgreSQL.

``python -m benchmarks.servers`` starts a private PostgreSQL and every server with its workers, and measures them in
turns: an empty route, the balance (a read) and redemption (a transaction), over connections that are kept open where
the server leaves them so. Prints JSON. The results are in docs/decisions/0037-the-server-again.md.
"""

import argparse
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

from benchmarks.api import CLIENTS, DATABASE, build_checkouts
from benchmarks.checkouts import Checkouts, load_vouchers
from benchmarks.draining import read_peak_mb
from benchmarks.errors import BenchError
from benchmarks.growth import cpu_seconds
from benchmarks.http_load import Client, Sent, request_bytes
from benchmarks.scene import open_scene
from benchmarks.town import BenchTown
from bontri.progress import Teller
from ingest.worker import utc_now

STARTS_WITHIN_S = 120.0

KINDS = ("empty", "balance", "redemption")
APPLICATION = "bontri.api:make_app"
GRANIAN = "-m granian --interface wsgi --factory --no-ws --port {port} {app}"
GUNICORN = "-m gunicorn --no-control-socket --bind 127.0.0.1:{port} {app}()"
COMMANDS = {
    "granian, 2 x 1 thread": f"{GRANIAN} --workers 2 --blocking-threads 1",
    "granian, 2 x 2 threads": f"{GRANIAN} --workers 2 --blocking-threads 2",
    "granian, 2 x 4 threads": f"{GRANIAN} --workers 2 --blocking-threads 4",
    "gunicorn sync, 2": f"{GUNICORN} --workers 2",
    "gunicorn sync, 4": f"{GUNICORN} --workers 4",
    "gunicorn gthread, 2 x 4": f"{GUNICORN} --worker-class gthread --workers 2 --threads 4",
}


@contextmanager
def running_server(name: str, environment: dict[str, str], log: IO[bytes]) -> Iterator[tuple[int, int]]:
    """Run one server on a free loopback port; yield its process and the port once our own child listens there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = COMMANDS[name].format(port=port, app=APPLICATION).split()
    child = subprocess.Popen(
        [sys.executable, *command], env=environment, start_new_session=True, stdout=log, stderr=log
    )
    try:
        wait_until_ready(child, port)
        assert_group_listens(child.pid, port)
        yield child.pid, port
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(STARTS_WITHIN_S)


def wait_until_ready(child: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until the application answers that it reaches its database."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and child.poll() is None:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise BenchError(f"{child.args!r} did not become ready")


def assert_group_listens(pid: int, port: int) -> None:
    """Assert that the port is served by the process group we started: a busy port would measure a stranger."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    members = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal() and is_member(path, pid)]
    held = {str(link.readlink()) for member in members for link in Path(f"/proc/{member}/fd").iterdir()}
    if not inodes or not all(f"socket:[{inode}]" in held for inode in inodes):
        raise BenchError(f"port {port} is not served by the process we started")


def is_member(process: Path, group: int) -> bool:
    """Tell whether a process of /proc belongs to a process group."""
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[2] == str(group)
    except OSError:
        return False


def measure(kind: str, port: int, checkouts: Checkouts, turns: "itertools.count[int]", count: int) -> Sent:
    """Send requests of one kind over the clients' connections: an empty route, balances, or vouchers to redeem."""
    if kind == "redemption":
        requests = [checkouts.redemption_request(next(turns)) for _ in range(count)]
    elif kind == "balance":
        requests = list(itertools.islice(itertools.cycle(checkouts.balance_requests()), count))
    else:
        requests = [request_bytes("GET", "/healthz")] * count
    with Client(port, connections=CLIENTS) as client:
        sent = client.send_in_turn([iter(requests[number::CLIENTS]) for number in range(CLIENTS)])
    sent.require(201 if kind == "redemption" else 200)
    return sent


def run(*, rounds: int, reads: int, writes: int) -> dict[str, object]:
    """Measure all servers in turns, in an order that changes; return medians and every round."""
    rates: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in KINDS} for name in COMMANDS}
    cpu_us: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in KINDS} for name in COMMANDS}
    p99_ms: dict[str, list[float]] = {name: [] for name in COMMANDS}
    counts = dict(zip(KINDS, (reads, reads, writes), strict=True))
    turns = itertools.count()
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(Teller(), kind="auto"))
        checkouts = build_checkouts(scene, BenchTown(scene.keyring, bins=1, citizens=1, seed=1), Teller())
        vouchers = range(writes * (rounds + 1) * len(COMMANDS))
        digests = [checkouts.code_digest(turn) for turn in vouchers]
        load_vouchers(scene.plain_url(DATABASE), checkouts.market, digests, first=0, now=utc_now())
        environment = scene.environment(
            DATABASE,
            BONTRI_MAIL_URL="file:///nowhere",
            BONTRI_LOG_LEVEL="info",
            BONTRI_API_RATES="public=0",
        )
        log = stack.enter_context((scene.folder / "servers.log").open("wb"))
        servers = {name: stack.enter_context(running_server(name, environment, log)) for name in COMMANDS}
        for round_no in range(rounds + 1):
            for name in list(COMMANDS)[:: 1 if round_no % 2 else -1]:
                for kind, count in counts.items():
                    pid, port = servers[name]
                    before_s = cpu_seconds(pid)
                    sent = measure(kind, port, checkouts, turns, count)
                    if round_no:  # the first warms up
                        rates[name][kind].append(round(sent.rate))
                        cpu_us[name][kind].append(round((cpu_seconds(pid) - before_s) / sent.answers * 1e6))
                        if kind == "redemption":
                            p99_ms[name].append(sorted(sent.ms)[int(len(sent.ms) * 0.99)])
        peaks = {name: round(read_peak_mb(pid)) for name, (pid, _) in servers.items()}
    return {
        "connections": CLIENTS,
        "cores": os.cpu_count(),
        "requests_per_round": counts,
        "median_per_s": medians_of(rates),
        "median_cpu_us": medians_of(cpu_us),
        "redemption_p99_ms": {name: round(statistics.median(each), 1) for name, each in p99_ms.items()},
        "peak_mb_of_a_process": peaks,
        "rounds_per_s": rates,
    }


def medians_of(rounds: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Return the medians of what was measured round by round."""
    return {name: {kind: statistics.median(each) for kind, each in of.items()} for name, of in rounds.items()}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reads", type=int, default=3000)
    parser.add_argument("--writes", type=int, default=800)
    given = parser.parse_args()
    found = run(rounds=given.rounds, reads=given.reads, writes=given.writes)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
