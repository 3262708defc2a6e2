"""``bontri bench rewards``: vouchers against pgbench with the very same statements, and expiry against one INSERT.

A PostgreSQL with durable defaults, no broker. Each round measures everything in turn, every other one backwards; the
first warms up and is not counted.
"""

import datetime
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchError
from benchmarks.expiring import (
    EMPTY,
    FULL,
    Expired,
    ExpiryOptions,
    build_expiring,
    measure_expiry,
    plain_url,
    summarise_redemptions,
)
from benchmarks.market import LotTerms, Market, build_market, load_wallets, read_market
from benchmarks.pgbench import run_pgbench
from benchmarks.promises import judge
from benchmarks.purchases import Script, script_purchases
from benchmarks.report import Measured, machine
from benchmarks.rounds import name_round, number_rounds
from benchmarks.sessions import Wanted, running_sessions, wait_for
from bontri.api import THREADS
from bontri.embedded.folders import scratch_folder
from bontri.embedded.postgres import PostgresServer, running_postgres
from bontri.embedded.postgres_programs import find_postgres_programs
from bontri.embedded.unprivileged import find_unprivileged_user
from bontri.progress import Teller
from ingest.worker import utc_now
from rewards.database import migrate, open_engine
from rewards.keyring import Keyring
from rewards.verify import verify

WALLETS = 5000
PROCESSES = 2
"""Workers of the API unless told otherwise; with their threads these are the eight sessions."""
SESSIONS = PROCESSES * THREADS
WALLET_POINTS = 100_000_000
ROUND_TURNS = 10_000_000
"""Turns are counted on from here in each round, and so are never the same twice."""
OURS, THEIRS = "vouchers_ours", "vouchers_pgbench"


@dataclass(frozen=True, slots=True)
class RewardsOptions:
    """How much to measure."""

    seconds: int
    rounds: int
    warm_up: bool
    lots: int
    rate: float
    quiet: float


def bench_rewards(options: RewardsOptions, tell: Teller) -> dict[str, Any]:
    """Measure and return the report.

    Raises:
        BenchError: something was not measured as it was meant to be.
        EmbeddedServiceError: PostgreSQL does not start.
    """
    keyring = Keyring(os.urandom(32), os.urandom(32), os.urandom(32))
    with scratch_folder("bench") as folder, running_postgres(folder) as server:
        tell.line(f"PostgreSQL {server.version} runs")
        make_empty(server)
        vouchers = VoucherRun(server, folder, keyring, options)
        expiry = ExpiryOptions(options.lots, options.rate, options.quiet)
        with tell.part(f"writing {options.lots:,} lots, {expiry.vouchers:,} vouchers", expiry.vouchers) as advance:
            build_expiring(server, keyring, expiry, now=utc_now(), advance=advance)
        rates: dict[str, list[float]] = {OURS: [], THEIRS: []}
        expired: list[Expired] = []
        for number in number_rounds(options.rounds, warm_up=options.warm_up):
            measured = vouchers.measure(number)
            for name, rate in measured.items():
                rates[name] += [rate] if number else []
            told = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in measured.items())
            tell.line(f"{name_round(number)}: {told}")
            if number:
                each = measure_expiry(server, folder, keyring, expiry, number=number)
                expired.append(each)
                tell.line(f"round {number}: expiry {each.rate:,.0f} lots/s, one INSERT {each.insert_rate:,.0f}/s")
        findings = verify_all(server, [vouchers.database, *(f"{FULL}_{no + 1}" for no in range(options.rounds))], tell)
        version = server.version
    rates |= {"expiry_job": [each.rate for each in expired], "expiry_insert": [each.insert_rate for each in expired]}
    return report_of(options, rates, expired, findings, version)


