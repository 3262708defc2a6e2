"""Caps: the set-wise grant agrees with counting one deposit after the other, and two writers never give too much."""

import datetime
import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from ingest.pipeline import Pipeline
from rewards.acceptance import Earning
from rewards.badges import Holder
from rewards.caps import CapPeriod, Demand, grant_within_caps
from rewards.credits import Claim, cap_periods, grant_claims
from rewards.journals import JournalNote, as_multirange, open_journals, parse_ranges, plan_journals, read_settled
from rewards.keyring import Keyring
from rewards.pipelining import execute_pipelined
from rewards.tariffs import Tariff, TariffLine, add_tariff
from tests.databases import Database, DatabasePool
from tests.factories import START, build_citizen, build_town
from tests.ingest_scene import KEYRING
from tests.speaker import Speaker, deposit, read, tell

AUTHORITY_ID = 7
MONDAY = datetime.date(2026, 11, 16)
LINE = TariffLine(UUID(int=1), "item", 1)
CAPS = st.none() | st.integers(1, 30)


@dataclass
class Scene:
    database: Database
    holders: list[Holder]


@pytest.fixture(scope="module")
def scene(databases: DatabasePool) -> Iterator[Scene]:
    """A database for all examples, each of which is rolled back."""
    with databases.lend() as database:
        with database.engine().begin() as connection:
            town = build_town(connection, KEYRING, authority_id=AUTHORITY_ID)
            citizens = [build_citizen(connection, town) for _ in range(2)]
        yield Scene(database, [Holder(str(citizen.citizen_id), str(citizen.wallet_id), None) for citizen in citizens])


@st.composite
def histories(draw: st.DrawFn) -> list[list[tuple[int, int, int, int]]]:
    """Draw batches of deposits as (citizen, day, points, tariff)."""
    one = st.tuples(st.integers(0, 1), st.integers(0, 16), st.integers(1, 25), st.integers(0, 1))
    return draw(st.lists(st.lists(one, min_size=1, max_size=10), min_size=1, max_size=6))


def claim_of(holder: Holder, day: datetime.date, points: int, tariff: Tariff) -> Claim:
    """Make a claim; of the deposit itself only what it earns matters here."""
    earning = Earning(points, LINE, tariff)
    return Claim(SimpleNamespace(), earning, "a lot", cap_periods(holder, earning, day))  # type: ignore[arg-type]


class Counted:
    """The model: one deposit after the other, each granted what its caps leave."""

    def __init__(self) -> None:
        self.used: defaultdict[CapPeriod, int] = defaultdict(int)

    def grant(self, claims: list[Claim]) -> list[int]:
        granted = [0] * len(claims)
        # Deposits under other caps are served after those of the first.
        caps = [(each.earning.tariff.day_cap_points, each.earning.tariff.week_cap_points) for each in claims]
        for wanted in dict.fromkeys(caps):
            for number, claim in enumerate(claims):
                if caps[number] == wanted:
                    granted[number] = self._grant_one(claim)
        return granted

    def _grant_one(self, claim: Claim) -> int:
        cap_of = {
            "day": claim.earning.tariff.day_cap_points or 0,
            "week": claim.earning.tariff.week_cap_points or 0,
        }
        left = [max(0, cap_of[period[1]] - self.used[period]) for period in claim.periods]
        points = min([claim.earning.points, *left])
        for period in claim.periods:
            self.used[period] += points
        return points


def stored_usage(connection: Connection) -> dict[CapPeriod, int]:
    rows = connection.execute(text("SELECT citizen_id, period, starts_on, used_points FROM cap_usages"))
    return {(str(row.citizen_id), row.period, row.starts_on): row.used_points for row in rows if row.used_points}


@given(history=histories(), caps=st.tuples(CAPS, CAPS, CAPS, CAPS))
@settings(max_examples=120, deadline=None)
def test_grants_of_batches_are_those_of_counting_one_by_one(
    scene: Scene, history: list[list[tuple[int, int, int, int]]], caps: tuple[int | None, ...]
) -> None:
    tariffs = [Tariff(START, caps[0], caps[1], {}), Tariff(START, caps[2], caps[3], {})]
    model = Counted()
    with scene.database.engine("bontri_ingest").connect() as connection:
        for batch in history:
            claims = [
                claim_of(scene.holders[citizen], MONDAY + datetime.timedelta(days=day), points, tariffs[tariff])
                for citizen, day, points, tariff in batch
            ]
            assert grant_claims(connection, claims, authority_id=AUTHORITY_ID) == model.grant(claims)
        assert stored_usage(connection) == {period: points for period, points in model.used.items() if points}
        connection.rollback()


@pytest.mark.usefixtures("scene")
def test_days_and_weeks_begin_where_the_calendar_says(scene: Scene) -> None:
    tariff = Tariff(START, 10, 20, {})
    sunday, monday = datetime.date(2026, 11, 22), datetime.date(2026, 11, 23)
    holder = scene.holders[0]
    assert claim_of(holder, sunday, 1, tariff).periods == (
        (holder.citizen_id, "day", sunday),
        (holder.citizen_id, "week", datetime.date(2026, 11, 16)),
    )
    assert claim_of(holder, monday, 1, tariff).periods[1] == (holder.citizen_id, "week", monday)
    # The first of January 2027 is a Friday: its week began in the year before.
    assert claim_of(holder, datetime.date(2027, 1, 1), 1, tariff).periods[1][2] == datetime.date(2026, 12, 28)


