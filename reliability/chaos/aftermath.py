"""What is tried once everything is well again, since it needs a network without other faults to be measured.

The same number with other content; gaps; a bin that comes back after a month; races of 64 for one voucher.
"""

import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Set
from datetime import timedelta

from benchmarks.publishing import publish
from benchmarks.quantiles import quantiles_of
from benchmarks.town import BenchMessage
from bontri.progress import Advance
from ingest.signatures import sign_message
from ingest.worker import utc_now
from reliability.chaos.accounts import EventKey, list_conflicts, read_committed
from reliability.chaos.checks import GAP_NOTICED_S, Check
from reliability.chaos.proxy import Passed
from reliability.chaos.races import WAYS, open_racers, race_for_vouchers
from reliability.chaos.scene import Scene
from reliability.chaos.town import ChaosTown
from reliability.chaos.watching import ToldReceipt, read_receipt
from simulators.bin import SimulatedBin
from simulators.clock import BinClock
from simulators.fleet import Fleet
from simulators.fleet_file import read_fleet

TWINS = 300
TWINS_REFUSED_WITHIN_S = 60.0
LOSE_SHARE = 0.1
HEALED_WITHIN_S = 180.0
OFFLINE = timedelta(days=30)
OFFLINE_DRAINED_WITHIN_S = 600.0


def try_other_content(scene: Scene) -> tuple[Check, set[EventKey]]:
    """Publish events again under their numbers, well signed, with another content; return whose numbers those were."""
    owner, deadline_s = scene.owner(), time.monotonic() + TWINS_REFUSED_WITHIN_S
    try:
        with owner.connect() as connection:
            committed = read_committed(connection).keys() - list_conflicts(owner)
        twins = dict(itertools.islice(make_twins(scene, committed), TWINS))
        publish(scene.services.stranger_url(), twins.values())
        while (refused := list_conflicts(owner) & twins.keys()) < twins.keys() and time.monotonic() < deadline_s:
            time.sleep(0.2)
    finally:
        owner.dispose()
    check = Check(
        "numbers_of_other_content",
        "the same number with other content is refused, and the first stays",
        len(twins),
        len(twins) - len(refused),
        is_sample=True,
    )
    return check, set(twins)


def make_twins(scene: Scene, committed: Set[EventKey]) -> Iterator[tuple[EventKey, BenchMessage]]:
    """Make messages with one deposit each that differs in its items from the one committed."""
    seen: set[EventKey] = set()
    for passed in reversed(scene.services.bins_proxy.recorded.copy()):
        envelope = json.loads(passed.payload.partition(b"\n")[0])
        event = envelope["events"][0]
        event_key = (envelope["bin"], envelope["journal"], event["seq"])
        if event["type"] != "deposit" or event_key in seen or event_key not in committed:
            continue
        seen.add(event_key)
        envelope["events"] = [{**event, "items": event["items"] % 200 + 1}]
        line = json.dumps(envelope, separators=(",", ":")).encode()
        key = scene.town.bin_key(envelope["bin"])
        yield event_key, BenchMessage(passed.topic, sign_message(key, key_number=1, topic=passed.topic, line=line))


def try_gaps(scene: Scene, *, seconds: float, show: Advance) -> Check:
    """Let the bins work while every tenth message is lost, acknowledged; time until its events have a receipt."""
    services, proxy = scene.services, scene.services.bins_proxy
    first, already_lost = len(proxy.receipts), len(proxy.lost)
    for fleet in services.fleets:
        fleet.start()
    proxy.weather.lose_share = LOSE_SHARE
    ends_s = time.monotonic() + seconds
    while (left_s := ends_s - time.monotonic()) > 0:
        show(1 - left_s / seconds)
        services.look_after()
        time.sleep(0.1)
    has_healed = scene.heal(within_s=HEALED_WITHIN_S)
    waited_s = list(time_gaps(proxy.lost[already_lost:], [read_receipt(each) for each in proxy.receipts[first:]]))
    closed_s = [each for each in waited_s if each is not None]
    return Check(
        "gaps",
        f"a gap is noticed and filled within {GAP_NOTICED_S:.0f} s",
        len(waited_s),
        sum(each is None or each > GAP_NOTICED_S for each in waited_s) + (not has_healed),
        {"seconds": quantiles_of(closed_s, digits=2)},
    )


def time_gaps(lost: list[Passed], told: list[ToldReceipt]) -> Iterator[float | None]:
    """Yield, for each event in a lost message, the seconds until a receipt settled it; None when none did."""
    told_by_journal: defaultdict[tuple[str, str], list[ToldReceipt]] = defaultdict(list)
    for receipt in told:
        told_by_journal[receipt.bin_id, receipt.journal].append(receipt)
    for passed in lost:
        envelope = json.loads(passed.payload.partition(b"\n")[0])
        receipts = told_by_journal[envelope["bin"], envelope["journal"]]
        for event in envelope["events"]:
            later = (each.at_s for each in receipts if each.at_s > passed.at_s and each.settles(event["seq"]))
            settled_s = next(later, None)
            yield None if settled_s is None else settled_s - passed.at_s


def try_long_absence(scene: Scene, *, events: int, show: Advance) -> Check:
    """Let a bin make deposits for thirty days without a connection, then connect it and wait for its receipts."""
    provisioned = read_fleet(scene.town.hand_over_offline_bin(mqtt_url=scene.services.bins_url))
    [handed_over] = provisioned.bins
    identity = handed_over.identity
    away_since = utc_now() - OFFLINE
    bin_ = SimulatedBin(
        identity,
        scene.services.journals / identity.authority / f"{identity.bin}.journal",
        away_since,
        clock=BinClock(away_since, is_synced=True),
    )
    for number in range(events):
        at = away_since + OFFLINE * (number / events)
        bin_.deposit(at, material="glass", items=1 + number % 6, badge=scene.town.badges[number % 100])
    bin_.close()
    fleet, began_s = Fleet(provisioned, folder=scene.services.journals, seed=0), time.monotonic()
    try:
        while not fleet.is_drained() and time.monotonic() < began_s + OFFLINE_DRAINED_WITHIN_S:
            fleet.step(timeout_s=0.05)
            show(1 - fleet.counts().unsettled_events / events)
        left = fleet.counts().unsettled_events
    finally:
        fleet.close()
    facts = {"drained_s": round(time.monotonic() - began_s, 1)}
    return Check("long_absence", "a bin away for 30 days hands over all it holds", events, left, facts)


def try_races(database_url: str, town: ChaosTown, *, races: int, show: Advance) -> Check:
    """Let 64 tills race for each of so many vouchers."""
    engine = open_racers(database_url)
    try:
        raced = race_for_vouchers(engine, town, races=races, tell=lambda done: show(done / races))
    finally:
        engine.dispose()
    return Check(
        "races",
        f"a voucher raced for by {WAYS} tills is paid once",
        raced.races,
        raced.wrong,
        {"attempts": raced.attempts},
        is_sample=True,
    )