def report_of(
    options: RewardsOptions,
    rates: dict[str, list[float]],
    expired: Sequence[Expired],
    findings: dict[str, dict[str, int]],
    version: str,
) -> dict[str, Any]:
    """Put the report together."""
    medians = {name: Measured(values) for name, values in rates.items()}
    redemptions = summarise_redemptions(expired)
    measured = {
        "vouchers_to_pgbench": round(medians[OURS].median / medians[THEIRS].median, 2),
        "expiry_to_insert": round(medians["expiry_job"].median / medians["expiry_insert"].median, 2),
    }
    p99 = redemptions["beside"]["ms"].get("p99")
    is_redeemed = set(redemptions["outcomes"]) == {"redeemed"}
    return {
        "ok": is_redeemed and not any(sum(each.values()) for each in findings.values()),
        "bench": "rewards",
        "what": f"a voucher issued and redeemed, {SESSIONS} sessions; {options.lots:,} lots that expire",
        **{name: getattr(options, name) for name in ("seconds", "rounds", "warm_up", "lots", "rate", "quiet")},
        "sessions": SESSIONS,
        "processes": PROCESSES,
        "postgresql": version,
        "machine": machine(),
        "rates": {name: each.as_dict() for name, each in medians.items()},
        "ratios": measured,
        "redemptions": redemptions,
        "samples_ms": {
            "quiet": [round(ms, 1) for each in expired for ms in each.quiet_ms],
            "beside": [round(ms, 1) for each in expired for ms in each.beside_ms],
        },
        "promises": judge("rewards", measured | ({} if p99 is None else {"redemption_p99_ms": p99})),
        "not_run": [],
        "broken_invariants": findings,
    }


def make_empty(server: PostgresServer) -> None:
    """Make the migrated database that the others are copies of."""
    server.create_database(EMPTY)
    engine = open_engine(server.url(EMPTY), role="owner")
    with engine.connect() as connection:
        migrate(connection)
    engine.dispose()


def verify_all(server: PostgresServer, databases: Sequence[str], tell: Teller) -> dict[str, dict[str, int]]:
    """Return, by database, the invariants that are broken and how often: nothing, when all is sound."""
    found = {}
    with tell.part("verifying the databases", len(databases)) as advance:
        for done, name in enumerate(databases, 1):
            engine = open_engine(server.url(name), role="owner")
            found[name] = verify(engine).broken
            engine.dispose()
            advance(done)
    return found


class VoucherRun:
    """The market on which our sessions and pgbench buy in turns: the same database, and never the same turn."""

    database = "vouchers"

    def __init__(self, server: PostgresServer, folder: Path, keyring: Keyring, options: RewardsOptions) -> None:
        self._server, self._folder, self._keyring, self._options = server, folder, keyring, options
        self._pgbench = find_postgres_programs(folder, find_unprivileged_user()).bin_dir / "pgbench"
        self._script = self._build()

    def _build(self) -> Script:
        now = utc_now()
        self._server.create_database(self.database, template=EMPTY)
        engine = open_engine(self._server.url(self.database), role="owner")
        with engine.begin() as connection:
            build_market(connection, self._keyring, now=now)
        lots = [LotTerms(now.date() + datetime.timedelta(days=days), WALLET_POINTS) for days in (60, 90)]
        load_wallets(plain_url(self._server, self.database), lots, wallets=WALLETS, now=now)
        with engine.connect() as connection:
            market: Market = read_market(connection, wallets=WALLETS)
        engine.dispose()
        return script_purchases(self._server.url(self.database), self._keyring, market, sessions=SESSIONS, turns=(1, 2))

    def measure(self, number: int) -> dict[str, float]:
        """Return purchases a second of both; one after the other, and in every other round the other way round."""
        turns = [(OURS, self._ours), (THEIRS, self._theirs)][:: 1 if number % 2 else -1]
        return {name: turn(number + 1) for name, turn in turns}

    def _ours(self, number: int) -> float:
        go = str(self._folder / "go")
        wanted = [
            Wanted(
                "purchases",
                go,
                first=process * THREADS,
                threads=THREADS,
                sessions=SESSIONS,
                wallets=WALLETS,
                round=2 * number * ROUND_TURNS,
                seconds=self._options.seconds,
            )
            for process in range(PROCESSES)
        ]
        with running_sessions(self._folder, self._server.url(self.database), self._keyring, wanted) as children:
            told = [json.loads(line) for line in wait_for(children, "{", within_s=self._options.seconds + 60)]
        return float(sum(each["purchases"] / each["seconds"] for each in told))

    def _theirs(self, number: int) -> float:
        rate, rounds = run_pgbench(
            self._pgbench,
            self._server.url(self.database),
            self._folder / "purchase.sql",
            self._script,
            sessions=SESSIONS,
            first=(2 * number + 1) * ROUND_TURNS,
            seconds=self._options.seconds,
        )
        if rounds == 0:
            raise BenchError("pgbench made no purchase")
        return rate
