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
from rewards.journals import JournalKey, SeqRange
from rewards.keyring import Keyring
from rewards.rules import AuthorityRules


@dataclass(slots=True)
class Answer:
    """What one journal of one bin is to be told; ``echo`` is the ``n`` of the newest message answered."""

    bin_id: str
    journal: str
    key_number: int
    echo: int = 0
    results: list[EventResult] = field(default_factory=list)
    settled: list[SeqRange] = field(default_factory=list)


def write_receipts(
    answer: Answer, *, rules: AuthorityRules, keyring: Keyring, now: datetime.datetime
) -> Iterator[Outgoing]:
    """Write the signed receipts of one journal, split so that each stays below 8 KiB."""
    upto, also = watermark(answer.settled)
    topic = down_topic(rules.slug, answer.bin_id, "receipt")
    key = keyring.bin_key(authority=rules.slug, bin_id=answer.bin_id, key_number=answer.key_number)
    for start in range(0, max(len(answer.results), 1), MOST_RESULTS):
        receipt = Receipt(
            v=1,
            journal=answer.journal,
            epoch=rules.epoch,
            upto=upto,
            also=also[:MOST_RECEIPT_RANGES],
            results=answer.results[start : start + MOST_RESULTS],
            time=now,
            echo=answer.echo,
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
    settled: dict[int, list[SeqRange]],
) -> list[Answer]:
    """List one answer per journal spoken about, whatever became of its events; repeats are always answered.

    Signed with the newest key number the bin has used.
    """
    answers: dict[int, Answer] = {}
    newest: dict[int, tuple[int, int]] = {}
    for decoded in messages:
        key, part = decoded.journal_key, decoded.journaled
        # Half a message may hold none of its events, and then has nothing to answer.
        if key is None or part is None or journal_nos[key] not in settled:
            continue
        journal_no = journal_nos[key]
        answer = answers.setdefault(
            journal_no, Answer(*key, decoded.verified.bin.newest_key_number, settled=settled[journal_no])
        )
        answer.key_number = max(answer.key_number, decoded.verified.key_number)
        # n begins again with every boot.
        newest[journal_no] = max(newest.get(journal_no, (0, 0)), (part.boot, part.n))
        answer.echo = newest[journal_no][1]
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
