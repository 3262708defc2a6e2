"""A bin with ten thousand gaps: all is recorded, it is told seldom, and no other waits for it."""

import collections
import datetime
import itertools
import json
import time
from dataclasses import dataclass
from pathlib import Path

from bontri.embedded.process_tree import list_descendants
from ingest.contract import LARGEST_RECEIPT_BYTES, MOST_EVENTS, MOST_RECEIPT_RANGES
from ingest.messages import Outgoing
from ingest.mqtt import MOST_BATCH_EVENTS
from ingest.receipt_desk import WIDE_HELD_BACK_S
from rewards.journals import WIDE_RANGES
from rewards.verify import verify
from tests.databases import Database
from tests.factories import build_citizen, build_town
from tests.ingest_scene import (
    KEYRING,
    Publisher,
    connected_publisher,
    mosquitto,
    scalar,
    wait_until,
    worker_processes,
)
from tests.integration.test_ingest_bad_input import POINTS, show_figures
from tests.integration.test_ingest_quarantine import BADGE, Scene, utc_now
from tests.speaker import Speaker, deposit, read

ODD = range(1, 20_002, 2)
SURELY_WIDE = 2 * (WIDE_RANGES + 2 * MOST_BATCH_EVENTS)
"""A receipt that tells of a higher number was written when the journal was wide, whichever writer was first."""


def resident_mb(pid: int) -> float:
    """Return the memory a process and its descendants hold."""
    kilobytes = 0
    for each in (pid, *list_descendants(pid)):
        status = Path(f"/proc/{each}/status").read_text()
        kilobytes += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return kilobytes / 1024


@dataclass
class Timekeeper:
    """Notes when a publisher hears which result."""

    publisher: Publisher

    def __post_init__(self) -> None:
        self.heard_s: dict[tuple[str, int], float] = {}
        self.publisher.on_receipt = self._note

    def _note(self, receipt: Outgoing) -> None:
        now_s, bin_id = time.monotonic(), receipt.topic.split("/")[3]
        for result in read(receipt).get("results", ()):
            self.heard_s.setdefault((bin_id, result["seq"]), now_s)


@dataclass
class Gaps:
    """A bin that numbers 1, 3, 5, … and another that deposits meanwhile, both on a worker process."""

    publisher: Publisher
    gappy: Speaker
    prompt: Speaker

    def __post_init__(self) -> None:
        self.heard = Timekeeper(self.publisher)
        self.sent_s: dict[int, float] = {}

    def deposit_promptly(self) -> None:
        """Let the other bin report a deposit."""
        now, seq = utc_now(), len(self.sent_s) + 1
        self.sent_s[seq] = time.monotonic()
        self.publisher.publish(self.prompt.events(now, deposit(seq, now, badge=BADGE)))

    def report(self) -> None:
        """Report all odd numbers: half at once, the rest for longer than one receipt is held back."""
        now = utc_now()
        envelopes = [
            self.gappy.events(now, *(deposit(seq, now, badge=BADGE) for seq in ODD[first : first + MOST_EVENTS]))
            for first in range(0, len(ODD), MOST_EVENTS)
        ]
        self.publisher.publish(*envelopes[:50])
        for envelope in envelopes[50:]:
            self.publisher.publish(envelope)
            self.deposit_promptly()
            time.sleep((WIDE_HELD_BACK_S + 1) / len(envelopes[50:]))

    def wait_until_told(self) -> None:
        """Return when both bins have been told of all their events."""
        keys = {(self.gappy.bin_id, seq) for seq in ODD} | {(self.prompt.bin_id, seq) for seq in self.sent_s}
        wait_until(lambda: keys <= self.heard.heard_s.keys(), within_s=2 * WIDE_HELD_BACK_S)

    def list_delays_s(self) -> list[float]:
        """List how long the other bin waited for each receipt, ascending."""
        return sorted(self.heard.heard_s[self.prompt.bin_id, seq] - at_s for seq, at_s in self.sent_s.items())

    def list_wide_spacings_s(self) -> list[float]:
        """List the times between receipts written when the journal was wide; those of one moment are one answer."""
        bursts: dict[str, list[int]] = collections.defaultdict(list)
        receipts = self.publisher.receipts_of(self.gappy.bin_id)
        assert receipts[-1]["upto"] == 1
        for told in receipts:
            # Writers overtake each other: what is told first need not be the first event.
            assert told["upto"] <= 1
            assert len(told["also"]) <= MOST_RECEIPT_RANGES
            bursts[told["time"]] += [result["seq"] for result in told["results"]]
        assert sorted(itertools.chain.from_iterable(bursts.values())) == list(ODD)
        wide_at = sorted(datetime.datetime.fromisoformat(at) for at, told in bursts.items() if max(told) > SURELY_WIDE)
        return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(wide_at)]


def test_ten_thousand_gaps_are_recorded_told_seldom_and_slow_down_no_other(database: Database) -> None:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING)
        build_citizen(connection, town, badge=BADGE)
    with (
        mosquitto() as own_broker,
        connected_publisher(own_broker) as publisher,
        worker_processes(database, own_broker) as workers,
    ):
        scene = Scene(database, publisher, town, itertools.count(1), [])
        child, gaps = workers.start(), Gaps(publisher, scene.add_bin(), scene.add_bin())
        for _ in range(20):
            gaps.deposit_promptly()
        publisher.wait_for_result(gaps.prompt.bin_id, 20)
        before_mb, began_s = resident_mb(child.pid), time.monotonic()
        gaps.report()
        wait_until(lambda: scene.count_events(gaps.gappy) == len(ODD))
        recorded_s = time.monotonic() - began_s
        gaps.wait_until_told()
        told_s = time.monotonic() - began_s
        grown_mb = resident_mb(child.pid) - before_mb
        scene.assert_stream_goes_on()
        assert child.is_running
        logged = [json.loads(line) for line in (workers.folder / "ingest.log").read_text().splitlines()]

    delays_s, spacings_s = gaps.list_delays_s(), gaps.list_wide_spacings_s()
    p95_s = delays_s[int(len(delays_s) * 0.95)]
    assert spacings_s
    show_figures(
        recorded_s=recorded_s,
        told_s=told_s,
        least_spacing_s=min(spacings_s),
        other_bin_p95_s=p95_s,
        grown_mb=grown_mb,
    )
    assert min(spacings_s) >= WIDE_HELD_BACK_S - 0.2
    assert p95_s < 2
    assert grown_mb < 50
    receipts = [receipt for receipt in publisher.receipts if receipt.topic.split("/")[3] == gaps.gappy.bin_id]
    assert max(len(receipt.payload) for receipt in receipts) < LARGEST_RECEIPT_BYTES
    assert scalar(database, POINTS) == len(ODD) + len(gaps.sent_s) + 2
    assert verify(database.engine("bontri_reader")).is_sound
    faults = [entry for entry in logged if entry["level"] not in ("debug", "info")]
    assert {(entry["event"], entry.get("kind")) for entry in faults} <= {("bin_alarm_raised", "wide_journal")}
