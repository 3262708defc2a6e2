"""``bontri chaos``: one run from start to verdict."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.report import machine
from bontri.embedded.errors import ProgramMissingError
from bontri.embedded.folders import scratch_folder
from bontri.embedded.mosquitto import find_mosquitto
from bontri.progress import Teller
from ingest.worker import utc_now
from reliability.chaos.accounts import Accounts, Identity, draw_up
from reliability.chaos.aftermath import try_gaps, try_long_absence, try_other_content, try_races
from reliability.chaos.checks import Check, check_events, check_recovery, check_redemptions, check_watch
from reliability.chaos.controls import CONTROLS, COUNTERPART, play_control
from reliability.chaos.faults import Faults
from reliability.chaos.recovery import find_longest_silence, time_recoveries
from reliability.chaos.scene import USUAL_WEATHER, Scene, SceneOptions, playing
from reliability.chaos.schedule import plan_faults
from reliability.chaos.services import Programs, Services
from reliability.chaos.storm import Storm
from reliability.chaos.timeline import draw_timeline
from reliability.chaos.town import ChaosTown, bin_ids_of, build_town, draw_keyring
from rewards.database import open_engine

HEALED_WITHIN_S = 300.0
LATE_MESSAGES_S = 2.0
"""What is repeated on its way may come after all receipts."""


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """What the command line says."""

    minutes: float
    seed: int
    bins: int
    rate_per_s: float
    races: int
    offline_events: int
    with_controls: bool


@dataclass(frozen=True, slots=True)
class ChaosResult:
    """The report, and the picture of faults against commits as a Vega-Lite specification."""

    report: dict[str, Any]
    timeline: dict[str, Any] | None


def run_chaos(options: ChaosOptions, tell: Teller) -> ChaosResult:
    """Play the storm, what is tried after it, and the controls. Blocks for the minutes asked for and some more.

    Without Mosquitto only the races for vouchers run; the report says so.

    Raises:
        EmbeddedServiceError: PostgreSQL or another service of the storm does not start.
    """
    try:
        find_mosquitto()
    except ProgramMissingError as error:
        return run_races_alone(options, tell, reason=str(error))
    with scratch_folder("chaos") as folder, playing(folder, scene_options(options)) as scene:
        report, timeline = play(scene, options, tell)
    controls = play_controls(options, tell) if options.with_controls else []
    report["controls"] = controls
    report["not_run"] = {} if options.with_controls else {"controls": "--no-controls was given"}
    report["ok"] = report["ok"] and all(control["caught"] for control in controls)
    return ChaosResult(report, timeline)


def play(scene: Scene, options: ChaosOptions, tell: Teller) -> tuple[dict[str, Any], dict[str, Any]]:
    """Play the storm and what is tried after it on one scene; return its report and its picture."""
    storm = play_storm(scene, options, tell)
    tell.line("healing: the bins hand over what they hold")
    has_healed, healed_s = scene.heal(within_s=HEALED_WITHIN_S), scene.healed_s
    scene.shopping.stop()
    samples = scene.watch.samples[:]
    recoveries, timeline = time_recoveries(storm.happened, samples), draw_timeline(storm, samples)
    silence_s = find_longest_silence(samples, from_s=storm.began_s, until_s=storm.began_s + storm.seconds)
    aftermath, twins = play_aftermath(scene, options, tell)
    time.sleep(LATE_MESSAGES_S)
    tell.line("drawing up the accounts")
    accounts = draw_up_scene(scene, twins)
    network = scene.services.bins_proxy.counts + scene.services.workers_proxy.counts
    repeats = network["publishes_repeated"] + storm.faults.injected["replayed"]
    checks = [
        Check(
            "healed",
            "after the last fault every bin gets all its receipts",
            len(scene.town.bin_ids),
            int(not has_healed),
        ),
        *check_events(accounts, repeats=repeats),
        *check_watch(scene.watch),
        *check_redemptions(scene.shopping.redemptions, accounts),
        check_recovery(recoveries, longest_silence_s=silence_s),
        *aftermath,
    ]
    report = {
        "ok": all(check.holds for check in checks),
        "seed": options.seed,
        "minutes": options.minutes,
        "machine": machine(),
        "postgresql": scene.services.server.version if scene.services.server else None,
        "kills": {"total": storm.faults.kills.total(), **storm.faults.kills},
        "faults": dict(Counter(each.kind for each in storm.happened)),
        "faults_without_a_target": storm.missed,
        "network": dict(network),
        "injected": dict(storm.faults.injected),
        "ended_by_themselves": scene.services.ended_by_themselves,
        "healed_s": round(healed_s, 1) if healed_s is not None else None,
        "accounts": accounts.as_dict(),
        "checks": [check.as_dict() for check in checks],
    }
    return report, timeline


def play_storm(scene: Scene, options: ChaosOptions, tell: Teller) -> Storm:
    """Let the faults of the plan happen to a scene."""
    seconds = options.minutes * 60
    storm = Storm(Faults(scene, options.seed), plan_faults(seconds, seed=options.seed), seconds)

    scene.services.bins_proxy.weather = replace(USUAL_WEATHER)
    with tell.part("storm", seconds) as advance:

        def show(elapsed_s: float) -> None:
            kills, bad = storm.faults.kills.total(), len(scene.watch.bad_snapshots) + len(scene.watch.broken_receipts)
            words = f"{kills} kills, {scene.watch.events:,} deposits committed, {bad} promises broken"
            advance(min(elapsed_s, seconds), words)

        storm.rage(show)
    return storm


def play_aftermath(scene: Scene, options: ChaosOptions, tell: Teller) -> tuple[list[Check], set[Identity]]:
    """Try what needs a good network; return the checks, and the events whose numbers were used again on purpose."""
    tell.line("the same numbers with other content")
    other_content, twins = try_other_content(scene)
    with tell.part("gaps: every tenth message is lost", 1.0) as advance:
        gaps = try_gaps(scene, advance)
    with tell.part("a bin comes back after 30 days", 1.0) as advance:
        absence = try_long_absence(scene, events=options.offline_events, show=advance)
    return [other_content, gaps, absence, play_races(scene.services, scene.town, options, tell)], twins


def play_races(services: Services, town: ChaosTown, options: ChaosOptions, tell: Teller) -> Check:
    """Let 64 tills race for one voucher after the other."""
    with tell.part("64 tills race for each voucher", 1.0) as advance:
        return try_races(services.database_url, town, races=options.races, show=advance)


def play_controls(options: ChaosOptions, tell: Teller) -> list[dict[str, Any]]:
    """Play every control on services of its own."""
    controls = (COUNTERPART, *CONTROLS)
    results = []
    with tell.part("controls", len(controls)) as advance:
        for number, control in enumerate(controls):
            advance(number, control.name)
            with scratch_folder("chaos") as folder:
                results.append(play_control(control, folder, seed=options.seed))
    return results


def run_races_alone(options: ChaosOptions, tell: Teller, *, reason: str) -> ChaosResult:
    """Run what needs no broker."""
    keyring = draw_keyring()
    with scratch_folder("chaos") as folder:
        services = Services(folder, keyring, bin_ids_of(1), Programs(), 0.0, options.seed)
        try:
            services.start_database()
            owner = open_engine(services.database_url, role="owner")
            town = build_town(owner, keyring, bins=1, seed=options.seed, now=utc_now())
            owner.dispose()
            races = play_races(services, town, options, tell)
        finally:
            services.stop_all()
    report = {
        "ok": races.holds,
        "seed": options.seed,
        "minutes": options.minutes,
        "machine": machine(),
        "checks": [races.as_dict()],
        "controls": [],
        "not_run": {"storm, aftermath and controls": reason},
    }
    return ChaosResult(report, None)


def draw_up_scene(scene: Scene, twins: set[Identity]) -> Accounts:
    """Draw up the accounts of a scene whose bins have ended."""
    owner = scene.owner()
    try:
        redemptions, keyring = scene.shopping.redemptions, scene.town.keyring
        return draw_up(owner, scene.services.journals, redemptions, keyring, twins=twins)
    finally:
        owner.dispose()


def scene_options(options: ChaosOptions) -> SceneOptions:
    """Return the size of the storm's scene."""
    return SceneOptions(bins=options.bins, rate_per_s=options.rate_per_s, seed=options.seed)
