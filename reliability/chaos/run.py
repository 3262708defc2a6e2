"""``bontri chaos``: one run from start to verdict."""

import datetime
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.errors import BenchError
from benchmarks.report import machine
from bontri.embedded.errors import EmbeddedServiceError, ProgramMissingError
from bontri.embedded.folders import scratch_folder
from bontri.embedded.mosquitto import find_mosquitto
from bontri.progress import Teller
from ingest.worker import utc_now
from reliability.chaos.accounts import Accounts, EventKey, draw_up
from reliability.chaos.aftermath import try_gaps, try_long_absence, try_other_content, try_races
from reliability.chaos.checks import Check, check_events, check_recovery, check_redemptions, check_watch
from reliability.chaos.controls import CONTROLS, COUNTERPART, play_control
from reliability.chaos.faults import Faults
from reliability.chaos.recovery import find_longest_silence
from reliability.chaos.scene import USUAL_WEATHER, Scene, SceneOptions, playing
from reliability.chaos.schedule import plan_faults
from reliability.chaos.service import wait_for
from reliability.chaos.services import Programs, Services
from reliability.chaos.storm import Storm
from reliability.chaos.timeline import draw_timeline
from reliability.chaos.town import ChaosTown, bin_ids_of, build_town, draw_keyring
from rewards.database import open_engine
from rewards.verify import verify

HEALED_WITHIN_S = 300.0
LATE_MESSAGES_S = 2.0
"""What is repeated on its way may come after all receipts."""
ALL_COMPARED_WITHIN_S = 30.0

BROKEN_OFF = (EmbeddedServiceError, BenchError, SQLAlchemyError, OSError, subprocess.SubprocessError)
"""What ends a part of a run, but not the report of the others."""


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """What the command line says."""

    minutes: float
    seed: int
    bins: int
    rate_per_s: float
    races: int
    offline_events: int
    gaps_seconds: float
    with_controls: bool


@dataclass
class ChaosRun:
    """What a run has come to so far."""

    options: ChaosOptions
    tell: Teller
    started_at: datetime.datetime = field(default_factory=utc_now)
    checks: list[Check] = field(default_factory=list)
    controls: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    broken_off: dict[str, str] = field(default_factory=dict)
    timeline: dict[str, Any] | None = None
    is_complete: bool = True

    @property
    def is_ok(self) -> bool:
        """Whether everything that was tried held, and every control was caught."""
        are_caught = all(control["caught"] for control in self.controls)
        return not self.broken_off and are_caught and all(check.holds for check in self.checks)

    def report(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "ok": self.is_ok,
            "is_complete": self.is_complete,
            "bontri": version("bontri"),
            "machine": machine(),
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "seconds": round((utc_now() - self.started_at).total_seconds()),
            **asdict(self.options),
            **self.facts,
            "checks": [check.as_dict() for check in self.checks],
            "controls": self.controls,
            "not_run": self.not_run,
            "broken_off": self.broken_off,
        }

    def attempt(self, what: str, part: Callable[[], None]) -> None:
        """Do a part of the run; when it breaks off, note why, and go on with the next."""
        try:
            part()
        except BROKEN_OFF as error:
            self.broken_off[what] = f"{type(error).__name__}: {error}"
            self.tell.line(f"{what} broke off: {error}")


def run_chaos(options: ChaosOptions, tell: Teller) -> ChaosRun:
    """Play the storm, what is tried after it, and the controls. Blocks for the minutes asked for and some more.

    Without Mosquitto only the races for vouchers run; the run is then not complete. The folder of a storm in which a
    promise was broken is kept, and the report tells where.

    Raises:
        EmbeddedServiceError: PostgreSQL or another service of the storm does not start.
    """
    run = ChaosRun(options, tell)
    try:
        find_mosquitto()
    except ProgramMissingError as error:
        run.is_complete = False
        run.not_run["storm, aftermath and controls"] = str(error)
        run.attempt("races", lambda: play_races_alone(run))
        return run
    tell.line("starting PostgreSQL, broker, workers, API and bins")
    with scratch_folder("chaos") as folder:
        with playing(folder, scene_options(options)) as scene:
            play(scene, run)
        if not run.is_ok:
            run.facts["kept"] = keep(folder)
    if options.with_controls:
        play_controls(run)
    else:
        run.not_run["controls"] = "--no-controls was given"
    return run


