"""pgbench, PostgreSQL's own load generator, on a script of ours."""

import os
import re
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from benchmarks.errors import BenchError
from benchmarks.purchases import Script
from benchmarks.town import AUTHORITY_ID
from rewards.database import session_options

RATE = re.compile(r"^tps = ([0-9.]+) \(without initial connection time\)$", re.MULTILINE)
DONE = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
THREADS = 2
GRACE_S = 30.0


def run_pgbench(
    program: Path,
    url: str,
    script: Path,
    wanted: Script,
    *,
    sessions: int,
    first: int,
    seconds: int,
    rounds: int | None = None,
) -> tuple[float, int]:
    """Run a script in so many sessions; return rounds a second, and how many there were.

    The sessions have the role and settings of the API's, and statements are prepared, as its driver prepares them.
    ``first`` is where the count of rounds begins. With ``rounds`` each session plays so many of them, and ``seconds``
    is how long they may take at most.
    """
    script.write_text(wanted.text)
    database = make_url(url)
    command: list[str] = [
        *(str(program), "--no-vacuum", "--protocol=prepared", f"--file={script}"),
        f"--transactions={rounds}" if rounds else f"--time={seconds}",
        *(f"--client={sessions}", f"--jobs={THREADS}", f"--define=round={first}"),
        *(f"--define={name}={value}" for name, value in wanted.constants.items()),
        *("--host", str(database.host), "--port", str(database.port), "--username", str(database.username)),
        str(database.database),
    ]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PGPASSWORD": str(database.password),
        "PGOPTIONS": session_options("bontri_api", authority_id=AUTHORITY_ID),
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False
    )
    rate, played = RATE.search(done.stdout), DONE.search(done.stdout)
    if done.returncode != 0 or rate is None or played is None:
        raise BenchError(f"pgbench failed: {done.stderr.strip()[:2000]}")
    return float(rate[1]), int(played[1])
