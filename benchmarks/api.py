"""``bontri bench api``: the API as it is deployed, over HTTP, against what bounds it in the same run.

Redemptions against pgbench with the very statements a request comes to; balances against an empty route of the same
server; and the wait of a till for a redemption while bins report deposits. Database, broker, worker and API run as
processes with their defaults. Each round measures everything in turn, every other one backwards; the first warms up
and is not counted.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.checkouts import (
    Checkouts,
    load_vouchers,
    numbered_digest,
    open_checkouts,
    script_redemptions,
)
from benchmarks.draining import read_peak_mb
from benchmarks.errors import BenchError
from benchmarks.fleet import FleetParameters, read_report, running_fleet
from benchmarks.growth import cpu_seconds
from benchmarks.http_load import Client, Sent, request_bytes
from benchmarks.market import LotTerms, load_wallets, open_shops, read_market
from benchmarks.online import Online, find_maximal_rate, running_online
from benchmarks.pgbench import run_pgbench
from benchmarks.promises import judge
from benchmarks.purchases import Script
from benchmarks.quantiles import quantiles_of
from benchmarks.report import Measured, services_of
from benchmarks.rounds import name_round, number_rounds
from benchmarks.scene import Scene, open_scene, verify_database
from benchmarks.town import BenchTown
from bontri.embedded.postgres_programs import find_postgres_programs
from bontri.embedded.processes import Child
from bontri.embedded.unprivileged import find_unprivileged_user
from bontri.progress import Teller
from ingest.worker import utc_now
from rewards.database import open_engine

DATABASE = "bontri"
CLIENTS = 8
WALLETS = 5000
WALLET_POINTS = 100_000_000
WATCHED = 2 * CLIENTS
"""Turns set apart for the redemptions that are watched, to be handed to pgbench."""
PGBENCH_ROUND = 1_000_000
"""Its vouchers are numbered from this round on, far from those of the tills."""
QUARTER = 0.25
FLEET_STARTS_WITHIN_S = 30.0
EMPTY, BALANCE, REDEMPTION, PGBENCH = "empty_route", "balance", "redemption", "redemption_pgbench"


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """How much to measure. ``rate`` of None stands for a quarter of the maximal load, measured first."""

    seconds: int
    redemptions: int
    rounds: int
    warm_up: bool
    paced: float
    rate: float | None
    messages: int
    bins: int
    citizens: int
    seed: int

    @property
    def numbers(self) -> range:
        """The numbers of the rounds."""
        return number_rounds(self.rounds, warm_up=self.warm_up)

    @property
    def rounds_of_each(self) -> int:
        """How many redemptions each of the clients makes in a turn."""
        return self.redemptions // CLIENTS

    @property
    def paced_redemptions(self) -> int:
        """How many redemptions fall due in each of the two paced parts."""
        return round(self.paced * self.seconds)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn came to; processor time is of all processes of a kind, per request."""

    rate: float
    api_us: float | None = None
    postgresql_us: float | None = None
    generator_us: float | None = None
    generator_share: float | None = None


