"""Receipts held back: one covers many, none is late, a journal with very many gaps is told seldom."""

import datetime
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import EventResult
from ingest.receipt_desk import HELD_BACK_S, MOST_WAITING, WIDE_HELD_BACK_S, ReceiptDesk
from ingest.receipts import Answer, union_of, write_receipts
from rewards.journals import SeqRange
from rewards.keyring import Keyring
from rewards.rules import AuthorityRules
from tests.speaker import read

JOURNAL = "0" * 32
NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)


def rules(epoch: int = 1) -> AuthorityRules:
    return AuthorityRules(7, "val", ZoneInfo("Europe/Paris"), epoch, 1, 1, 24, frozenset({"glass"}), [])


def answer(
    *seqs: int, bin_id: str = "VAL-00001", n: int = 1, upto: int = 1, epoch: int = 1, is_wide: bool = False
) -> Answer:
    results = [EventResult(seq, "counted") for seq in seqs]
    return Answer(rules(epoch), bin_id, JOURNAL, 1, (1, n), results, [(1, upto)], is_wide)


class Clock:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> ReceiptDesk:
    return ReceiptDesk(clock)


def take(desk: ReceiptDesk, *answers: Answer, is_loaded: bool = False) -> list[Answer]:
    return desk.take(answers, is_loaded=is_loaded)[0].answers


def test_without_load_an_answer_leaves_at_once(desk: ReceiptDesk) -> None:
    departure, leaves_with = desk.take([answer(1)], is_loaded=False)
    assert departure.answers == [answer(1)]
    assert departure.number == leaves_with == 1
    assert desk.pop_due().answers == []


def test_under_load_one_receipt_covers_all_that_was_said_meanwhile(desk: ReceiptDesk, clock: Clock) -> None:
    departure, leaves_with = desk.take([answer(1, n=1, upto=1)], is_loaded=True)
    assert (departure.answers, departure.number, leaves_with) == ([], 0, 1)
    clock.now_s += HELD_BACK_S / 2
    assert take(desk, answer(2, n=2, upto=2), is_loaded=True) == []
    assert desk.pop_due().answers == []
    clock.now_s += HELD_BACK_S / 2
    departure = desk.pop_due()
    assert departure.answers == [answer(1, 2, n=2, upto=2)]
    assert departure.number == 1
    assert desk.pop_all().answers == []


def test_control_what_is_not_held_back_leaves_twice(desk: ReceiptDesk) -> None:
    assert len(take(desk, answer(1)) + take(desk, answer(2))) == 2


def test_nothing_waits_longer_than_the_first_that_was_held_back(desk: ReceiptDesk, clock: Clock) -> None:
    take(desk, answer(1), is_loaded=True)
    left = []
    for _ in range(4):
        assert desk.wait_s <= HELD_BACK_S
        clock.now_s += HELD_BACK_S / 4 + 0.001
        left += take(desk, answer(2, bin_id="VAL-00002"), is_loaded=True)
    assert [each.bin_id for each in left] == ["VAL-00001", "VAL-00002"]
    assert desk.wait_s == float("inf")


def test_when_the_load_is_over_what_waited_leaves_with_the_next(desk: ReceiptDesk) -> None:
    take(desk, answer(1, upto=1), is_loaded=True)
    [both] = take(desk, answer(2, upto=2))
    assert [result.seq for result in both.results] == [1, 2]


def test_a_wide_journal_is_told_every_ten_seconds_and_then_of_everything(desk: ReceiptDesk, clock: Clock) -> None:
    departure, leaves_with = desk.take([answer(1, is_wide=True)], is_loaded=False)
    assert (len(departure.answers), leaves_with) == (1, 0)
    for seq in range(2, 11):
        clock.now_s += 1
        assert take(desk, answer(seq, n=seq, is_wide=True)) == []
    clock.now_s += WIDE_HELD_BACK_S - 9
    [told] = desk.pop_due().answers
    assert [result.seq for result in told.results] == list(range(2, 11))
    assert told.newest == (1, 10)


def test_a_wide_journal_that_goes_on_talking_is_told_all_the_same(desk: ReceiptDesk, clock: Clock) -> None:
    told = 0
    for seq in range(1, 400):
        told += len(take(desk, answer(seq, is_wide=True), is_loaded=True))
        clock.now_s += HELD_BACK_S * 0.9
    assert told == 4


def test_a_wide_journal_holds_nobody_else_back(desk: ReceiptDesk, clock: Clock) -> None:
    take(desk, answer(1, is_wide=True))
    [other] = take(desk, answer(2, is_wide=True), answer(1, bin_id="VAL-00002"))
    assert other.bin_id == "VAL-00002"


def test_a_journal_that_is_wide_no_longer_is_told_at_once(desk: ReceiptDesk, clock: Clock) -> None:
    take(desk, answer(1, is_wide=True))
    clock.now_s += 1
    assert take(desk, answer(2, is_wide=True)) == []
    [told] = take(desk, answer(3))
    assert [result.seq for result in told.results] == [2, 3]


def test_the_answers_of_an_epoch_that_is_over_are_dropped(desk: ReceiptDesk) -> None:
    take(desk, answer(1, upto=9), is_loaded=True)
    take(desk, answer(2, upto=2, epoch=2), answer(3, upto=9, epoch=1), is_loaded=True)
    [told] = desk.pop_all().answers
    assert (told.rules.epoch, told.settled, [result.seq for result in told.results]) == (2, [(1, 2)], [2])


def test_the_desk_is_bounded(desk: ReceiptDesk) -> None:
    many = [answer(1, bin_id=f"VAL-{number:05}") for number in range(MOST_WAITING + 1)]
    assert len(take(desk, *many, is_loaded=True)) == len(many)


def test_a_receipt_that_covers_many_results_is_split(desk: ReceiptDesk) -> None:
    for seq in range(1, 151):
        take(desk, answer(seq, upto=seq), is_loaded=True)
    [told] = desk.pop_all().answers
    keyring = Keyring(b"m" * 32, b"p" * 32, b"s" * 32)
    receipts = list(write_receipts(told, keyring=keyring, now=NOW))
    assert all(len(receipt.payload) < 8192 for receipt in receipts)
    assert sorted(result["seq"] for each in receipts for result in read(each)["results"]) == list(range(1, 151))


RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)).map(lambda pair: (pair[0], pair[0] + pair[1])))


def numbers(ranges: list[SeqRange]) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(RANGES, RANGES)
def test_a_union_holds_what_either_holds_neighbours_merged(some: list[SeqRange], more: list[SeqRange]) -> None:
    union = union_of(some, more)
    assert numbers(union) == numbers(some) | numbers(more)
    assert all(low > high + 1 for (_, high), (low, _) in itertools.pairwise(union))
