"""Take receipts: decide whether one counts, and let it settle events, set the clock and end the wait.

Source: bin protocol, sections "Receipt", "Sending, waiting, resending" and "Clock".
"""

from __future__ import annotations

from datetime import datetime, timedelta

from simulators.clock import BinClock
from simulators.conversation import Conversation
from simulators.journal import Journal
from simulators.messages import BinIdentity
from simulators.outbox import Outbox
from simulators.outcomes import Outcomes
from simulators.receipts import MalformedReceiptError, Receipt, read_receipt
from simulators.signatures import SignatureError, verify_message
from simulators.status import StatusReport

# A clock further off than ten years is no measurement; the protocol has no number for it.
AHEAD_MAX = timedelta(days=3650)


class ReceiptIntake:
    """The only place where the bin forgets to send an event again."""

    def __init__(
        self,
        identity: BinIdentity,
        *,
        journal: Journal,
        outbox: Outbox,
        conversation: Conversation,
        clock: BinClock,
        status: StatusReport,
        outcomes: Outcomes,
    ) -> None:
        """Take receipts for this bin and this journal."""
        self._topic = identity.topic("down/receipt")
        self._keys = identity.keys
        self._journal = journal
        self._outbox = outbox
        self._conversation = conversation
        self._clock = clock
        self._status = status
        self._outcomes = outcomes
        self._tally = outcomes.tally

    def take(self, topic: str, payload: bytes, now: datetime) -> bool:
        """Take a message of the receipt topic and return whether it counted.

        Ignored without any effect: a wrong signature or topic, a form not understood, another journal, a lower epoch.
        """
        receipt = self._find_receipt(topic, payload)
        if receipt is None:
            self._tally.receipts_refused += 1
            return False
        self._tally.receipts += 1
        if receipt.epoch > self._journal.epoch:
            self._journal.start_epoch(receipt.epoch)
            self._outbox.start_epoch()
        self._settle(receipt, now)
        self._outcomes.note_results(receipt.results)
        self._learn_time(receipt, now)
        self._end_wait(receipt, now)
        return True

    def _find_receipt(self, topic: str, payload: bytes) -> Receipt | None:
        if topic != self._topic:
            return None
        try:
            receipt = read_receipt(verify_message(topic, payload, self._keys))
        except (SignatureError, MalformedReceiptError):
            return None
        is_current = receipt.journal == self._journal.id and receipt.epoch >= self._journal.epoch
        return receipt if is_current else None

    def _settle(self, receipt: Receipt, now: datetime) -> None:
        if receipt.highest_settled >= self._journal.next_seq:
            # The storage was set back (an old image restored): numbers the backend knows must not be used again.
            self._journal.skip_to(receipt.highest_settled + 1)
            self._status.add_fault("journal_behind_receipts", now)
        settled = self._outbox.settle(receipt.settled_ranges)
        self._journal.note_settled(settled, now)
        self._outcomes.note_settled(settled, now)

    def _learn_time(self, receipt: Receipt, now: datetime) -> None:
        sent_at = self._conversation.find_sent_at(receipt.echo)
        if receipt.time is None or sent_at is None:
            return
        reading, was_free = self._clock.read(now), self._clock.state(now) == "free"
        if self._clock.learn(receipt.time, sent_at=sent_at, now=now) and was_free:
            ahead = reading - self._clock.read(now)
            if abs(ahead) <= AHEAD_MAX:
                self._journal.note_ahead(round(ahead / timedelta(milliseconds=1)))

    def _end_wait(self, receipt: Receipt, now: datetime) -> None:
        is_waiting = self._outbox.in_flight_events > 0
        hello_sent_at = self._conversation.note_receipt(receipt.echo, now, is_waiting=is_waiting)
        if hello_sent_at is not None:
            self._outbox.suspect_sent_until(hello_sent_at)