def test_a_sum_beyond_what_a_column_holds_is_granted_up_to_the_cap(scene: Scene) -> None:
    tariff = Tariff(START, 50, None, {})
    claims = [claim_of(scene.holders[0], MONDAY, 20_000_000, tariff) for _ in range(200)]
    with scene.database.engine("bontri_ingest").connect() as connection:
        assert grant_claims(connection, claims, authority_id=AUTHORITY_ID) == [50, *[0] * 199]
        connection.rollback()


def test_a_cap_lowered_below_what_was_granted_takes_nothing_back_and_gives_nothing_more(scene: Scene) -> None:
    period = (scene.holders[0].citizen_id, "day", MONDAY)
    with scene.database.engine("bontri_ingest").connect() as connection:
        assert grant_within_caps(connection, {period: Demand(20, 20)}, authority_id=AUTHORITY_ID) == {period: 20}
        assert grant_within_caps(connection, {period: Demand(5, 10)}, authority_id=AUTHORITY_ID) == {period: 0}
        assert stored_usage(connection) == {period: 20}
        assert grant_within_caps(connection, {period: Demand(5, 22)}, authority_id=AUTHORITY_ID) == {period: 2}
        connection.rollback()


LOOK = text("SELECT used_points FROM cap_usages WHERE authority_id = 7 AND starts_on = :day")
WRITE = text("UPDATE cap_usages SET used_points = used_points + :points WHERE authority_id = 7 AND starts_on = :day")


def race(scene: Scene, day: datetime.date, *, is_guarded: bool) -> int:
    """Let four writers ask for 8 of 10 points at once; return what they were given together."""
    period = (scene.holders[0].citizen_id, "day", day)
    engine = scene.database.engine()
    with engine.begin() as connection:
        grant_within_caps(connection, {period: Demand(0, 10)}, authority_id=AUTHORITY_ID)
    given_points: list[int] = []
    line = threading.Barrier(4)

    def ask() -> None:
        with engine.begin() as connection:
            if is_guarded:
                line.wait(10)
                granted = grant_within_caps(connection, {period: Demand(8, 10)}, authority_id=AUTHORITY_ID)[period]
            else:
                granted = min(8, 10 - int(connection.scalar(LOOK, {"day": day})))
                line.wait(10)
                connection.execute(WRITE, {"day": day, "points": granted})
        given_points.append(granted)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return sum(given_points)


def test_writers_at_once_give_no_more_than_the_cap(scene: Scene) -> None:
    assert race(scene, datetime.date(2026, 1, 5), is_guarded=True) == 10


def test_control_writers_that_look_before_they_write_give_too_much(scene: Scene) -> None:
    assert race(scene, datetime.date(2026, 1, 6), is_guarded=False) == 32


def test_a_late_deposit_is_held_to_the_cap_of_its_own_time(
    database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    """A backlog that spans a change of tariff comes in one batch, within one week."""
    friday = now - datetime.timedelta(days=1)
    with database.engine().begin() as connection:
        town = build_town(connection, keyring, day_cap_points=5)
        build_citizen(connection, town, badge="BADGE")
        changes: dict[str, Any] = {"lines": {"glass": ("item", 1)}, "week_cap_points": 8}
        for name, valid_from, cap in (
            ("before", friday - datetime.timedelta(days=2), 8),
            ("after", friday + datetime.timedelta(hours=12), 20),
        ):
            changes["week_cap_points"] = cap
            add_tariff(connection, authority_id=town.authority_id, name=name, valid_from=valid_from, **changes)
    speaker = Speaker(keyring, town.slug, town.bin_ids[0])
    events = [deposit(1, friday, items=12, badge="BADGE"), deposit(2, now, items=9, badge="BADGE")]
    pipeline = Pipeline(database.engine("bontri_ingest"), keyring)
    [receipt] = tell(pipeline, [speaker.events(now, *events)], now=now)
    # Friday's 12 meet the cap of 8, today's 9 find 20 - 8 left.
    assert [result["points"] for result in read(receipt)["results"]] == [8, 9]


SEQS = st.lists(st.lists(st.integers(1, 40) | st.integers(2**63 - 20, 2**63 - 2), max_size=15), max_size=6)
JOURNALS = itertools.count()


@given(batches=SEQS)
@settings(max_examples=60, deadline=None)
def test_postgresql_keeps_settled_numbers_as_a_set_would(scene: Scene, batches: list[list[int]]) -> None:
    with scene.database.engine("bontri_ingest").connect() as connection:
        key = ("BIN-0007-A", f"{next(JOURNALS):032x}")
        [journal_no] = open_journals(connection, {key: START}, authority_id=AUTHORITY_ID).values()
        settled: set[int] = set()
        for batch in batches:
            settled |= set(batch)
            writes = plan_journals({journal_no: JournalNote(key, START, batch)}, authority_id=AUTHORITY_ID)
            ranges = read_settled(*execute_pipelined(connection, writes))[journal_no].ranges
            assert {seq for low, high in ranges for seq in range(low, high + 1)} == settled
            # Neighbours are one range, as the receipt wants them.
            assert all(low > high + 1 for (_, high), (low, _) in itertools.pairwise(ranges))
        literal = connection.scalar(
            text("SELECT CAST(:it AS int8multirange)::text"), {"it": as_multirange(list(settled))}
        )
        assert literal == as_multirange(list(settled))
        assert parse_ranges(literal[1:-1]) == (ranges if batches else [])
        connection.rollback()
