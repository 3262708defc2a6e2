"""Reading receipts: what is understood, and that everything else is refused without a crash."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.clock import BinClock
from simulators.receipts import MalformedReceiptError, read_receipt

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
# The example of the protocol page.
EXAMPLE: dict[str, Any] = {
    "v": 1,
    "journal": "9f0c",
    "epoch": 3,
    "upto": 1043,
    "also": [[1046, 1050]],
    "results": [{"seq": 1042, "state": "credited", "points": 3}],
    "time": "2026-11-21T10:00:05Z",
    "echo": 311,
}


def test_the_example_of_the_protocol_is_understood() -> None:
    receipt = read_receipt(json.dumps(EXAMPLE).encode())
    assert receipt.settled_ranges == [(1, 1043), (1046, 1050)]
    assert receipt.highest_settled == 1050
    assert receipt.time == NOW + timedelta(seconds=5)
    assert (receipt.results[0].state, receipt.results[0].points, receipt.results[0].code) == ("credited", 3, None)


def test_a_receipt_may_settle_nothing_and_carry_more_than_we_know() -> None:
    receipt = read_receipt(b'{"v":1,"journal":"9f","epoch":1,"upto":0,"balance":17,"limits":{"a":[]}}')
    assert receipt.settled_ranges == []
    assert receipt.highest_settled == 0
    assert (receipt.time, receipt.echo, receipt.results) == (None, None, ())


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"journal": 5},
        {"epoch": "3"},
        {"upto": 1.5},
        {"upto": True},
        {"also": [[5]]},
        {"also": [[5, 4]]},
        {"also": 7},
        {"results": [{"seq": 1}]},
        {"results": [[]]},
        {"results": [{"seq": 1, "state": "quarantined", "code": 4}]},
        {"time": "yesterday"},
        {"time": "2026-11-21T10:00:05"},
        {"echo": "311"},
    ],
)
def test_a_field_of_the_wrong_form_makes_the_whole_receipt_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedReceiptError):
        read_receipt(json.dumps(EXAMPLE | change).encode())


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b"\xff", b"{", b'{"v":1}', b"[" * 100_000])
def test_what_is_no_receipt_at_all_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedReceiptError):
        read_receipt(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*EXAMPLE]), inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON)
def test_no_json_crashes_the_reader(value: Any) -> None:
    with contextlib.suppress(MalformedReceiptError):
        read_receipt(json.dumps(value).encode())


def test_a_clock_that_drifts_says_free_again_a_day_after_it_was_set() -> None:
    clock = BinClock(NOW, offset=timedelta(minutes=3), drift_ppm=100)
    assert clock.state(NOW) == "free"
    assert clock.read(NOW + timedelta(seconds=10_000)) == NOW + timedelta(seconds=10_000 + 1, minutes=3)
    assert clock.learn(NOW, sent_at=NOW, now=NOW)
    assert clock.read(NOW + timedelta(seconds=10_000)) == NOW + timedelta(seconds=10_001)
    assert clock.state(NOW + timedelta(hours=23)) == "synced"
    assert clock.state(NOW + timedelta(hours=24)) == "free"


def test_half_the_round_trip_is_added_to_the_time_of_a_receipt() -> None:
    clock = BinClock(NOW, is_set=False)
    assert clock.learn(NOW + timedelta(hours=1), sent_at=NOW, now=NOW + timedelta(seconds=4))
    assert clock.read(NOW + timedelta(seconds=4)) == NOW + timedelta(hours=1, seconds=2)
