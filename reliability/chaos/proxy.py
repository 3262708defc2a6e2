"""A bad network: a proxy that understands MQTT, between bins or workers and the broker.

It repeats, reorders, corrupts and loses PUBLISH packets, swallows PUBACKs, delays, slows and cuts links; and it takes
down every receipt on its way to a bin, before the bin can see it.
"""

import asyncio
import datetime
import random
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field

from bontri.embedded.listeners import LOOPBACK
from ingest.fast_paho import MalformedPacketError
from ingest.worker import utc_now
from reliability.chaos.packets import PUBACK, PUBLISH, kind_of, read_publish, split_packets, write_puback

READ_BYTES = 65_536
HELD_BACK_S = 0.05
STARTS_WITHIN_S, ENDS_WITHIN_S = 10.0, 2.0
MOST_RECORDED = 20_000


@dataclass(slots=True)
class Weather:
    """What the network does now; shares of PUBLISH packets, from 0 to 1. Set by one thread, read by the proxy's."""

    repeat_share: float = 0.0
    repeat_after_s: float = 0.0
    swap_share: float = 0.0
    corrupt_share: float = 0.0
    lose_share: float = 0.0
    swallow_every_puback: int = 0
    delay_s: float = 0.0
    bytes_per_s: float = 0.0
    is_silent: bool = False
    """Nothing gets through, and neither end learns of it."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A message that went through, and when: in monotonic seconds, and by the clock on the wall."""

    topic: str
    payload: bytes
    at_s: float
    passed_at: datetime.datetime


