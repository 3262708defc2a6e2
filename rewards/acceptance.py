"""Deciding whether a reported event can be recorded, and where, when and for how many points. Pure functions.

What a bin reports is believed as to what fell in; its clock, its place and the tariff are looked up here. A refusal
settles the event towards the bin and goes to quarantine, from where it can be replayed once the cause is mended.
"""

import datetime
from dataclasses import dataclass
from typing import Literal

from rewards.bins import KnownBin
from rewards.campaigns import Extra, list_extras
from rewards.ids import Id
from rewards.keyring import FormerBadge
from rewards.rules import AuthorityRules
from rewards.tariffs import MassMissingError, Tariff, TariffLine, find_tariff_in_force, points_for_deposit

CLOCK_TOLERANCE = datetime.timedelta(minutes=10)

Identity = tuple[int, int]
"""(journal_no, seq): an event within its authority."""

RefusalCode = Literal["unknown_material", "clock_ahead", "no_placement", "no_tariff", "internal"]


@dataclass(slots=True)
class ReportedEvent:
    """An event as a bin reported it, verified and well formed. ``at`` and ``clock`` are the bin's.

    ``ahead_ms`` is how far a free clock was ahead when it was last measured, None when it never was.
    ``content_digest`` is keyed and covers all known fields but ``confidence``.
    ``former_badge`` is set while the pepper is rotated.
    ``replayed_at``: when it was taken out of quarantine to be decided about again; None the first time.
    """

    bin: KnownBin
    identity: Identity
    type: Literal["deposit", "emptying"]
    material: str
    items: int | None
    mass_g: int | None
    refused: int | None
    confidence: float | None
    emptied_by: str | None
    badge_digest: bytes | None
    at: datetime.datetime
    clock: Literal["synced", "free", "none"]
    ahead_ms: int | None
    received_at: datetime.datetime
    content_digest: bytes
    replayed_at: datetime.datetime | None = None
    former_badge: FormerBadge | None = None


@dataclass(slots=True)
class Earning:
    """What a deposit earns before caps, and by which line of which tariff.

    ``extras`` are what campaigns would add, the most first; who made the deposit decides which of them it is.
    """

    points: int
    line: TariffLine
    tariff: Tariff
    extras: tuple[Extra, ...] = ()


@dataclass(slots=True)
class AcceptedEvent:
    """An event ready to be recorded. ``day`` is that of the authority's time zone.

    ``earning`` is None for emptyings, for anonymous deposits, and for what a bin in test reports.
    """

    reported: ReportedEvent
    type: Literal["deposit", "emptying", "test"]
    site_id: Id
    occurred_at: datetime.datetime
    is_estimated: bool
    day: datetime.date
    earning: Earning | None


@dataclass(slots=True)
class EventRefusal:
    """Why one event cannot be recorded."""

    code: RefusalCode
    detail: str


def accept(reported: ReportedEvent, rules: AuthorityRules) -> AcceptedEvent | EventRefusal:
    """Decide about one event; ``no_tariff`` also for deposits that would earn nothing, so that none is lost unpriced.

    Source: docs/bin-protocol.md, "Clock" and "Quarantine".
    """
    if reported.material not in rules.materials:
        return EventRefusal("unknown_material", f"material {reported.material!r} is not declared")
    # A replay is judged as the same bytes would be if the bin sent them now; they are still received when they were.
    if reported.clock == "synced" and reported.at > (reported.replayed_at or reported.received_at) + CLOCK_TOLERANCE:
        return EventRefusal("clock_ahead", f"at is {reported.at - reported.received_at} ahead of reception")
    occurred_at, is_estimated = occurrence(reported)
    site_id = reported.bin.find_site(occurred_at)
    if site_id is None:
        return EventRefusal("no_placement", f"the bin stood nowhere at {occurred_at.isoformat()}")
    day = occurred_at.astimezone(rules.timezone).date()
    if reported.bin.state == "test":
        return AcceptedEvent(reported, "test", site_id, occurred_at, is_estimated, day, None)
    earning = None
    if reported.type == "deposit":
        found = find_earning(reported, rules, occurred_at)
        if isinstance(found, EventRefusal):
            return found
        earning = found
        if rules.campaigns:
            earning.extras = list_extras(
                rules.campaigns,
                earning.points,
                occurred_at=occurred_at,
                local=occurred_at.astimezone(rules.timezone),
                material=reported.material,
                site_id=site_id,
            )
    return AcceptedEvent(reported, reported.type, site_id, occurred_at, is_estimated, day, earning)


def occurrence(reported: ReportedEvent) -> tuple[datetime.datetime, bool]:
    """Return when the event occurred, and whether that is an estimate.

    A synced clock is believed, a free one corrected by what it was ahead. Without a clock, before the bin's first
    placement, or in the future by a free clock, the instant of reception stands in.
    """
    at, is_estimated = reported.at, False
    if reported.clock == "free" and reported.ahead_ms is not None:
        at, is_estimated = at - datetime.timedelta(milliseconds=reported.ahead_ms), True
    placed_at = reported.bin.first_placed_at
    is_unusable = (
        reported.clock == "none"
        or (placed_at is not None and at < placed_at)
        or (reported.clock == "free" and at > reported.received_at)
    )
    return (reported.received_at, True) if is_unusable else (at, is_estimated)


def find_earning(
    reported: ReportedEvent, rules: AuthorityRules, occurred_at: datetime.datetime
) -> Earning | EventRefusal:
    """Find what a deposit earns under the tariff in force when it occurred."""
    tariff = find_tariff_in_force(rules.tariffs, occurred_at)
    line = tariff.lines.get(reported.material) if tariff is not None else None
    if tariff is None or line is None:
        return EventRefusal("no_tariff", f"no tariff for {reported.material} at {occurred_at.isoformat()}")
    try:
        points = points_for_deposit(line, items=reported.items or 0, mass_g=reported.mass_g)
    except MassMissingError:
        return EventRefusal("no_tariff", f"{reported.material} is paid per kilogram and the bin did not weigh")
    return Earning(points, line, tariff)
