"""What a fleet did, counted while it does it; the numbers a scenario prints at its end."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import asdict, dataclass, field

_LATENCY_SAMPLES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """A snapshot. Produced, sent and settled cover this run; ``unsettled_events`` is what the journals hold now.

    Attributes:
        produced_deposits: Deposits that entered a journal in this run.
        refused_deposits: Deposits refused because a journal was full or a bin in emptying mode.
        produced_emptyings: Emptyings that entered a journal in this run.
        unsettled_events: Events in the journals (of this run or an earlier one) without a receipt, given up excluded.
        settled_events: Events settled by receipts of this run, whenever they were produced.
        sent_messages: Messages of every kind handed to the connection.
        sent_events: Events inside them, repeats included.
        resent_events: Events sent again after having been sent before in this run.
        receipts: Receipts accepted.
        receipts_refused: Messages on the receipt topic with a wrong signature, form, journal or a lower epoch.
        events_by_state: Settled events by the state their receipt named; an event counts once.
        points: Sum of the points the receipts named; an event counts once.
        commands_done: Commands executed; each id counts once here and in the next two.
        commands_refused: Commands that could not be executed.
        commands_expired: Commands that came too late.
        commands_repeated: Commands already answered, answered again and not executed.
        commands_ignored: Messages on the command topic with a wrong signature, form or bin, or to an unsynced clock.
        configs_taken: Configurations stored.
        configs_ignored: Messages on the configuration topic with a wrong signature, form or bin, or no newer version.
        puback_refusals: Messages whose PUBACK said they were not delivered.
        connections: Connections that became ready.
        failed_connections: Attempts that did not; ``last_connection_failure`` says why, with the bin.
        lost_connections: Ready connections that ended otherwise than by a clean stop.
        latency_p50_ms: From the deposit to its receipt, median; None before the first receipt.
        latency_p99_ms: The same, 99 of 100 are faster.
        is_drained: No event is left without a receipt.
    """

    bins: int
    connected_bins: int
    elapsed_s: float
    produced_deposits: int
    refused_deposits: int
    produced_emptyings: int
    unsettled_events: int
    settled_events: int
    given_up_events: int
    sent_messages: int
    sent_events: int
    resent_events: int
    receipts: int
    receipts_refused: int
    events_by_state: dict[str, int]
    points: int
    commands_done: int
    commands_refused: int
    commands_expired: int
    commands_repeated: int
    commands_ignored: int
    configs_taken: int
    configs_ignored: int
    puback_refusals: int
    connections: int
    failed_connections: int
    lost_connections: int
    last_connection_failure: str | None
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    is_drained: bool

    def as_dict(self) -> dict[str, object]:
        """Return plain values ready for JSON."""
        return asdict(self)


@dataclass(slots=True)
class Tally:
    """The running counters, shared by all bins of a fleet (one thread, so no lock)."""

    produced_deposits: int = 0
    refused_deposits: int = 0
    produced_emptyings: int = 0
    settled_events: int = 0
    given_up_events: int = 0
    sent_messages: int = 0
    sent_events: int = 0
    resent_events: int = 0
    receipts: int = 0
    receipts_refused: int = 0
    events_by_state: Counter[str] = field(default_factory=Counter)
    points: int = 0
    commands_done: int = 0
    commands_refused: int = 0
    commands_expired: int = 0
    commands_repeated: int = 0
    commands_ignored: int = 0
    configs_taken: int = 0
    configs_ignored: int = 0
    puback_refusals: int = 0
    connections: int = 0
    failed_connections: int = 0
    lost_connections: int = 0
    last_connection_failure: str | None = None
    _latencies_ms: list[float] = field(default_factory=list)
    _latencies_seen: int = 0
    _sampling: random.Random = field(default_factory=lambda: random.Random(0))

    def add_latency(self, latency_ms: float) -> None:
        """Take one latency into a uniform sample of at most 100,000 (reservoir), so that a long run stays small."""
        self._latencies_seen += 1
        if len(self._latencies_ms) < _LATENCY_SAMPLES_MAX:
            self._latencies_ms.append(latency_ms)
        elif (place := self._sampling.randrange(self._latencies_seen)) < _LATENCY_SAMPLES_MAX:
            self._latencies_ms[place] = latency_ms

    def snapshot(self, *, bins: int, connected_bins: int, unsettled_events: int, elapsed_s: float) -> FleetCounts:
        """Return the counters of this moment together with what only the fleet knows."""
        ordered = sorted(self._latencies_ms)
        names = [name for name in Tally.__slots__ if not name.startswith("_")]
        counters = {name: getattr(self, name) for name in names} | {"events_by_state": dict(self.events_by_state)}
        return FleetCounts(
            **counters,
            bins=bins,
            connected_bins=connected_bins,
            unsettled_events=unsettled_events,
            elapsed_s=round(elapsed_s, 3),
            latency_p50_ms=_percentile(ordered, 50),
            latency_p99_ms=_percentile(ordered, 99),
            is_drained=unsettled_events == 0,
        )


def _percentile(ordered: list[float], percent: int) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) * percent // 100, len(ordered) - 1)], 3)