def play(scene: Scene, run: ChaosRun) -> None:
    """Play the storm and what is tried after it on one scene."""
    seconds = run.options.minutes * 60
    storm = Storm(Faults(scene, run.options.seed), plan_faults(seconds, seed=run.options.seed), seconds)
    run.attempt("storm", lambda: play_storm(storm, scene, run.tell))
    samples = scene.watch.samples[:]
    run.timeline = draw_timeline(storm, samples)
    run.tell.line("healing: the bins hand over what they hold")
    has_healed, healed_s = scene.heal(within_s=HEALED_WITHIN_S), scene.healed_s
    scene.shopping.stop()
    twins: set[EventKey] = set()
    if has_healed:
        play_aftermath(scene, run, twins)
    else:
        scene.give_up()
        run.not_run["aftermath"] = f"the bins had not all their receipts within {HEALED_WITHIN_S:.0f} s"
    run.tell.line("drawing up the accounts")
    accounts = settle(scene, run, twins)
    silence_s = find_longest_silence(samples, from_s=storm.began_s, until_s=storm.ended_s)
    network = scene.services.bins_proxy.counts + scene.services.workers_proxy.counts
    repeats = network["events_messages_repeated"] + storm.faults.injected["replayed"]
    run.checks[:0] = [
        Check("healed", "after the last fault every bin gets all its receipts", 1, int(not has_healed)),
        check_plan(storm),
        check_restore(storm),
        check_survivors(scene, storm),
        *check_events(accounts, repeats=repeats),
        *check_watch(scene.watch),
        *check_redemptions(scene.shopping.redemptions, accounts),
        *check_recovery(storm.recoveries, longest_silence_s=silence_s),
    ]
    run.facts |= {
        "postgresql": scene.services.server.version if scene.services.server else None,
        "broker": "mosquitto",
        "kills": {"total": storm.faults.kills.total(), **storm.faults.kills},
        "faults": dict(Counter(each.kind for each in storm.happened)),
        "network": dict(network),
        "injected": dict(storm.faults.injected),
        "healed_s": round(healed_s, 1) if healed_s is not None else None,
        "accounts": accounts.as_dict(),
        "happened": [
            {"kind": each.kind, "from_s": each.from_s - storm.began_s, "until_s": each.until_s - storm.began_s}
            for each in storm.happened
        ],
    }


def play_storm(storm: Storm, scene: Scene, tell: Teller) -> None:
    """Let the faults of the plan happen to a scene."""
    scene.services.bins_proxy.weather = replace(USUAL_WEATHER)
    with tell.part("storm", storm.seconds) as advance:

        def show(elapsed_s: float) -> None:
            watch = scene.watch
            words = f"{storm.faults.kills.total()} kills, {watch.events:,} deposits, {watch.broken_promises} broken"
            advance(min(elapsed_s, storm.seconds), words)

        storm.rage(show)


def play_aftermath(scene: Scene, run: ChaosRun, twins: set[EventKey]) -> None:
    """Try what needs a good network; ``twins`` gets the events whose numbers were used again on purpose."""
    tell, options = run.tell, run.options

    def other_content() -> None:
        tell.line("the same numbers with other content")
        check, used = try_other_content(scene)
        twins.update(used)
        run.checks.append(check)

    def gaps() -> None:
        with tell.part("gaps: every tenth message is lost", 1.0) as advance:
            run.checks.append(try_gaps(scene, seconds=options.gaps_seconds, show=advance))

    def long_absence() -> None:
        with tell.part("a bin comes back after 30 days", 1.0) as advance:
            run.checks.append(try_long_absence(scene, events=options.offline_events, show=advance))

    run.attempt("numbers of other content", other_content)
    run.attempt("gaps", gaps)
    run.attempt("long absence", long_absence)
    run.attempt("races", lambda: play_races(scene.services, scene.town, run))


