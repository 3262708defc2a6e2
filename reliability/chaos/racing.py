"""``bontri races``: 64 at once for one scarce thing, thousands of times, on a PostgreSQL of its own; no other faults.

At the end a control: the same race with a redemption that looks and then writes, which must pay more than once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from benchmarks.report import machine
from bontri.progress import Teller
from reliability.chaos.checks import Check
from reliability.chaos.mutants import look_then_write
from reliability.chaos.races import WAYS, Raced, open_racers, race_for_stock, race_for_tries, race_for_vouchers
from reliability.chaos.report import tell_check
from reliability.chaos.run import check_invariants, racing_town

CONTROL_RACES = 10
SHARE_OF_OTHERS = 10
"""For the other scarce things a tenth of the races."""
PAID_ONCE = f"a voucher raced for by {WAYS} tills is paid once"
SOLD_ONCE = f"the last of a stock raced for by {WAYS} buyers is sold once"
FIVE_TRIES = f"of {WAYS} typed codes at once a shop has five tries"


@dataclass(frozen=True, slots=True)
class Races:
    """What the races came to. The control is caught when its races had another number of winners than one."""

    seed: int
    checks: list[Check]
    control: Raced
    postgresql: str

    @property
    def is_ok(self) -> bool:
        """Whether every race went as it must, and the control did not."""
        return all(check.holds for check in self.checks) and self.control.wrong > 0

    def report(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "ok": self.is_ok,
            "bontri": version("bontri"),
            "postgresql": self.postgresql,
            "machine": machine(),
            "seed": self.seed,
            "ways": WAYS,
            "checks": [check.as_dict() for check in self.checks],
            "control": {
                "without": "a redemption looks, then writes",
                "races": self.control.races,
                "paid_not_once": self.control.wrong,
                "caught": self.control.wrong > 0,
            },
        }


def run_races(*, races: int, seed: int, tell: Teller) -> Races:
    """Hold the races, verify the books, then hold the control on another database.

    Raises:
        EmbeddedServiceError: PostgreSQL does not start.
    """
    with racing_town(seed=seed) as (services, town, owner):
        postgresql = services.server.version if services.server else ""
        engine = open_racers(services.database_url)
        few = max(1, races // SHARE_OF_OTHERS)
        checks = [
            hold("vouchers", PAID_ONCE, partial(race_for_vouchers, engine, town), races=races, tell=tell),
            hold("stock", SOLD_ONCE, partial(race_for_stock, engine, owner, town), races=few, tell=tell),
            hold("tries", FIVE_TRIES, partial(race_for_tries, engine, town), races=few, tell=tell),
            check_invariants(owner),
        ]
        engine.dispose()
    with racing_town(seed=seed) as (services, town, _):
        engine = open_racers(services.database_url)
        with tell.part("control: a redemption looks, then writes", CONTROL_RACES) as advance:
            control = race_for_vouchers(engine, town, races=CONTROL_RACES, tell=advance, redeem=look_then_write)
        engine.dispose()
    return Races(seed, checks, control, postgresql)


def hold(name: str, promise: str, race_for: Callable[..., Raced], *, races: int, tell: Teller) -> Check:
    """Hold the races for one kind of thing."""
    with tell.part(f"{races:,} races for {name}", races) as advance:
        raced = race_for(races=races, tell=advance)
    return Check(name, promise, raced.races, raced.wrong, {"attempts": raced.attempts}, is_sample=True)


def races_as_text(report: dict[str, Any]) -> str:
    """Write what held, and whether the control was noticed."""
    lines = [f"seed {report['seed']}, {report['ways']} at once, PostgreSQL {report['postgresql']}", ""]
    for check in report["checks"]:
        lines += tell_check(check)
    control = report["control"]
    caught = "as it must" if control["caught"] else "NOT AS IT MUST"
    told = f"{control['paid_not_once']} of {control['races']} races paid more than once"
    return "\n".join([*lines, f"  control, {control['without']}: {told}: {caught}"])
