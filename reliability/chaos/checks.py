"""What must hold, one line each: how often it was tried, how often it failed, and how sure that makes us.

Source of the promises: docs/reliability.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.quantiles import quantiles_of
from reliability.chaos.accounts import Accounts
from reliability.chaos.recovery import Recovery
from reliability.chaos.tills import Redemptions
from reliability.chaos.watching import Watch

RECOVERED_P95_S, RECOVERED_MAX_S = 10.0, 30.0
GAP_NOTICED_S = 60.0
SAMPLES = 5


@dataclass(slots=True)
class Check:
    """One promise. It holds when it was tried at all and never failed."""

    name: str
    promise: str
    trials: int
    failures: int
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether it was tried, and never failed."""
        return self.trials > 0 and self.failures == 0

    def as_dict(self) -> dict[str, Any]:
        """Return it with the share of failures that is ruled out at 95 %: about 3 in the number of trials."""
        bound = {"failure_rate_below": float(f"{3 / self.trials:.2g}")} if self.holds else {}
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
    """Check what became of the events: nothing lost, doubled, invented or changed."""
    broken = {each.invariant: each.violations for each in accounts.verification.findings if each.violations}
    return [
        Check("events_lost", "0 events lost", accounts.produced, len(accounts.lost)),
        Check(
            "events_doubled",
            "0 doubles with half of all messages repeated",
            repeats,
            sum(broken.get(name, 0) for name in ("one_credit_per_deposit", "rollups_equal_recomputation")),
        ),
        Check(
            "events_as_dropped",
            "what is stored is what was dropped, and nothing else",
            accounts.committed,
            len(accounts.altered) + len(accounts.invented),
        ),
        Check(
            "events_accounted_for",
            "produced = committed + quarantined + still in the journal",
            accounts.produced,
            abs(accounts.produced - accounts.committed - accounts.quarantined - accounts.still_in_journals),
        ),
        Check("repeats_recognised", "no repeat is taken for another event", repeats, len(accounts.refused_repeats)),
        Check("invariants", "every standing invariant holds", len(accounts.verification.findings), len(broken), broken),
    ]


def check_watch(watch: Watch) -> list[Check]:
    """Check what was looked at during the faults."""
    return [
        Check(
            "receipts",
            "every receipt that a bin could see tells of what is committed",
            watch.receipts_checked,
            len(watch.broken_receipts),
            {"samples": watch.broken_receipts[:SAMPLES]} if watch.broken_receipts else {},
        ),
        Check(
            "snapshots",
            "the ledger balances at every concurrent read, and no wallet is below zero",
            watch.snapshots.looks,
            len(watch.bad_snapshots),
            {"samples": watch.bad_snapshots[:SAMPLES]} if watch.bad_snapshots else {},
        ),
    ]


def check_redemptions(redemptions: Redemptions, accounts: Accounts) -> list[Check]:
    """Check that of all who race for a voucher one is paid, and that an answer given is true."""
    counts = redemptions.counts
    return [
        Check(
            "redemptions",
            "each voucher redeemed once, over HTTP, with answers lost",
            counts["races"],
            len(redemptions.wrong),
            {
                "attempts": counts["attempts"],
                "asked_again": counts["asked_again"],
                "wrong": redemptions.wrong[:SAMPLES],
            },
        ),
        Check(
            "redemptions_kept",
            "every redemption a till was told of is in the database",
            sum(redemptions.paid_codes.values()),
            accounts.redemptions_missing,
            {"forgotten_by_restore": counts["forgotten_by_restore"]},
        ),
        Check(
            "keys_of_other_content",
            "a key used for another voucher is refused",
            counts["keys_reused_for_other_content"],
            sum("a key reused" in words for words in redemptions.wrong),
        ),
    ]


def check_recovery(recoveries: Sequence[Recovery], *, longest_silence_s: float) -> Check:
    """Check the time from a kill to the first new commit.

    ``longest_silence_s`` is told beside it: faults that follow one another add up.
    """
    seconds = [each.seconds for each in recoveries]
    quantiles = quantiles_of(seconds, digits=2)
    too_long = sum(each > RECOVERED_MAX_S for each in seconds) + (quantiles.get("p95", 0.0) > RECOVERED_P95_S)
    kinds = sorted({each.kind for each in recoveries})
    return Check(
        "recovery",
        f"first new commit after a kill: 95 of 100 within {RECOVERED_P95_S:.0f} s, all within {RECOVERED_MAX_S:.0f} s",
        len(seconds),
        too_long,
        {
            "seconds": quantiles,
            "longest_s_by_kind": {
                kind: round(max(each.seconds for each in recoveries if each.kind == kind), 2) for kind in kinds
            },
            "longest_without_a_commit_s": round(longest_silence_s, 2),
            "overtaken_by_another_fault": sum(each.is_overtaken for each in recoveries),
        },
    )
