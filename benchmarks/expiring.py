"""The job that expires points, on many lots that all end today, while tills redeem what is paid from the same lots.

The ceiling is one ``INSERT … SELECT`` of the very transfers the job wrote, into a copy of the same database: it moves
no counter, waits for nobody, and nothing runs beside it.
"""

import datetime
import json
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import text

from benchmarks.errors import BenchError
from benchmarks.market import WALLET, LotTerms, build_market, id_of, load_wallets, read_market
from benchmarks.quantiles import quantiles_of
from benchmarks.sessions import Wanted, running_sessions, wait_for
from benchmarks.tills import PRICE_POINTS
from benchmarks.town import AUTHORITY_ID
from bontri.api import THREADS
from bontri.embedded.postgres import PostgresServer
from bontri.jobs.expiring import expire_points_of
from bontri.progress import Advance
from rewards.database import open_engine
from rewards.keyring import Keyring
from rewards.vouchers import issue_voucher

FULL = "expiring"
EMPTY = "migrated"
"""Migrated, and nothing more: what others are copies of."""
LOT_POINTS = 50
ISSUED_BEFORE = datetime.timedelta(days=2)
ISSUED_A_TRANSACTION = 200
LEAST_LOTS_PER_S = 4000
"""At which the vouchers would be used up before the lots; slower, and the end has no redemptions beside it."""

COPY_OUT = f"""
    COPY (SELECT * FROM transfers WHERE authority_id = {AUTHORITY_ID} AND reason = 'expiry' ORDER BY transfer_id)
      TO STDOUT (FORMAT binary)
"""


@dataclass(frozen=True, slots=True)
class ExpiryOptions:
    """How much to measure: lots, redemptions a second, and seconds of them before the job begins."""

    lots: int
    rate_per_s: float
    quiet_s: float

    @property
    def vouchers(self) -> int:
        """How many vouchers are issued to be redeemed."""
        return min(self.lots, round(self.rate_per_s * (self.quiet_s + self.lots / LEAST_LOTS_PER_S + 2)))


@dataclass(frozen=True, slots=True)
class Expired:
    """One round: the two rates, and what the tills saw with and without the job beside them."""

    rate: float
    insert_rate: float
    quiet_ms: list[float]
    beside_ms: list[float]
    outcomes: Counter[str]


def plain_url(server: PostgresServer, database: str) -> str:
    """Return an address as the driver reads it, password included: not for logs."""
    return server.url(database).replace("postgresql+psycopg://", "postgresql://")


def build_expiring(
    server: PostgresServer, keyring: Keyring, options: ExpiryOptions, *, now: datetime.datetime, advance: Advance
) -> None:
    """Make the database every round copies: a lot of each wallet ends today, some hold vouchers issued before."""
    server.create_database(FULL, template=EMPTY)
    engine, today = open_engine(server.url(FULL), role="owner"), now.astimezone(ZoneInfo("Europe/Paris")).date()
    before = now - ISSUED_BEFORE
    with engine.begin() as connection:
        build_market(connection, keyring, now=before)
    load_wallets(plain_url(server, FULL), [LotTerms(today, LOT_POINTS)], wallets=options.lots, now=before)
    with engine.connect() as connection:
        market = read_market(connection, wallets=options.lots)
        # Scattered, so that redemptions meet the job from its first batch to its last.
        step = max(1, options.lots // options.vouchers)
        for number in range(options.vouchers):
            issue_voucher(
                connection,
                keyring,
                authority_id=AUTHORITY_ID,
                wallet_id=id_of(WALLET, number * step % options.lots),
                offer_id=market.shop_of(number).offer_id,
                now=before,
            )
            if number % ISSUED_A_TRANSACTION == 0:
                connection.commit()
                advance(number)
        connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    engine.dispose()


def measure_expiry(
    server: PostgresServer, folder: Path, keyring: Keyring, options: ExpiryOptions, *, number: int
) -> Expired:
    """Play one round on copies of the database, which stay: the first of them for who verifies it.

    Raises:
        BenchError: not everything expired, or a redemption ended otherwise than it must.
    """
    database, copy = f"{FULL}_{number}", f"{FULL}_copy_{number}"
    server.create_database(database, template=FULL)
    server.create_database(copy, template=FULL)
    wanted = Wanted("redemptions", str(folder / "go"), 0, THREADS, THREADS, options.lots, rate_per_s=options.rate_per_s)
    checkpoint(server, database)
    with running_sessions(folder, server.url(database), keyring, [wanted]) as children:
        time.sleep(options.quiet_s)
        engine = open_engine(server.url(database), role="bontri_api", authority_id=AUTHORITY_ID)
        began_s = time.monotonic()
        expired = expire_points_of(engine, AUTHORITY_ID)
        ended_s = time.monotonic()
        engine.dispose()
        children[0].process.send_signal(signal.SIGTERM)
        [told] = wait_for(children, "{")
    seen = json.loads(told)["redemptions"]
    wanted_points = options.lots * LOT_POINTS - options.vouchers * PRICE_POINTS
    if expired["points"] != wanted_points:
        raise BenchError(f"{expired['points']:,} of {wanted_points:,} points expired")
    return Expired(
        options.lots / (ended_s - began_s),
        options.lots / time_insert(server, database, copy, lots=options.lots),
        [ms for due_s, ms, _ in seen if due_s + ms / 1000 < began_s],
        [ms for due_s, ms, _ in seen if due_s + ms / 1000 >= began_s and due_s <= ended_s],
        Counter(outcome for _, _, outcome in seen),
    )


def time_insert(server: PostgresServer, database: str, copy: str, *, lots: int) -> float:
    """Return the seconds one ``INSERT … SELECT`` takes to write what the job wrote, commit included."""
    source = psycopg.connect(plain_url(server, database))
    target = psycopg.connect(plain_url(server, copy), autocommit=True)
    with source, target:
        target.execute("CREATE TEMP TABLE swept (LIKE transfers)")
        with (
            source.cursor().copy(COPY_OUT) as out,
            target.cursor().copy("COPY swept FROM STDIN (FORMAT binary)") as in_,
        ):
            for block in out:
                in_.write(block)
        target.execute("ANALYZE swept")
        checkpoint(server, copy)
        began_s = time.monotonic()
        rows = target.execute("INSERT INTO transfers SELECT * FROM swept").rowcount
        took_s = time.monotonic() - began_s
    if rows != lots:
        raise BenchError(f"the job wrote {rows:,} transfers for {lots:,} lots")
    return took_s


def checkpoint(server: PostgresServer, database: str) -> None:
    """Begin with nothing left to be written: whoever is timed pays for the first change of each page."""
    with psycopg.connect(plain_url(server, database), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def summarise_redemptions(rounds: Sequence[Expired]) -> dict[str, Any]:
    """Return the times of all rounds together, with and without the job, and what came of the redemptions."""
    quiet = [ms for each in rounds for ms in each.quiet_ms]
    beside = [ms for each in rounds for ms in each.beside_ms]
    return {
        "quiet": {"redemptions": len(quiet), "ms": quantiles_of(quiet)},
        "beside": {"redemptions": len(beside), "ms": quantiles_of(beside)},
        "outcomes": dict(sum((each.outcomes for each in rounds), Counter[str]())),
    }