def bench_api(options: ApiOptions, tell: Teller) -> dict[str, Any]:
    """Measure and return the report.

    Raises:
        BenchError: something was refused, or not measured as it was meant to be.
        EmbeddedServiceError: a service does not start.
    """
    with open_scene(tell) as scene:
        town = BenchTown(scene.keyring, bins=options.bins, citizens=options.citizens, seed=options.seed)
        run = ApiRun(scene, options, build_checkouts(scene, town, tell))
        run.load(tell)
        maximal = None if options.rate else find_maximal_rate(scene, town, options.messages, tell)
        rate = options.rate or (maximal or 0) * QUARTER
        with running_online(scene) as online:
            turns = run.measure_rounds(online, tell)
            paced = {"quiet": run.measure_paced(online, tell)}
            with running_fleet(scene, FleetParameters(rate, options.bins, options.citizens, options.seed + 1)) as fleet:
                wait_until_publishing(fleet)
                paced["beside"] = run.measure_paced(online, tell, beside=f"beside {rate:,.0f} deposits/s")
            published = read_report(fleet)
            api_peak_mb = round(read_peak_mb(online.api.pid))
        verification = verify_database(scene, DATABASE)
        services = services_of(scene)
    if published is None:
        raise BenchError("the fleet has told nothing")
    rates = {name: Measured([turn.rate for turn in of]) for name, of in turns.items()}
    ratios = {
        "redemption_to_pgbench": round(rates[REDEMPTION].median / rates[PGBENCH].median, 2),
        "balance_to_empty": round(rates[BALANCE].median / rates[EMPTY].median, 2),
    }
    quantiles = {name: quantiles_of(sent.ms) for name, sent in paced.items()}
    measured = {**ratios, "redemption_p99_ms": quantiles["beside"]["p99"], "api_peak_mb": api_peak_mb}
    return {
        "ok": verification.is_sound,
        "bench": "api",
        "what": f"the API over HTTP, {CLIENTS} clients, and redemptions while bins report deposits",
        **{name: getattr(options, name) for name in ("seconds", "redemptions", "rounds", "paced", "bins", "citizens")},
        "warm_up": options.warm_up,
        "seed": options.seed,
        "clients": CLIENTS,
        **services,
        "rates": {name: rate.as_dict() for name, rate in rates.items()},
        "ratios": ratios,
        "cpu": {name: cpu_of(of) for name, of in turns.items() if name != PGBENCH},
        "maximal_per_s": None if maximal is None else round(maximal),
        "published_per_s": round(published.published / published.seconds),
        "redemptions_paced": {name: {"count": sent.answers, "ms": quantiles[name]} for name, sent in paced.items()},
        "samples_ms": {name: [round(ms, 1) for ms in sent.ms] for name, sent in paced.items()},
        "api_peak_mb": api_peak_mb,
        "promises": judge("api", measured),
        "not_run": [],
        "verified_events": verification.counts,
        "broken_invariants": verification.broken,
    }


def wait_until_publishing(fleet: Child) -> None:
    """Return once the fleet has told what it publishes."""
    deadline = time.monotonic() + FLEET_STARTS_WITHIN_S
    while read_report(fleet) is None:
        if time.monotonic() > deadline or not fleet.is_running:
            raise BenchError(f"the fleet does not publish: {fleet.read_last_lines()}")
        time.sleep(0.05)


def cpu_of(turns: list[Turn]) -> dict[str, float]:
    """Return the medians of what a request cost, in microseconds, and of the generator's share of one processor."""
    names = ("api_us", "postgresql_us", "generator_us", "generator_share")
    medians = {name: Measured([getattr(turn, name) for turn in turns]).median for name in names}
    return {name: round(value, 2 if name == "generator_share" else 0) for name, value in medians.items()}


def build_checkouts(scene: Scene, town: BenchTown, tell: Teller) -> Checkouts:
    """Build the town with bins and cards, and shops, tills, signed-in citizens and wallets in it."""
    tell.line(f"building {len(town.bin_ids):,} bins, {len(town.badges):,} cards and {WALLETS:,} wallets")
    scene.make_town(DATABASE, town)
    now, engine = utc_now(), open_engine(scene.server.url(DATABASE), role="owner")
    with engine.begin() as connection:
        open_shops(connection, scene.keyring, now=now)
        market = read_market(connection, wallets=WALLETS)
        checkouts = open_checkouts(connection, scene.keyring, market, now=now)
    engine.dispose()
    expires_on = now.date().replace(year=now.year + 1, day=1)
    load_wallets(scene.plain_url(DATABASE), [LotTerms(expires_on, WALLET_POINTS)], wallets=WALLETS, now=now)
    return checkouts


