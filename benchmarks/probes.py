"""Probes: citizens who drop something in and look at their points until they are there."""

import http.client
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions
from sqlalchemy import Connection

from benchmarks.fast_publisher import FastPublisher
from benchmarks.publishing import connect
from benchmarks.scene import Scene
from benchmarks.tills import sign_in
from benchmarks.town import AUTHORITY_ID, SLUG, BenchTown
from bontri.embedded.listeners import LOOPBACK
from ingest.worker import utc_now
from rewards.citizens import register_citizen
from rewards.database import open_engine
from rewards.keyring import Keyring

POLL_S = 0.01
SEEN_WITHIN_S = 20.0


@dataclass(slots=True)
class Seen:
    """What probes saw, in milliseconds from publishing; ``missed`` deposits showed no points in time."""

    points_ms: list[float] = field(default_factory=list)
    receipt_ms: list[float] = field(default_factory=list)
    missed: int = 0


@dataclass(frozen=True, slots=True)
class ProbeCitizen:
    """A citizen with a badge and a session."""

    badge: str
    token: str = field(repr=False)


def register_probes(connection: Connection, keyring: Keyring, count: int) -> list[ProbeCitizen]:
    """Register citizens and sign them in; needs the owner's transaction."""
    probes = []
    for number in range(count):
        badge, email, now = f"PROBE-{number:04}", f"probe-{number}@example.org", utc_now()
        register_citizen(connection, keyring, authority_id=AUTHORITY_ID, badges=[badge], email=email, now=now)
        probes.append(ProbeCitizen(badge, sign_in(connection, keyring, email, now=now)))
    return probes


class ReceiptClock:
    """Notes when the last receipt for each bin came."""

    def __init__(self, scene: Scene, bin_ids: Sequence[str]) -> None:
        self.came_s: dict[str, float] = {}
        self._client = connect(scene.mqtt_url("publisher"), client_id="bench-receipts")
        self._client.on_message = self._note
        self._client.subscribe([(f"bontri/v1/{SLUG}/{each}/down/receipt", SubscribeOptions(qos=1)) for each in bin_ids])

    def _note(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        self.came_s[message.topic.split("/")[3]] = time.perf_counter()

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()


class Probes:
    """Citizens at bins of their own, a thread each, for the time of the block."""

    def __init__(
        self, scene: Scene, api_port: int, *, count: int, first_bin: int, seed: int, pause_s: tuple[float, float]
    ) -> None:
        self.seen = Seen()
        self._scene, self._port, self._seed, self._pause_s = scene, api_port, seed, pause_s
        self._stop = threading.Event()
        self._noting = threading.Lock()
        self._faults: list[BaseException] = []
        owner = open_engine(scene.server.url("bontri"), role="owner")
        with owner.begin() as connection:
            citizens = register_probes(connection, scene.keyring, count)
        owner.dispose()
        towns = [
            BenchTown(scene.keyring, bins=1, citizens=1, seed=seed + number, first_bin=first_bin + number)
            for number in range(count)
        ]
        self._receipts = ReceiptClock(scene, [town.bin_ids[0] for town in towns])
        self._threads = [
            threading.Thread(target=self._run, args=(number, citizen, town), name=f"probe-{number}", daemon=True)
            for number, (citizen, town) in enumerate(zip(citizens, towns, strict=True))
        ]

    def __enter__(self) -> "Probes":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._receipts.close()

    def raise_fault(self) -> None:
        """Raise what ended a probe, if anything did."""
        if self._faults:
            raise self._faults[0]

    def _run(self, number: int, citizen: ProbeCitizen, town: BenchTown) -> None:
        chance = random.Random(self._seed + number)
        try:
            with FastPublisher(self._scene.mqtt_url("publisher"), client_id=f"bench-probe-{number}") as publisher:
                points = self._read_points(citizen)
                while not self._stop.wait(chance.uniform(*self._pause_s)):
                    points = self._drop_in(publisher, citizen, town, points)
        except Exception as fault:  # noqa: BLE001 (handed to the main thread)
            self._faults.append(fault)

    def _drop_in(self, publisher: FastPublisher, citizen: ProbeCitizen, town: BenchTown, points: int) -> int:
        """Make one deposit and wait for its points; return the points then."""
        message = town.one_deposit(badge=citizen.badge, items=1, now=utc_now())
        started_s = time.perf_counter()
        publisher.send([message])
        now = points
        while now <= points and time.perf_counter() - started_s < SEEN_WITHIN_S:
            time.sleep(POLL_S)
            now = self._read_points(citizen)
        seen_s = time.perf_counter()
        publisher.wait_until_taken()
        self._note(town.bin_ids[0], started_s, seen_s if now > points else None)
        return now

    def _note(self, bin_id: str, started_s: float, seen_s: float | None) -> None:
        # Held back up to 100 ms under load, a receipt may come after the points.
        deadline = time.perf_counter() + 1.0
        while (came_s := self._receipts.came_s.get(bin_id, 0.0)) < started_s and time.perf_counter() < deadline:
            time.sleep(POLL_S)
        with self._noting:
            if seen_s is None:
                self.seen.missed += 1
            else:
                self.seen.points_ms.append((seen_s - started_s) * 1000)
            if came_s > started_s:
                self.seen.receipt_ms.append((came_s - started_s) * 1000)

    def _read_points(self, citizen: ProbeCitizen) -> int:
        """Ask the API for the balance, over a connection of its own as a phone does."""
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=SEEN_WITHIN_S)
        try:
            connection.request("GET", "/api/v1/citizen/wallet", headers={"Authorization": f"Bearer {citizen.token}"})
            answer = connection.getresponse()
            body = json.loads(answer.read())
        finally:
            connection.close()
        return int(body["points"])