def play_races(services: Services, town: ChaosTown, run: ChaosRun) -> None:
    """Let 64 tills race for one voucher after the other."""
    with run.tell.part("64 tills race for each voucher", 1.0) as advance:
        run.checks.append(try_races(services.database_url, town, races=run.options.races, show=advance))


def play_controls(run: ChaosRun) -> None:
    """Play every control on services of its own."""
    controls = (COUNTERPART, *CONTROLS)
    with run.tell.part("controls", len(controls)) as advance:
        for number, control in enumerate(controls):
            advance(number, control.name)

            def play_one(control: Any = control) -> None:
                with scratch_folder("chaos") as folder:
                    run.controls.append(play_control(control, folder, seed=run.options.seed))

            run.attempt(f"control {control.name}", play_one)


def play_races_alone(run: ChaosRun) -> None:
    """Run what needs no broker."""
    with racing_town(seed=run.options.seed) as (services, town, owner):
        play_races(services, town, run)
        run.checks.append(check_invariants(owner))


@contextmanager
def racing_town(*, seed: int) -> Iterator[tuple[Services, ChaosTown, Engine]]:
    """Run a database alone with a town in it, for the time of the block; the engine is the owner's."""
    keyring = draw_keyring()
    with scratch_folder("chaos") as folder:
        services = Services(folder, keyring, bin_ids_of(1), Programs(), 0.0, seed)
        try:
            services.start_database()
            owner = open_engine(services.database_url, role="owner")
            yield services, build_town(owner, keyring, bins=1, seed=seed, now=utc_now()), owner
            owner.dispose()
        finally:
            services.stop_all()


def check_invariants(owner: Engine) -> Check:
    """Check what ``bontri verify`` does."""
    findings = verify(owner).findings
    broken = sum(each.violations > 0 for each in findings)
    return Check("invariants", "every standing invariant holds", len(findings), broken)


def settle(scene: Scene, run: ChaosRun, twins: set[EventKey]) -> Accounts:
    """Wait until everything is looked at, look no more, and draw up the accounts."""
    time.sleep(LATE_MESSAGES_S)
    watch = scene.watch
    run.attempt(
        "comparing receipts",
        lambda: wait_for(
            lambda: not watch.receipts_waiting or watch.faults,
            within_s=ALL_COMPARED_WITHIN_S,
            what="not all receipts were compared",
        ),
    )
    watch.stop()
    owner = scene.owner()
    try:
        return draw_up(owner, scene.services.journals, scene.shopping.redemptions, scene.town, twins=twins)
    finally:
        owner.dispose()


def check_plan(storm: Storm) -> Check:
    """Check that every kill of the plan hit."""
    planned = sum(each.is_kill for each in storm.plan)
    missed = [each.kind for each in storm.missed if each.is_kill]
    return Check("kills", "every kill of the plan hits", planned, len(missed), {"missed": missed})


def check_restore(storm: Storm) -> Check:
    """Check that the database was set back; that nothing is missing afterwards the accounts tell."""
    set_back = storm.faults.set_back
    return Check(
        "restore",
        "a restore from a backup sets deposits back, and none is missing in the end",
        sum(set_back),
        int(not set_back),
        {"restores": len(set_back), "backups_begun": storm.faults.backup.attempts},
    )


def check_survivors(scene: Scene, storm: Storm) -> Check:
    """Check that nothing ended by itself."""
    ended = scene.services.ended_by_themselves
    starts = sum(service.starts for service in scene.services.all)
    return Check("programs", "no program ends by itself", starts, len(ended), {"ended": ended})


def scene_options(options: ChaosOptions) -> SceneOptions:
    """Return the size of the storm's scene."""
    return SceneOptions(bins=options.bins, rate_per_s=options.rate_per_s, seed=options.seed)


def keep(folder: Path) -> str:
    """Keep the folder of a run: logs, database and journals."""
    kept = folder.with_name(f"{folder.name}-kept")
    folder.rename(kept)
    return str(kept)
