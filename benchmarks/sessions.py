"""A process with sessions as a worker of the API has them: threads with a connection each, in the API's role.

They make purchases as fast as they can for a time (``purchases``), or redeem what was issued before at a steady rate
until told to stop (``redemptions``). Started by :func:`running_sessions`, with parameters in the environment; the
result is the last line of the log.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, text

from benchmarks.errors import BenchError
from benchmarks.market import read_market
from benchmarks.purchases import purchase
from benchmarks.scene import clean_environment
from benchmarks.town import AUTHORITY_ID
from bontri.embedded.processes import Child, start_child
from bontri.settings import SECRETS, read_settings
from bontri.signals import stop_event
from ingest.worker import utc_now
from rewards.database import open_engine
from rewards.errors import RewardsError
from rewards.keyring import Keyring
from rewards.vouchers import redeem_voucher

PARAMETERS = "SESSIONS_PARAMETERS"
READY = "ready"
WARM_UP = 8
"""Purchases of each session before its time begins: connected, and every statement prepared by driver and server."""
LIST_ISSUED = text("""
    SELECT voucher_id, shop_id FROM vouchers WHERE authority_id = :authority_id AND status = 'issued'
     ORDER BY voucher_id
""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a process of sessions does. ``first`` is its first session of ``sessions`` in all processes.

    ``round`` is where its count of turns begins; ``go`` is a file that appears when all may begin.
    """

    kind: Literal["purchases", "redemptions"]
    go: str
    first: int
    threads: int
    sessions: int
    wallets: int
    round: int = 0
    seconds: float = 0
    rate_per_s: float = 0


@contextmanager
def running_sessions(
    folder: Path, database_url: str, keyring: Keyring, wanted: Sequence[Wanted]
) -> Iterator[list[Child]]:
    """Run processes of sessions for the time of the block; all begin together, when all are ready."""
    keys = (keyring.master_key, keyring.badge_pepper, keyring.storage_key)
    environment = {
        **clean_environment(),
        **dict(zip(SECRETS, (key.hex() for key in keys), strict=True)),
        "DATABASE_URL": database_url,
        "BONTRI_LOG_LEVEL": "error",
    }
    go = Path(wanted[0].go)
    with ExitStack() as stack:
        children = []
        for number, each in enumerate(wanted):
            child = start_child(
                [sys.executable, "-m", "benchmarks.sessions"],
                name="sessions",
                log_path=folder / f"sessions-{number}.log",
                environment={**environment, PARAMETERS: json.dumps(asdict(each))},
            )
            stack.callback(child.stop)
            children.append(child)
        wait_for(children, READY)
        go.touch()
        yield children
        go.unlink()


def wait_for(children: Sequence[Child], words: str, *, within_s: float = 120.0) -> list[str]:
    """Return the line of each that begins with ``words``, once all have written one.

    Raises:
        BenchError: one ended without it, or they take too long.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        found = [find_line(child, words) for child in children]
        lines = [line for line in found if line is not None]
        if len(lines) == len(children):
            return lines
        for child, line in zip(children, found, strict=True):
            if line is None and not child.is_running and find_line(child, words) is None:
                raise BenchError(f"sessions ended: {child.read_last_lines()}")
        if time.monotonic() > deadline_s:
            raise BenchError(f"sessions have not said {words!r} within {within_s:.0f} s")
        time.sleep(0.01)


def find_line(child: Child, words: str) -> str | None:
    """Find the first whole line of a process that begins with ``words``."""
    with child.log_path.open() as log:
        log.seek(child.log_start)
        return next((line for line in log if line.startswith(words) and line.endswith("\n")), None)


def run() -> None:
    """Do what is wanted and tell it."""
    settings = read_settings(*SECRETS, "DATABASE_URL")
    wanted = Wanted(**json.loads(os.environ[PARAMETERS]))
    url, threads = settings.database_url or "", wanted.threads
    engine = open_engine(url, role="bontri_api", pool_size=threads, authority_id=AUTHORITY_ID)
    stop = stop_event()
    try:
        play = buy if wanted.kind == "purchases" else redeem
        say(json.dumps(play(engine, settings.keyring(), wanted, stop)))
    finally:
        engine.dispose()


def say(words: str) -> None:
    """Write a line for whoever started us."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def wait_until_all_may(wanted: Wanted) -> None:
    """Tell that we are ready, and return when all are."""
    say(READY)
    while not Path(wanted.go).exists():
        time.sleep(0.002)


def buy(engine: Engine, keyring: Keyring, wanted: Wanted, stop: threading.Event) -> dict[str, Any]:
    """Make purchases for a time in every thread; return how many, and in which time."""
    with engine.connect() as connection:
        market = read_market(connection, wallets=wanted.wallets)
    is_ready = threading.Barrier(wanted.threads, action=lambda: wait_until_all_may(wanted))

    def work(thread: int) -> int:
        session = wanted.first + thread

        def buy_one(number: int) -> None:
            turn = (wanted.round + number) * wanted.sessions + session
            purchase(engine, keyring, market, turn, now=utc_now())

        for number in range(WARM_UP):
            buy_one(number)
        is_ready.wait()
        done, ends_s = 0, time.monotonic() + wanted.seconds
        while time.monotonic() < ends_s and not stop.is_set():
            buy_one(WARM_UP + done)
            done += 1
        return done

    with ThreadPoolExecutor(wanted.threads) as pool:
        return {"purchases": sum(pool.map(work, range(wanted.threads))), "seconds": wanted.seconds}


def redeem(engine: Engine, keyring: Keyring, wanted: Wanted, stop: threading.Event) -> dict[str, Any]:
    """Redeem what was issued, one after the other as they fall due, until told to stop.

    Returns:
        ``[due, ms, outcome]`` of each: when it was due on the monotonic clock, and how long after it was committed.
    """
    with engine.connect() as connection:
        issued = connection.execute(LIST_ISSUED, {"authority_id": AUTHORITY_ID}).all()
        connection.execute(text("SELECT 1"))
    wait_until_all_may(wanted)
    began_s = time.monotonic()

    def work(thread: int) -> list[tuple[float, float, str]]:
        seen = []
        for number in range(thread, len(issued), wanted.threads):
            due_s = began_s + (number + 1) / wanted.rate_per_s
            if stop.wait(max(0.0, due_s - time.monotonic())):
                break
            voucher_id, shop_id = issued[number]
            outcome = "redeemed"
            try:
                with engine.begin() as connection:
                    redeem_voucher(
                        connection,
                        keyring,
                        authority_id=AUTHORITY_ID,
                        shop_id=shop_id,
                        code=keyring.voucher_code(voucher_id),
                        redemption_key=str(voucher_id),
                        now=utc_now(),
                    )
            except RewardsError as refusal:
                outcome = refusal.code
            seen.append((due_s, (time.monotonic() - due_s) * 1000, outcome))
        return seen

    with ThreadPoolExecutor(wanted.threads) as pool:
        return {"redemptions": [each for seen in pool.map(work, range(wanted.threads)) for each in seen]}


if __name__ == "__main__":
    run()