class ApiRun:
    """One database and its API, measured turn by turn; no voucher is redeemed twice."""

    def __init__(self, scene: Scene, options: ApiOptions, checkouts: Checkouts) -> None:
        self._scene, self._options, self._checkouts = scene, options, checkouts
        self._pgbench = find_postgres_programs(scene.folder, find_unprivileged_user()).bin_dir / "pgbench"
        self._next_turn, self._next_round = WATCHED, PGBENCH_ROUND
        self._script: Script | None = None

    def load(self, tell: Teller) -> None:
        """Issue all vouchers there will be, and have two redeemed under observation."""
        options = self._options
        turns = len(options.numbers) * options.rounds_of_each * CLIENTS
        ours = range(WATCHED + turns + 2 * options.paced_redemptions)
        first = (PGBENCH_ROUND + 1) * CLIENTS
        theirs = range(first, first + turns)
        digests = [self._checkouts.code_digest(turn) for turn in ours], [numbered_digest(turn) for turn in theirs]
        with tell.part(f"issuing {len(ours) + len(theirs):,} vouchers", 2) as advance:
            for number, (turns_of, of_these) in enumerate(zip((ours, theirs), digests, strict=True), 1):
                load_vouchers(
                    self._scene.plain_url(DATABASE),
                    self._checkouts.market,
                    of_these,
                    first=turns_of.start,
                    now=utc_now(),
                )
                advance(number)
        url = self._scene.server.url(DATABASE)
        self._script = script_redemptions(url, self._checkouts, sessions=CLIENTS, turns=(1, 2))

    def measure_rounds(self, online: Online, tell: Teller) -> dict[str, list[Turn]]:
        """Measure everything in turn, round by round; return what counts."""
        turns: dict[str, list[Turn]] = {name: [] for name in (EMPTY, BALANCE, REDEMPTION, PGBENCH)}
        with tell.part("rounds", len(self._options.numbers) * len(turns)) as advance:
            done = 0
            for number in self._options.numbers:
                measured = {}
                for name in list(turns)[:: 1 if number % 2 else -1]:
                    measured[name] = self._measure(name, online)
                    turns[name] += [measured[name]] if number else []
                    done += 1
                    advance(done, name.replace("_", " "))
                told = ", ".join(f"{name.replace('_', ' ')} {turn.rate:,.0f}/s" for name, turn in measured.items())
                tell.line(f"{name_round(number)}: {told}")
                online.assert_running()
        return turns

    def _measure(self, name: str, online: Online) -> Turn:
        if name == PGBENCH:
            return self._measure_pgbench()
        pids = online.api.pid, self._scene.server.pid
        before_s = [cpu_seconds(pid) for pid in pids]
        sent = self._redeem(online) if name == REDEMPTION else self._read(name, online)
        api_us, postgresql_us = (
            (cpu_seconds(pid) - before) / sent.answers * 1e6 for pid, before in zip(pids, before_s, strict=True)
        )
        return Turn(sent.rate, api_us, postgresql_us, sent.cpu_s / sent.answers * 1e6, sent.cpu_s / sent.seconds)

    def _read(self, name: str, online: Online) -> Sent:
        requests = self._checkouts.balance_requests() if name == BALANCE else [request_bytes("GET", "/healthz")]
        of_each: list[Iterator[bytes]] = [
            itertools.cycle(requests[number:] + requests[:number]) for number in range(CLIENTS)
        ]
        with Client(online.api_port, connections=CLIENTS) as client:
            sent = client.send_in_turn(of_each, seconds=self._options.seconds)
        sent.require(200)
        return sent

    def _redeem(self, online: Online) -> Sent:
        requests = self._take_redemptions(self._options.rounds_of_each * CLIENTS)
        with Client(online.api_port, connections=CLIENTS) as client:
            sent = client.send_in_turn([iter(requests[number::CLIENTS]) for number in range(CLIENTS)])
        sent.require(201)
        return sent

    def _take_redemptions(self, count: int) -> list[bytes]:
        turns = range(self._next_turn, self._next_turn + count)
        self._next_turn = turns.stop
        return [self._checkouts.redemption_request(turn) for turn in turns]

    def _measure_pgbench(self) -> Turn:
        assert self._script is not None  # noqa: S101 (load() comes first)
        rounds = self._options.rounds_of_each
        rate, played = run_pgbench(
            self._pgbench,
            self._scene.server.url(DATABASE),
            Path(self._scene.folder / "redemption.sql"),
            self._script,
            sessions=CLIENTS,
            first=self._next_round,
            seconds=120,
            rounds=rounds,
        )
        self._next_round += rounds
        if played != rounds * CLIENTS:
            raise BenchError(f"pgbench made {played:,} redemptions of {rounds * CLIENTS:,}")
        return Turn(rate)

    def measure_paced(self, online: Online, tell: Teller, *, beside: str = "beside nothing") -> Sent:
        """Have redemptions fall due at the rate asked for, and time each from then."""
        options = self._options
        requests = self._take_redemptions(options.paced_redemptions)
        with (
            tell.part(f"{options.paced:g} redemptions/s {beside}", options.seconds) as advance,
            Client(online.api_port, connections=CLIENTS) as client,
        ):
            sent = client.send_at_rate(requests, rate_per_s=options.paced)
            advance(options.seconds)
        sent.require(201)
        online.assert_running()
        return sent
