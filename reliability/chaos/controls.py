"""Controls: the same scene with one guard taken out, and the faults the guard is there for. Each must be caught.

A control that passes shows that the harness would not notice: then the whole run is worth nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reliability.chaos.accounts import draw_up
from reliability.chaos.checks import Check, check_events, check_redemptions, check_watch
from reliability.chaos.proxy import Weather
from reliability.chaos.scene import Scene, SceneOptions, playing
from reliability.chaos.services import Programs

MODULE = "reliability.chaos.mutants"
HONEST = Programs()
EAGER_WORKER = (MODULE, "eager-worker", "ingest")
TELLING_WORKER = (MODULE, "telling-worker", "ingest")
COMPARING_WORKER = (MODULE, "comparing-worker", "ingest")
TRUSTING_BINS = (MODULE, "trusting-bins")
LOOKING_API = (MODULE, "looking-api")

BINS, RATE_PER_S = 12, 60.0
ROUNDS = 2
HELD_UP_S, RECEIVED_WITHIN_S, CALM_S = 1.0, 0.5, 1.5
HEALED_WITHIN_S = 90.0
REPEATED_AFTER_S, REPEATS_S, SHOPPING_S = 0.004, 10.0, 6.0


@dataclass(frozen=True, slots=True)
class Control:
    """A guard, the programs without it, the script that needs it, and the checks of which at least one must fail."""

    name: str
    without: str
    programs: Programs
    play: Callable[[Scene], None]
    must_fail: str | None
    has_shoppers: bool = False


def kill_workers_in_their_commits(scene: Scene) -> None:
    """Let messages pile up, hold the database up so that they are received, not committed; kill the workers there."""
    services = scene.services
    for _ in range(ROUNDS):
        services.workers.pause()
        time.sleep(HELD_UP_S)
        services.postgres.pause()
        services.workers.resume()
        time.sleep(RECEIVED_WITHIN_S)
        services.workers.kill()
        services.postgres.resume()
        services.workers.start()
        time.sleep(CALM_S)


def lose_the_brokers_disk(scene: Scene) -> None:
    """Let the broker hold messages for workers that are away, then lose it with its disk."""
    services = scene.services
    for _ in range(ROUNDS):
        services.workers.kill()
        time.sleep(HELD_UP_S)
        services.broker.kill()
        services.wipe_broker()
        services.broker.start()
        services.workers.start()
        time.sleep(CALM_S)


def let_them_work(scene: Scene) -> None:
    """Do nothing to them."""
    time.sleep(CALM_S * 2)


def repeat_everything(scene: Scene) -> None:
    """Let every message come a second time, while the first is being committed."""
    scene.services.bins_proxy.weather = Weather(repeat_share=1.0, repeat_after_s=REPEATED_AFTER_S)
    time.sleep(REPEATS_S)


def race_at_tills(scene: Scene) -> None:
    """Let shoppers and tills do as always."""
    time.sleep(SHOPPING_S)


CONTROLS = (
    Control(
        "eager_worker",
        "the worker acknowledges before the commit (and nobody sends again: the bins trust the broker)",
        replace(HONEST, worker=EAGER_WORKER, bins=TRUSTING_BINS),
        kill_workers_in_their_commits,
        "events_lost",
    ),
    Control(
        "trusting_bins",
        "bins take the broker's PUBACK for a receipt",
        replace(HONEST, bins=TRUSTING_BINS),
        lose_the_brokers_disk,
        "events_lost",
    ),
    Control(
        "telling_worker",
        "the worker tells before the commit",
        replace(HONEST, worker=TELLING_WORKER),
        let_them_work,
        "receipts",
    ),
    Control(
        "looking_api",
        "a redemption looks, then writes",
        replace(HONEST, api=LOOKING_API),
        race_at_tills,
        "redemptions",
        has_shoppers=True,
    ),
    Control(
        "comparing_worker",
        "repeats are compared inside the inserting statement",
        replace(HONEST, worker=COMPARING_WORKER),
        repeat_everything,
        "repeats_recognised",
    ),
)
COUNTERPART = Control(
    "honest_worker",
    "nothing: bins that trust the broker, while only workers are killed",
    replace(HONEST, bins=TRUSTING_BINS),
    kill_workers_in_their_commits,
    None,
)
"""What the first control differs from by its worker alone; here nothing may be lost."""


def play_control(control: Control, folder: Path, *, seed: int) -> dict[str, Any]:
    """Play a control in ``folder`` and tell whether what must fail did.

    Raises:
        EmbeddedServiceError: a service does not start.
    """
    options = SceneOptions(
        bins=BINS, rate_per_s=RATE_PER_S, seed=seed, shopping_pause_s=0.05, programs=control.programs
    )
    with playing(folder, options, with_api=control.has_shoppers) as scene:
        control.play(scene)
        if control.has_shoppers:
            scene.shopping.stop()
        has_healed = scene.heal(within_s=HEALED_WITHIN_S)
        if not has_healed:
            scene.give_up()
        checks = check_scene(scene)
    failed = [check.name for check in checks if check.failures]
    is_as_expected = control.must_fail in failed if control.must_fail else not failed
    return {
        "name": control.name,
        "without": control.without,
        "must_fail": control.must_fail,
        "has_healed": has_healed,
        "caught": has_healed and is_as_expected,
        "failed_checks": {check.name: f"{check.failures} of {check.trials}" for check in checks if check.failures},
    }


def check_scene(scene: Scene) -> Sequence[Check]:
    """Draw up the accounts of a scene."""
    owner = scene.owner()
    try:
        redemptions = scene.shopping.redemptions
        accounts = draw_up(owner, scene.services.journals, redemptions, scene.town)
    finally:
        owner.dispose()
    repeats = scene.services.bins_proxy.counts["events_messages_repeated"]
    return [
        *check_events(accounts, repeats=repeats),
        *check_watch(scene.watch),
        *check_redemptions(redemptions, accounts),
    ]
