"""What must hold, checked while it happens and at the end; each check is counted, the first that fails ends the run.

The audit knows what bins said and what the database holds, and believes neither the worker nor the receipts. After a
restore only what the backup held, or was committed since, counts for messages delivered since.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ingest.messages import Outgoing
from ingest.signatures import split_message
from reliability.simulation.bins import SimulatedBin, seqs_of
from reliability.simulation.broker import SimulatedBroker
from reliability.simulation.database import SimulatedDatabase
from reliability.simulation.scheduler import BrokenInvariantError, Scheduler
from reliability.simulation.source import Delivery, SimulatedSource
from reliability.simulation.speech import Fact, Utterance
from reliability.simulation.tables import COUNTERS, Key, Place, Row
from reliability.simulation.voice import Town
from rewards.journals import WIDE_RANGES

INVARIANTS = {
    "acknowledged_is_stored": "what a worker acknowledges is committed or quarantined",
    "deleted_is_stored": "what the broker deletes on an acknowledgement is committed or quarantined",
    "told_before_acknowledged": "what a worker acknowledges, it has told its bin before",
    "acknowledged_in_order": "acknowledgements of one connection leave in the order received",
    "receipt_names_stored": "a receipt of the current epoch settles only what is committed or quarantined",
    "result_is_true": "what a receipt says of an event is what the database says",
    "committed_once": "no number is recorded twice, or with another content",
    "conflict_is_no_repeat": "no event is quarantined as a conflict with itself",
    "accounted_for": "what a bin produced is committed, quarantined, or not settled in its journal (or in the broker)",
    "settled_in_time": "after healing every bin is told that all it produced is settled",
    "broker_is_empty": "after healing nothing is left in the broker",
    "books_balance": "one credit a deposit; accounts, daily figures and journals equal their recomputation",
    "worker_survives": "no writer ends by an error of its own",
}
"""Every invariant, by name."""

RULES_REMEMBERED_S = 2.0
"""For so long after a restore a worker may still answer in the former epoch, which no bin heeds."""

Number = tuple[str, str, int]
"""(bin_id, journal, seq)."""


class Audit:
    """Looks on, and raises :class:`BrokenInvariantError`."""

    def __init__(
        self,
        scheduler: Scheduler,
        database: SimulatedDatabase,
        broker: SimulatedBroker,
        bins: Sequence[SimulatedBin],
    ) -> None:
        self.checks: Counter[str] = Counter()
        self._scheduler = scheduler
        self._database = database
        self._broker = broker
        self._bins = bins
        self._facts: dict[Fact, int] = {}
        self._heard: dict[Fact, dict[int, tuple[int, int]]] = defaultdict(dict)
        self._stored: dict[Number, bytes] = {}
        self._settled: set[Number] = set()
        self._told_s: dict[tuple[SimulatedSource, object], float] = {}
        self._last_acknowledged: dict[tuple[SimulatedSource, int], int] = {}

    def require(self, invariant: str, holds: bool, words: str) -> None:
        """Count a check, and end the run when it fails."""
        self.checks[invariant] += 1
        if not holds:
            raise BrokenInvariantError(invariant, words)

    # --- the database ---

    def committed(self, written: Mapping[Place, Row]) -> None:
        """Learn what a transaction committed."""
        for (table, key), row in written.items():
            self._learn(table, key, row, is_new=True)

    def restored(self) -> None:
        """Learn what is there after a restore, and unlearn the rest."""
        self._stored.clear()
        self._settled.clear()
        for table, rows in self._database.tables.rows.items():
            for key, row in rows.items():
                self._learn(table, key, row, is_new=False)

    def _learn(self, table: str, key: Key, row: Row, *, is_new: bool) -> None:
        restores = self._database.restores
        if table == "events":
            number = self._number(key)
            if is_new:
                self.require("committed_once", number not in self._stored, f"{number} was recorded before")
            self._stored[number] = row["content_digest"]
            self._settled.add(number)
            self._facts["content", key[0], *number, row["content_digest"]] = restores
        elif table == "quarantined_events":
            number = self._number(key)
            if row["code"] == "event_conflict":
                same = self._stored.get(number) == key[3]
                self.require("conflict_is_no_repeat", not same, f"{number} is in conflict with itself")
            else:
                self._settled.add(number)
            self._facts["content", key[0], *number, key[3]] = restores
        elif table == "quarantined_messages":
            self._facts["refused", *key] = restores
        elif table == "bin_reports":
            for kind in ("hello", "status"):
                if kind in row:
                    self._heard["heard", *key, kind][restores] = row[kind]

    def _number(self, key: Key) -> Number:
        journal = self._database.tables.table("bin_journals")[key[:2]]
        return journal["bin_id"], journal["journal"], key[2]

    def _holds(self, fact: Fact, since: int) -> bool:
        if fact[0] != "heard":
            return self._facts.get(fact, -1) >= since
        orders = [order for restores, order in self._heard[fact[:4]].items() if restores >= since]
        return max(orders, default=(-1, -1)) >= fact[4:]

    def _is_handled(self, said: Utterance, since: int) -> bool:
        return all(self._holds(fact, since) for fact in said.proofs) or self._holds(said.refused, since)

    # --- workers ---

    def published(self, source: SimulatedSource, receipt: Outgoing) -> None:
        """Learn whom a worker told what."""
        told = read(receipt.payload)
        bin_id, now_s = receipt.topic.split("/")[3], self._scheduler.now_s
        self._told_s[source, (bin_id, told["journal"])] = now_s
        for result in told.get("results", ()):
            self._told_s[source, (bin_id, told["journal"], result["seq"])] = now_s

    def acknowledged(self, source: SimulatedSource, deliveries: Sequence[Delivery]) -> None:
        """Check what a worker is about to acknowledge."""
        for each in deliveries:
            said = each.utterance
            words = f"{source.name} acknowledges {said.bin_id}'s {said.what}"
            self.require("acknowledged_is_stored", self._is_handled(said, each.restores), words)
            for topic in self._list_answered(each):
                is_told = self._told_s.get((source, topic), float("-inf")) >= each.delivered_s
                self.require("told_before_acknowledged", is_told, f"{words}, {topic} untold")
            connection = (source, each.generation)
            in_order = self._last_acknowledged.get(connection, 0) < each.number
            self.require("acknowledged_in_order", in_order, words)
            self._last_acknowledged[connection] = each.number

    def _list_answered(self, delivery: Delivery) -> Iterable[object]:
        """List what the bin must have been told of before a message is acknowledged.

        Not of journals that are told seldom, nor of what was refused whole, nor just after a restore.
        """
        said = delivery.utterance
        is_exempt = (
            self._database.tables.wide_ranges < WIDE_RANGES
            or said.journal is None
            or self._holds(said.refused, 0)
            or delivery.delivered_s < self._database.restored_s + RULES_REMEMBERED_S
        )
        return [] if is_exempt else said.events or [(said.bin_id, said.journal)]

    def deleted(self, said: Utterance) -> None:
        """Check what the broker deletes on an acknowledgement."""
        words = f"the broker deletes {said.bin_id}'s {said.what}"
        self.require("deleted_is_stored", self._is_handled(said, 0), words)

    # --- bins ---

    def received(self, simulated_bin: SimulatedBin, receipt: Mapping[str, Any]) -> None:
        """Check a receipt that a bin heeds."""
        town = simulated_bin.town
        if receipt["epoch"] != self.epoch_of(town):
            return
        bin_id, journal = simulated_bin.bin_id, simulated_bin.journal
        for seq in seqs_of(receipt):
            is_stored = (bin_id, journal, seq) in self._settled
            self.require("receipt_names_stored", is_stored, f"{bin_id} was told that {seq} is settled")
        known = self._database.tables.table("journal_keys").get((town.authority_id, bin_id, journal), {"journal_no": 0})
        for result in receipt.get("results", ()):
            place = (town.authority_id, known["journal_no"], result["seq"])
            is_true = self._is_true(place, (bin_id, journal, result["seq"]), result)
            self.require("result_is_true", is_true, f"{bin_id} was told {result}")

    def _is_true(self, place: Key, number: Number, result: Mapping[str, Any]) -> bool:
        tables = self._database.tables
        if result["state"] == "quarantined":
            # Under whichever code: refused once more, for another reason, an event is told the later one.
            return any(key[:3] == place for key in tables.table("quarantined_events"))
        credit = tables.table("transfers").get(place, {"points": 0, "phase": None})
        is_pending = credit["phase"] == "pending"
        points = 0 if is_pending else credit["points"]
        is_told = (result["state"] == "pending") == is_pending and result.get("points", 0) == points
        return number in self._stored and bool(is_told)

    def epoch_of(self, town: Town) -> int:
        """Return the epoch in force."""
        epoch: int = self._database.tables.table("authorities")[(town.slug,)]["epoch"]
        return epoch

    # --- the state of things ---

    def take_stock(self) -> None:
        """Check that nothing is lost: what is not stored, its bin or the broker still has."""
        under_way = {number for message in self._broker.list_messages() for number in message.events}
        for each in self._bins:
            if each.epoch < self.epoch_of(each.town):
                continue
            unsettled = {event.seq for event in each.list_unsettled()}
            for seq in each.events:
                number = (each.bin_id, each.journal, seq)
                is_known = seq in unsettled or number in self._settled or number in under_way
                self.require("accounted_for", is_known, f"{seq} of {each.bin_id} is nowhere")

    def is_quiet(self) -> bool:
        """Tell whether there is nothing left to do."""
        return not self._broker.list_messages() and not any(map(self._is_waiting, self._bins))

    def _is_waiting(self, simulated_bin: SimulatedBin) -> bool:
        is_behind = bool(simulated_bin.events) and simulated_bin.epoch < self.epoch_of(simulated_bin.town)
        return is_behind or bool(simulated_bin.list_unsettled())

    def close(self) -> None:
        """Check what must hold once all has healed."""
        for each in self._bins:
            left = [event.seq for event in each.list_unsettled()]
            words = f"{each.bin_id} waits for {left}, epoch {each.epoch}"
            self.require("settled_in_time", not self._is_waiting(each), words)
        left_over = self._broker.list_messages()
        self.require("broker_is_empty", not left_over, f"{len(left_over)} messages are left")
        self.take_stock()
        self._balance()

    def _balance(self) -> None:
        """Recompute accounts, daily figures and journals from events and transfers."""
        table = self._database.tables.table
        accounts: Counter[Key] = Counter()
        figures: Counter[Key] = Counter()
        for key, transfer in table("transfers").items():
            phase = "pending" if transfer["phase"] == "pending" else "posted"
            accounts[key[0], transfer["debit_account_id"], f"debits_{phase}"] += transfer["points"]
            accounts[key[0], transfer["credit_account_id"], f"credits_{phase}"] += transfer["points"]
            self.require("books_balance", key in table("events"), f"a credit without its deposit {key}")
        for key, account in table("accounts").items():
            same = all(account[side] == accounts[*key, side] for side in COUNTERS)
            self.require("books_balance", same, f"account {key[1]} holds {account}")
        pending = {
            transfer["transfer_id"] for transfer in table("transfers").values() if transfer["phase"] == "pending"
        }
        reviewed = {key[1] for key in table("reviews")}
        self.require("books_balance", pending == reviewed, f"in review {reviewed}, pending {pending}")
        received: defaultdict[Key, set[int]] = defaultdict(set)
        for key, event in table("events").items():
            received[key[:2]].add(key[2])
            figures[key[0], event["bin_id"]] += event["items"]
        for key, daily in table("daily_deposits").items():
            figures[key[0], key[2]] -= daily["items"]
        self.require("books_balance", not any(figures.values()), f"daily figures are off by {figures}")
        for key, refused in table("quarantined_events").items():
            if refused["code"] != "event_conflict":
                received[key[:2]].add(key[2])
        for key, journal in table("bin_journals").items():
            same = journal["received"] == received[key]
            self.require("books_balance", same, f"journal {key} says {sorted(journal['received'])}")


def read(payload: bytes) -> dict[str, Any]:
    """Read the first line of a receipt."""
    signed = split_message(payload)
    line: dict[str, Any] = json.loads(signed.line if signed else b"{}")
    return line