@dataclass(eq=False)
class Link:
    """One connection through the proxy."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    pubacks: int = 0

    def close(self) -> None:
        """End both connections at once, whatever waits in them."""
        for writer in (self.near, self.far):
            writer.transport.abort()


@dataclass
class Proxy:
    """Listens on a port of its own, in a thread of its own, and passes on to ``target_port``.

    ``receipts`` holds all that was sent to bins; ``recorded`` the newest messages of events, as their bins signed them;
    ``lost`` those that never reached the broker although their sender was told so.
    """

    target_port: int
    seed: int
    weather: Weather = field(default_factory=Weather)
    counts: Counter[str] = field(default_factory=Counter)
    receipts: list[Passed] = field(default_factory=list)
    recorded: deque[Passed] = field(default_factory=lambda: deque(maxlen=MOST_RECORDED))
    lost: list[Passed] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        if not self._listens.wait(STARTS_WITHIN_S):
            raise OSError("the proxy does not listen")

    def close(self) -> None:
        """Cut every link and stop listening."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTS_WITHIN_S)

    def cut(self, share: float = 1.0) -> None:
        """Break a share of the links; new ones are let through."""
        self._loop.call_soon_threadsafe(self._cut, share)

    def _cut(self, share: float) -> None:
        for link in list(self._links):
            if self._random.random() < share:
                self.counts["links_cut"] += 1
                link.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, LOOPBACK, 0, limit=READ_BYTES))
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        try:
            self._loop.run_forever()
        finally:
            self._cut(1.0)
            server.close()
            if tasks := asyncio.all_tasks(self._loop):
                self._loop.run_until_complete(asyncio.wait(tasks, timeout=ENDS_WITHIN_S))
            self._loop.close()

    async def _accept(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await asyncio.open_connection(LOOPBACK, self.target_port)
        except OSError:
            # No broker: the client finds the connection closed, as behind a real network.
            near.transport.abort()
            return
        link = Link(near, far)
        self._links.add(link)
        up = Direction(self, link, near_reader, far, near, is_up=True)
        down = Direction(self, link, far_reader, near, far, is_up=False)
        try:
            await asyncio.wait(
                [asyncio.ensure_future(up.pass_on()), asyncio.ensure_future(down.pass_on())],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._links.discard(link)
            link.close()


@dataclass
class Direction:
    """One way of a link: packets from ``reader`` to ``sink``; ``back`` leads to where they came from."""

    proxy: Proxy
    link: Link
    reader: asyncio.StreamReader
    sink: asyncio.StreamWriter
    back: asyncio.StreamWriter
    is_up: bool
    held: bytes | None = None

    async def pass_on(self) -> None:
        """Pass on until either end closes."""
        rest = b""
        with suppress(OSError, MalformedPacketError):
            while True:
                data = await self._read()
                if data == b"":
                    break
                packets, rest = split_packets(rest + (data or b""))
                if data is None:
                    await self._send(self._release())
                for packet in packets:
                    await self._send(self._befall(packet))
        self.link.close()

    async def _read(self) -> bytes | None:
        """Read what is there; None when a packet held back waits and nothing came that could overtake it."""
        if self.held is None:
            return await self.reader.read(READ_BYTES)
        with suppress(TimeoutError):
            return await asyncio.wait_for(self.reader.read(READ_BYTES), HELD_BACK_S)
        return None

    def _release(self) -> list[bytes]:
        held, self.held = self.held, None
        return [] if held is None else [held]

    async def _send(self, packets: list[bytes]) -> None:
        weather = self.proxy.weather
        if weather.delay_s:
            await asyncio.sleep(weather.delay_s)
        for packet in packets:
            if weather.bytes_per_s:
                await asyncio.sleep(len(packet) / weather.bytes_per_s)
            self.sink.write(packet)
        await self.sink.drain()

    def _befall(self, packet: bytes) -> list[bytes]:
        """Return what becomes of a packet: itself, twice, after the next one, changed, or nothing."""
        if self.proxy.weather.is_silent:
            return []
        if kind_of(packet) == PUBACK:
            return self._befall_puback(packet)
        if kind_of(packet) != PUBLISH:
            return [packet]
        weather, chance = self.proxy.weather, self.proxy._random.random
        publish = read_publish(packet)
        passed = Passed(publish.topic, packet[publish.payload_start :], time.monotonic(), utc_now())
        if self.is_up and publish.topic.endswith("/up/events"):
            if chance() < weather.lose_share and publish.packet_id is not None:
                self.proxy.counts["publishes_lost"] += 1
                self.proxy.lost.append(passed)
                self.back.write(write_puback(publish.packet_id))
                return []
            self.proxy.recorded.append(passed)
        if not self.is_up and publish.topic.endswith("/down/receipt"):
            self.proxy.receipts.append(passed)
        if chance() < weather.corrupt_share and publish.payload_start < len(packet):
            self.proxy.counts["publishes_corrupted"] += 1
            packet = self._corrupt(packet, publish.payload_start)
        out = [packet]
        if chance() < weather.repeat_share:
            is_event = self.is_up and publish.topic.endswith("/up/events")
            self.proxy.counts["events_messages_repeated" if is_event else "other_messages_repeated"] += 1
            self._repeat(packet, out)
        if self.held is None and chance() < weather.swap_share:
            self.proxy.counts["publishes_overtaken"] += 1
            self.held = packet
            return out[1:]
        return out + self._release()

    def _befall_puback(self, packet: bytes) -> list[bytes]:
        self.link.pubacks += 1
        every = self.proxy.weather.swallow_every_puback
        if every and self.link.pubacks % every == 0:
            self.proxy.counts["pubacks_swallowed"] += 1
            return []
        return [packet]

    def _repeat(self, packet: bytes, out: list[bytes]) -> None:
        after_s = self.proxy.weather.repeat_after_s
        if not after_s:
            out.append(packet)
            return
        asyncio.get_running_loop().call_later(after_s, self._send_late, packet)

    def _send_late(self, packet: bytes) -> None:
        if not self.sink.is_closing():
            self.sink.write(packet)

    def _corrupt(self, packet: bytes, start: int) -> bytes:
        at = self.proxy._random.randrange(start, len(packet))
        return packet[:at] + bytes([packet[at] ^ 0x20]) + packet[at + 1 :]
