"""Stand-in bins: a journal that survives everything, and the rules of docs/bin-protocol.md for sending again.

Some behave badly: they repeat, replay all they ever said, give one number to two contents, or say what cannot be read,
verified or stored. Whatever they do, what they produced must be accounted for.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ingest.contract import decode_event, encode
from reliability.simulation.statements import POISON_BATTERY_PCT, POISON_ITEMS
from reliability.simulation.voice import Event, Network, Town, Voice

TURN_S = (1.0, 5.0)
PATIENCE_S = 10.0
SILENCE_S = 30.0
LONGEST_SILENCE_S = 120.0
"""An hour in the protocol; shortened, as a run heals in minutes."""

MOST_EVENTS = 8


class SimulatedBin:
    """One bin. ``wickedness`` is how often it says what no honest bin would.

    ``trusts_pubacks``: it forgets what the broker acknowledged, which only a control does.
    """

    def __init__(
        self, bin_id: str, town: Town, network: Network, *, journal: str, wickedness: float, trusts_pubacks: bool
    ) -> None:
        self.bin_id = bin_id
        self.town = town
        self.journal = journal
        self.voice = Voice(bin_id, town, network, journal)
        self.events: dict[int, Event] = {}
        self.settled: set[int] = set()
        self.epoch = 0
        self.is_producing = True
        self.on_receipt: Callable[[SimulatedBin, dict[str, Any]], object] = lambda simulated_bin, receipt: None
        self._network = network
        self._wickedness = wickedness
        self._heard_s = 0.0
        self._silence_s = SILENCE_S
        self._probed_s: float | None = None
        if trusts_pubacks:
            self.voice.on_puback = self.settled.update

    # --- what happens to it ---

    def start(self) -> None:
        """Begin to live: say hello, then take a turn every now and then."""
        self.say_hello()
        self._take_turn_later()

    def reboot(self) -> None:
        """Start anew; the journal and what was settled are on its disk."""
        self.voice.reboot()
        self._probed_s = None
        self.say_hello()

    def hear_receipt(self, topic: str, payload: bytes) -> None:
        """Take a receipt in: the union within an epoch, a higher epoch cancels all before, a lower one is ignored."""
        receipt = self.voice.hear(topic, payload)
        if receipt.get("journal") != self.journal or receipt["epoch"] < self.epoch:
            return
        if receipt["epoch"] > self.epoch:
            self.epoch = receipt["epoch"]
            self.settled.clear()
        self.settled.update(seqs_of(receipt))
        self.on_receipt(self, receipt)
        was_probing, self._probed_s = self._probed_s is not None, None
        self._heard_s, self._silence_s = self._network.scheduler.now_s, SILENCE_S
        highest = max(self.settled, default=0)
        overdue = [event for event in self.list_unsettled() if self._age_s(event) > PATIENCE_S]
        self._send([event for event in overdue if was_probing or event.seq < highest])

    def say_hello(self) -> None:
        """Say hello, as at every start and reconnect."""
        self.voice.say("hello", {"journal": self.journal, "next_seq": len(self.events) + 1, "oldest_held": 1})

    def list_unsettled(self) -> list[Event]:
        """List what is not settled, in order."""
        return [event for seq, event in self.events.items() if seq not in self.settled]

    # --- a turn ---

    def _take_turn_later(self) -> None:
        self._network.scheduler.call_in(self._network.faults.chance.uniform(*TURN_S), self._take_turn)

    def _take_turn(self) -> None:
        chance = self._network.faults.chance
        if self.is_producing:
            for _ in range(chance.choice([0, 0, 1, 1, 3])):
                self._produce()
            if chance.random() < self._wickedness:
                chance.choice([self._replay_all, self._forge, self._break, self._report, self.voice.say_nonsense])()
        unsent = [event for event in self.list_unsettled() if event.sent_s == float("-inf")]
        if unsent and self._probed_s is None:
            self._send(unsent)
        self._probe_in_silence()
        self._take_turn_later()

    def _probe_in_silence(self) -> None:
        """Say nothing but hello while no receipt comes, and that ever more seldom."""
        now_s = self._network.scheduler.now_s
        waits = [self._age_s(event) for event in self.list_unsettled() if event.sent_s > float("-inf")]
        since_s = max(self._heard_s, self._probed_s or 0.0)
        if waits and max(waits) > self._silence_s and now_s - since_s > self._silence_s:
            self._silence_s = min(self._silence_s * 2, LONGEST_SILENCE_S) if self._probed_s else SILENCE_S
            self._probed_s = now_s
            self.say_hello()

    def _age_s(self, event: Event) -> float:
        return self._network.scheduler.now_s - event.sent_s

    def _send(self, events: list[Event]) -> None:
        """Send events, a few to a message."""
        while events:
            size = self._network.faults.chance.randint(1, MOST_EVENTS)
            part, events = events[:size], events[size:]
            for event in part:
                event.sent_s = self._network.scheduler.now_s
            self.voice.say_events(part)

    def _produce(self) -> None:
        """Something falls in."""
        chance, seq = self._network.faults.chance, len(self.events) + 1
        items = POISON_ITEMS if chance.random() < self._wickedness * 0.2 else chance.randint(1, 9)
        material = "granite" if chance.random() < self._wickedness * 0.2 else "glass"
        badge = chance.choice([*self.town.badges, None])
        self.events[seq] = self._write_event(seq, items=items, material=material, badge=badge)

    def _write_event(self, seq: int, *, items: int, material: str, badge: str | None) -> Event:
        at = self._network.now().isoformat()
        fields = {"seq": seq, "type": "deposit", "at": at, "material": material, "items": items}
        raw = json.dumps(fields | ({"badge": badge} if badge else {})).encode()
        return Event(seq, raw, self._network.keyring.content_digest(encode(decode_event(raw).known_content)))

    # --- bad behaviour ---

    def _replay_all(self) -> None:
        self._send(list(self.events.values()))

    def _forge(self) -> None:
        """Give a number that is taken to another content."""
        chance = self._network.faults.chance
        if self.events:
            items = chance.randint(20, 30)
            self._send([self._write_event(chance.choice(list(self.events)), items=items, material="glass", badge=None)])

    def _break(self) -> None:
        """Produce an event that breaks the schema but has a number."""
        seq = len(self.events) + 1
        raw = b'{"seq":%d,"type":"deposit","material":7}' % seq
        self.events[seq] = Event(seq, raw, self._network.keyring.content_digest(raw))

    def _report(self) -> None:
        poison = self._network.faults.chance.random() < 0.3
        self.voice.say("status", {"battery_pct": POISON_BATTERY_PCT if poison else 50})


def seqs_of(receipt: Mapping[str, Any]) -> list[int]:
    """List the numbers a receipt says are settled."""
    seqs = list(range(1, receipt["upto"] + 1))
    for low, high in receipt.get("also", ()):
        seqs.extend(range(low, high + 1))
    return seqs
