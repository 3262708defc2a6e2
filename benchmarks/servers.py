"""Which server the API should run under: granian and gunicorn (sync) with the real application on a real PostgreSQL.

``python -m benchmarks.servers --database-url postgresql+psycopg://…`` (a superuser on a server of one's own) makes a
database, starts both servers with two workers each, and measures them in turns: the balance (one read) and redemption
(one transaction). Prints JSON. The result is in docs/decisions/0005-server.md.
"""

import argparse
import datetime
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.tills import BenchTill, build_till, new_database
from rewards.keyring import Keyring

WORKERS = 2
CLIENT_PROCESSES, CLIENT_THREADS = 2, 4
STARTS_WITHIN_S = 30.0

KINDS = ("empty", "balance", "redemption")
APPLICATION = "bontri.api:make_app"
COMMANDS = {
    # One thread a worker, as gunicorn's, and four, as the product runs it.
    "granian": "-m granian --interface wsgi --factory --workers {workers} --blocking-threads 1 --port {port} {app}",
    "granian, 4 threads": "-m granian --interface wsgi --factory --workers {workers} --blocking-threads 4 --port {port}"
    " {app}",
    "gunicorn sync": "-m gunicorn --no-control-socket --workers {workers} --bind 127.0.0.1:{port} {app}()",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request: a redemption when it has a code, which then is its Idempotency-Key too."""

    path: str
    token: str = ""
    code: str | None = None


class BenchError(Exception):
    """What was measured is not what was meant to be measured."""


@contextmanager
def running_server(name: str, environment: dict[str, str]) -> Iterator[int]:
    """Run one server on a free loopback port; yield the port once our own child listens there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = COMMANDS[name].format(workers=WORKERS, port=port, app=APPLICATION).split()
    child = subprocess.Popen([sys.executable, *command], env=environment, start_new_session=True, stdout=sys.stderr)
    try:
        wait_until_ready(child, port)
        assert_group_listens(child.pid, port)
        yield port
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


def send_all(port: int, requests: list[Request]) -> None:
    """Send requests one after another over one connection, opened again where the server closes it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for request in requests:
        headers = {"Authorization": f"Bearer {request.token}", "Content-Type": "application/json"}
        if request.code is None:
            connection.request("GET", request.path, headers=headers)
        else:
            body = json.dumps({"code": request.code})
            connection.request("POST", request.path, body, {**headers, "Idempotency-Key": request.code})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise BenchError(f"{request.path}: {answer.status} {text[:200]!r}")
    connection.close()


def send_from_threads(port: int, requests: list[Request]) -> None:
    """Send requests over several connections at once."""
    with ThreadPoolExecutor(CLIENT_THREADS) as pool:
        list(
            pool.map(send_all, [port] * CLIENT_THREADS, [requests[no::CLIENT_THREADS] for no in range(CLIENT_THREADS)])
        )


def measure(pool: ProcessPoolExecutor, port: int, requests: list[Request]) -> float:
    """Return requests per second over all client processes."""
    began_s = time.perf_counter()
    shares = [requests[no::CLIENT_PROCESSES] for no in range(CLIENT_PROCESSES)]
    list(pool.map(send_from_threads, [port] * CLIENT_PROCESSES, shares))
    return len(requests) / (time.perf_counter() - began_s)


def list_requests(kind: str, till: BenchTill, count: int) -> list[Request]:
    """List requests of one kind: an empty route, citizens' balances in turn, or fresh vouchers to redeem."""
    if kind == "empty":
        return [Request("/healthz")] * count
    if kind == "balance":
        return [Request("/api/v1/citizen/wallet", till.sessions[no % len(till.sessions)]) for no in range(count)]
    return [Request("/api/v1/shop/redemptions", *till.redeemable.pop()) for _ in range(count)]


def run(database_url: str, *, rounds: int, reads: int, writes: int) -> dict[str, object]:
    """Measure all servers in turns, in an order that changes; return medians and every round."""
    keys = {name: secrets.token_hex(32) for name in ("BONTRI_MASTER_KEY", "BONTRI_BADGE_PEPPER", "BONTRI_STORAGE_KEY")}
    master_key, badge_pepper, storage_key = (bytes.fromhex(key) for key in keys.values())
    keyring = Keyring(master_key, badge_pepper, storage_key)
    now = datetime.datetime.now(datetime.UTC)
    rates: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in KINDS} for name in COMMANDS}
    counts = dict(zip(KINDS, (reads, reads, writes), strict=True))
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(CLIENT_PROCESSES))
        list(pool.map(abs, range(CLIENT_PROCESSES)))
        url = stack.enter_context(new_database(database_url))
        till = build_till(url, keyring, vouchers=writes * (rounds + 1) * len(COMMANDS), now=now)
        environment = {**os.environ, **keys, "DATABASE_URL": url, "BONTRI_MAIL_URL": "file:///nowhere"}
        environment |= {"BONTRI_LOG_LEVEL": "error"}
        ports = {name: stack.enter_context(running_server(name, environment)) for name in COMMANDS}
        for round_no in range(rounds + 1):
            names = list(COMMANDS)[:: 1 if round_no % 2 else -1]
            for name in names:
                for kind, count in counts.items():
                    rate = measure(pool, ports[name], list_requests(kind, till, count))
                    if round_no:  # the first warms up
                        rates[name][kind].append(round(rate))
    medians = {name: {kind: statistics.median(each) for kind, each in of.items()} for name, of in rates.items()}
    return {
        "workers": WORKERS,
        "connections": CLIENT_PROCESSES * CLIENT_THREADS,
        "cores": os.cpu_count(),
        "requests_per_round": counts,
        "median_per_s": medians,
        "rounds_per_s": rates,
    }


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reads", type=int, default=3000)
    parser.add_argument("--writes", type=int, default=800)
    given = parser.parse_args()
    found = run(given.database_url, rounds=given.rounds, reads=given.reads, writes=given.writes)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
