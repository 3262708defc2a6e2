"""``bontri chaos``: one run from start to verdict."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.report import machine
from reliability.chaos.accounts import draw_up
from reliability.chaos.checks import Check, check_events, check_recovery, check_redemptions
from reliability.chaos.faults import Faults
from reliability.chaos.recovery import time_recoveries
from reliability.chaos.scene import USUAL_WEATHER, Scene, SceneOptions, playing
from reliability.chaos.schedule import plan_faults
from reliability.chaos.storm import Storm

HEALED_WITHIN_S = 240.0

Tell = Callable[[str, float | None], None]
"""Called with what is going on, and the share of it that is done where that is known."""


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """What the command line says."""

    minutes: float
    seed: int
    bins: int
    rate_per_s: float


def play_storm(scene: Scene, options: ChaosOptions, tell: Tell) -> Storm:
    """Let the faults of the plan happen to a scene."""
    seconds = options.minutes * 60
    storm = Storm(Faults(scene, options.seed), plan_faults(seconds, seed=options.seed), seconds)

    def show(elapsed_s: float) -> None:
        kills = storm.faults.kills.total()
        tell(f"{kills} kills, {scene.watch.events:,} deposits committed", min(elapsed_s / seconds, 1.0))

    scene.services.bins_proxy.weather = replace(USUAL_WEATHER)
    storm.rage(show)
    return storm


def run_chaos(options: ChaosOptions, tell: Tell) -> dict[str, Any]:
    """Run, and return the report.

    Raises:
        EmbeddedServiceError: a service does not start.
    """
    tell("starting PostgreSQL, broker, workers, API and bins", None)
    with scratch_folder() as folder, playing(folder, scene_options(options)) as scene:
        storm = play_storm(scene, options, tell)
        tell("healing: the bins hand over what they hold", None)
        has_healed = scene.heal(within_s=HEALED_WITHIN_S)
        scene.shopping.stop()
        time.sleep(1.0)
        owner = scene.owner()
        accounts = draw_up(owner, scene.services.journals, scene.shopping.redemptions, scene.town.keyring)
        owner.dispose()
        recoveries = time_recoveries(storm.happened, scene.watch.samples)
        counts = scene.services.bins_proxy.counts + scene.services.workers_proxy.counts
        repeats = counts["publishes_repeated"] + storm.faults.injected["replayed"]
        checks = [
            Check("healed", "every bin has all its receipts after the last fault", 1, not has_healed),
            *check_events(accounts, repeats=repeats),
            Check(
                "receipts",
                "every receipt tells of what is committed",
                scene.watch.receipts_checked,
                len(scene.watch.broken_receipts),
            ),
            Check(
                "snapshots",
                "the ledger balances at every concurrent read",
                scene.watch.snapshots.looks,
                len(scene.watch.bad_snapshots),
            ),
            *check_redemptions(scene.shopping.redemptions, accounts),
            check_recovery(recoveries),
        ]
    return {
        "ok": all(check.holds for check in checks),
        "seed": options.seed,
        "minutes": options.minutes,
        "machine": machine(),
        "kills": dict(storm.faults.kills),
        "faults": dict(Counter(each.kind for each in storm.happened)),
        "missed": storm.missed,
        "network": dict(counts),
        "injected": dict(storm.faults.injected),
        "healed_s": scene.healed_s,
        "accounts": accounts.as_dict(),
        "checks": [check.as_dict() for check in checks],
    }


def scene_options(options: ChaosOptions) -> SceneOptions:
    return SceneOptions(bins=options.bins, rate_per_s=options.rate_per_s, seed=options.seed)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that the accounts of the services can reach; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bontri-chaos-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
