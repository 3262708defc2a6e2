"""Receipts: what is settled, told to the bin after the commit. Source: docs/bin-protocol.md, "Receipt".

Every ``seq`` up to ``upto`` and every one in ``also`` is settled; what is neither is missing. Losing a receipt is
harmless, the bin asks again.
"""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.contract import MOST_RECEIPT_RANGES, MOST_RESULTS, EventResult, Receipt, encode
from ingest.decisions import Decision
from ingest.decoding import DecodedMessage
from ingest.messages import Outgoing
from ingest.signatures import sign_message
from ingest.topics import down_topic
from rewards.journals import JournalKey, SeqRange, Settled
from rewards.keyring import Keyring
from rewards.rules import AuthorityRules


@dataclass(slots=True)
class Answer:
    """What one journal of one bin is to be told. ``newest`` is (boot, n) of the newest message answered.

    ``is_wide``: the journal has more than a thousand open ranges.
    """

    rules: AuthorityRules
    bin_id: str
    journal: str
    key_number: int
    newest: tuple[int, int] = (0, 0)
    results: list[EventResult] = field(default_factory=list)
    settled: list[SeqRange] = field(default_factory=list)
    is_wide: bool = False

    def add(self, later: "Answer") -> None:
        """Take in another answer to the same journal, so that one receipt covers both; in whatever order they came."""
        if later.rules.epoch < self.rules.epoch:
            return
        if later.rules.epoch > self.rules.epoch:
            self.results, self.settled = [], []
        self.rules = later.rules
        self.key_number = later.key_number
        self.newest = max(self.newest, later.newest)
        self.results += later.results
        self.settled = union_of(self.settled, later.settled)
        self.is_wide = later.is_wide


def union_of(ranges: Sequence[SeqRange], more: Sequence[SeqRange]) -> list[SeqRange]:
    """Return the union of two lists of ranges, neighbours merged, ascending."""
    merged: list[SeqRange] = []
    for low, high in sorted([*ranges, *more]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def write_receipts(answer: Answer, *, keyring: Keyring, now: datetime.datetime) -> Iterator[Outgoing]:
    """Write the signed receipts of one journal, split so that each stays below 8 KiB."""
    slug = answer.rules.slug
    upto, also = watermark(answer.settled)
    topic = down_topic(slug, answer.bin_id, "receipt")
    key = keyring.bin_key(authority=slug, bin_id=answer.bin_id, key_number=answer.key_number)
    for start in range(0, max(len(answer.results), 1), MOST_RESULTS):
        receipt = Receipt(
            v=1,
            journal=answer.journal,
            epoch=answer.rules.epoch,
            upto=upto,
            also=also[:MOST_RECEIPT_RANGES],
            results=answer.results[start : start + MOST_RESULTS],
            time=now,
            echo=answer.newest[1],
        )
        yield Outgoing(topic, sign_message(key, key_number=answer.key_number, topic=topic, line=encode(receipt)))


def watermark(settled: Sequence[SeqRange]) -> tuple[int, list[SeqRange]]:
    """Return the number up to which all is settled (0 when 1 is missing) and the settled ranges above it."""
    if settled and settled[0][0] == 1:
        return settled[0][1], list(settled[1:])
    return 0, list(settled)


def list_answers(
    messages: Iterable[DecodedMessage],
    decisions: Iterable[Decision],
    journal_nos: dict[JournalKey, int],
    settled: dict[int, Settled],
) -> list[Answer]:
    """List one answer per journal spoken about, whatever became of its events; repeats are always answered.

    Signed with the newest key number the bin has used.
    """
    answers: dict[int, Answer] = {}
    for decoded in messages:
        key, part = decoded.journal_key, decoded.journaled
        # Half a message may hold none of its events, and then has nothing to answer.
        if key is None or part is None or key not in journal_nos:
            continue
        journal_no, verified = journal_nos[key], decoded.verified
        answer = answers.get(journal_no)
        if answer is None:
            known = settled[journal_no]
            answer = answers[journal_no] = Answer(
                verified.rules, *key, verified.bin.newest_key_number, settled=known.ranges, is_wide=known.is_wide
            )
        answer.key_number = max(answer.key_number, verified.key_number)
        # n begins again with every boot.
        answer.newest = max(answer.newest, (part.boot, part.n))
    for decision in decisions:
        answers[decision.journal_no].results.append(result_of(decision))
    return list(answers.values())


def result_of(decision: Decision) -> EventResult:
    """Return what the receipt says of one event."""
    if decision.refused:
        return EventResult(decision.seq, "quarantined", code=decision.refused.code)
    outcome = decision.outcome
    if outcome is None:
        raise AssertionError("an event is refused or has an outcome")
    if outcome.points:
        return EventResult(decision.seq, outcome.state, points=outcome.points)
    return EventResult(decision.seq, outcome.state)
