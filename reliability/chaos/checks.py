"""What must hold, one line each: how often it was tried, how often it failed, and how sure that makes us.

Source of the promises: docs/reliability.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.quantiles import quantiles_of
from reliability.chaos.accounts import Accounts
from reliability.chaos.recovery import OF_THE_GROUP, Recovery
from reliability.chaos.tills import Fault, Redemptions
from reliability.chaos.watching import Watch

RECOVERED_P95_S, RECOVERED_MAX_S = 10.0, 30.0
SILENT_AT_MOST_S = 60.0
GAP_NOTICED_S = 60.0
SAMPLES = 5


@dataclass(slots=True)
class Check:
    """One promise. It holds when it was tried at all and never failed.

    ``is_sample``: its trials are independent enough to say how rare a failure must be.
    """

    name: str
    promise: str
    trials: int
    failures: int
    facts: dict[str, Any] = field(default_factory=dict)
    is_sample: bool = False

    @property
    def holds(self) -> bool:
        """Whether it was tried, and never failed."""
        return self.trials > 0 and self.failures == 0

    def as_dict(self) -> dict[str, Any]:
        """Return it; of a sample with the failure rate that is ruled out at 95 %: about 3 in the number of trials."""
        bound = {"failure_rate_below": float(f"{3 / self.trials:.2g}")} if self.holds and self.is_sample else {}
        return {
            "name": self.name,
            "promise": self.promise,
            "holds": self.holds,
            "trials": self.trials,
            "failures": self.failures,
            **bound,
            **self.facts,
        }


def check_events(accounts: Accounts, *, repeats: int) -> list[Check]:
    """Check what became of the events: nothing lost, doubled, invented, changed, or refused for no reason."""
    broken = {each.invariant: each.violations for each in accounts.verification.findings if each.violations}
    both_sides = accounts.committed + accounts.quarantined + accounts.still_in_journals
    return [
        Check("events_lost", "no event is lost", accounts.produced, len(accounts.lost)),
        Check(
            "events_as_dropped",
            "what is stored is what was dropped, and nothing else",
            accounts.committed,
            len(accounts.altered) + len(accounts.invented),
        ),
        Check(
            "events_credited",
            "each deposit earns its points once, for the holder of its card and nobody else",
            accounts.committed,
            len(accounts.wrongly_credited),
        ),
        Check(
            "events_refused",
            "no event is refused but those of a clock that was set wrong",
            accounts.produced,
            len(accounts.wrongly_refused),
            {"quarantined": accounts.quarantined_events},
        ),
        Check(
            "events_accounted_for",
            "produced = committed + quarantined + still in the journal",
            accounts.produced,
            abs(accounts.produced - both_sides),
        ),
        Check("repeats_recognised", "no repeat is taken for another event", repeats, len(accounts.refused_repeats)),
        Check("invariants", "every standing invariant holds", len(accounts.verification.findings), len(broken), broken),
    ]


def check_watch(watch: Watch) -> list[Check]:
    """Check what was looked at during the faults."""
    return [
        Check(
            "receipts",
            "every receipt that a bin could see tells of what was committed before",
            watch.receipts_compared,
            len(watch.untrue_receipts) + watch.receipts_waiting,
            {
                "results_compared": watch.results_compared,
                "cancelled_by_restore": watch.receipts_cancelled,
                "samples": watch.untrue_receipts[:SAMPLES],
            },
        ),
        Check(
            "snapshots",
            "the ledger balances at every concurrent read, and no wallet is below zero",
            watch.snapshots.looks,
            len(watch.bad_snapshots),
            {"samples": watch.bad_snapshots[:SAMPLES]},
        ),
        Check("watchers", "whoever looks looks to the end", 3, len(watch.faults), {"faults": watch.faults}),
    ]


def check_redemptions(redemptions: Redemptions, accounts: Accounts) -> list[Check]:
    """Check that of all who race for a voucher one is paid, and that an answer given is true."""
    counts, faults = redemptions.counts, redemptions.faults
    others: tuple[Fault, ...] = ("answered_wrong", "unanswered", "broke_off")
    return [
        Check(
            "redemptions",
            "of the tills that race for a voucher over HTTP one is paid",
            counts["races"],
            faults["paid_not_once"],
            {"attempts": counts["attempts"]},
            is_sample=True,
        ),
        Check(
            "answers",
            "who got no answer and asks again is told what happened",
            counts["asked_again"],
            sum(faults[each] for each in others),
            {"thrown_away": counts["answers_thrown_away"], "samples": redemptions.samples},
        ),
        Check(
            "redemptions_kept",
            "every redemption a till was told of is in the database",
            accounts.redemptions_told,
            accounts.redemptions_missing,
            {"forgotten_by_restore": counts["forgotten_by_restore"]},
        ),
        Check(
            "keys_of_other_content",
            "a key used again for another good voucher is refused",
            counts["keys_reused_for_another_voucher"],
            faults["key_accepted_twice"],
            is_sample=True,
        ),
    ]


def check_recovery(recoveries: Sequence[Recovery], *, longest_silence_s: float) -> list[Check]:
    """Check the time from a kill in calm to the first new commit, and the longest time without any."""
    timed = [each for each in recoveries if each.kind not in OF_THE_GROUP]
    seconds = [each.seconds for each in timed if each.seconds is not None]
    quantiles = quantiles_of(seconds, digits=2)
    never = len(timed) - len(seconds)
    too_long = sum(each > RECOVERED_MAX_S for each in seconds) + (quantiles.get("p95", 0.0) > RECOVERED_P95_S)
    kinds = sorted({each.kind for each in recoveries})
    return [
        Check(
            "recovery",
            f"after a kill something new is committed: 95 of 100 within {RECOVERED_P95_S:.0f} s, "
            f"all within {RECOVERED_MAX_S:.0f} s",
            len(timed),
            never + too_long,
            {
                "seconds": quantiles,
                "never": never,
                "longest_s_by_kind": {kind: longest_of(recoveries, kind) for kind in kinds},
            },
        ),
        Check(
            "silence",
            f"however many faults come together, something is committed every {SILENT_AT_MOST_S:.0f} s",
            1,
            int(longest_silence_s > SILENT_AT_MOST_S),
            {"longest_s": round(longest_silence_s, 1)},
        ),
    ]


def longest_of(recoveries: Sequence[Recovery], kind: str) -> float | None:
    """Return the longest recovery from one kind of kill; None when one never came."""
    seconds = [each.seconds for each in recoveries if each.kind == kind]
    return round(max(each for each in seconds if each is not None), 2) if None not in seconds else None
