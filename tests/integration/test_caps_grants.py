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
from rewards.campaigns import Campaign, Extra
from rewards.caps import CapPeriod, Demand, grant_within_caps
from rewards.claims import Claim, cap_periods
from rewards.grants import CAP_KINDS, Grant, caps_of, grant_claims
from rewards.ids import new_id
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
    bin_ids: list[str]


@pytest.fixture(scope="module")
def scene(databases: DatabasePool) -> Iterator[Scene]:
    """A database for all examples, each of which is rolled back."""
    with databases.lend() as database:
        with database.engine().begin() as connection:
            town = build_town(connection, KEYRING, authority_id=AUTHORITY_ID)
            citizens = [build_citizen(connection, town) for _ in range(2)]
        holders = [Holder(str(citizen.citizen_id), str(citizen.wallet_id), None) for citizen in citizens]
        yield Scene(database, holders, town.bin_ids)


@dataclass(frozen=True)
class Dropped:
    """One deposit of a drawn history: whose, when, what it earns, under which tariff, and in which campaign."""

    citizen: int
    day: int
    hour: int
    bin: int
    points: int
    tariff: int
    campaign: int | None


DROPPED = st.builds(
    Dropped,
    citizen=st.integers(0, 1),
    day=st.integers(0, 16),
    hour=st.integers(0, 2),
    bin=st.integers(0, 1),
    points=st.integers(1, 25),
    tariff=st.integers(0, 1),
    campaign=st.none() | st.integers(0, 2),
)
HISTORIES = st.lists(st.lists(DROPPED, min_size=1, max_size=10), min_size=1, max_size=6)
"""Batches of deposits."""

BUDGETS = st.none() | st.integers(1, 60)


def claim_of(scene: Scene, dropped: Dropped, tariff: Tariff, extra: Extra | None = None) -> Claim:
    """Make a claim; of the deposit itself only time and place matter here."""
    at = datetime.datetime.combine(
        MONDAY + datetime.timedelta(days=dropped.day), datetime.time(8 + dropped.hour, 30), datetime.UTC
    )
    reported = SimpleNamespace(bin=SimpleNamespace(bin_id=scene.bin_ids[dropped.bin]))
    accepted: Any = SimpleNamespace(day=at.date(), occurred_at=at, reported=reported)
    earning = Earning(dropped.points, LINE, tariff)
    periods = cap_periods(scene.holders[dropped.citizen], accepted, earning)
    return Claim(accepted, earning, "a lot", periods, extra)


class Counted:
    """The model: one deposit after the other, each granted what its campaign's budget and its caps leave."""

    def __init__(self, budgets: dict[str, int]) -> None:
        self.used: defaultdict[CapPeriod, int] = defaultdict(int)
        self.left = dict(budgets)

    def grant(self, claims: list[Claim]) -> list[Grant]:
        # Budgets are given out in the order received, then caps: deposits under other caps after those of the first.
        promised = [self._promise(claim) for claim in claims]
        granted = list(promised)
        caps = [caps_of(claim.earning.tariff) for claim in claims]
        for wanted in dict.fromkeys(caps):
            for number, claim in enumerate(claims):
                if caps[number] == wanted:
                    granted[number] = self._hold_to_caps(claim, promised[number])
        # What caps held back of a campaign's points is there again for the next batch.
        for claim, grant in zip(claims, granted, strict=True):
            if claim.extra and claim.extra.campaign.has_budget:
                self.left[str(claim.extra.campaign.campaign_id)] += grant.campaign_points - grant.spent_points
        return granted

    def _promise(self, claim: Claim) -> Grant:
        if claim.extra is None:
            return Grant(claim.earning.points)
        points = claim.extra.points
        if claim.extra.campaign.has_budget:
            campaign_id = str(claim.extra.campaign.campaign_id)
            points = min(points, self.left[campaign_id])
            self.left[campaign_id] -= points
        return Grant(claim.earning.points + points, points)

    def _hold_to_caps(self, claim: Claim, promised: Grant) -> Grant:
        points, withheld_by = promised.points, list[str]()
        for kind, cap in zip(CAP_KINDS, caps_of(claim.earning.tariff), strict=True):
            if cap is not None:
                period = claim.periods[kind]
                left = max(0, cap - self.used[period])
                if points > left:
                    withheld_by.append(kind)
                    points = left
                if kind == "bin_hour":
                    self.used[period] += points
        for kind, period in claim.periods.items():
            if kind != "bin_hour":
                self.used[period] += points
        return Grant(points, promised.campaign_points, promised.points - points, "+".join(withheld_by) or None)


def stored_usage(connection: Connection) -> dict[CapPeriod, int]:
    rows = connection.execute(
        text("SELECT CAST(citizen_id AS text) AS holder, period, starts_on AS starts, used_points FROM cap_usages")
    ).all()
    bins = connection.execute(
        text("SELECT bin_id AS holder, 'bin_hour' AS period, starts_at AS starts, used_points FROM bin_cap_usages")
    ).all()
    return {(row.holder, row.period, row.starts): row.used_points for row in [*rows, *bins] if row.used_points}


def add_campaigns(connection: Connection, budgets: tuple[int | None, ...]) -> list[Campaign]:
    """Publish campaigns that add points to every deposit, with budgets or without."""
    ids = [new_id() for _ in budgets]
    connection.execute(
        text(
            "INSERT INTO campaigns (authority_id, campaign_id, name, valid_from, valid_until, bonus_points,"
            " budget_points) VALUES (7, :campaign_id, 'more', '2026-01-01', '2027-01-01', 9, :budget)"
        ),
        [{"campaign_id": id_, "budget": budget} for id_, budget in zip(ids, budgets, strict=True)],
    )
    year = datetime.timedelta(days=365)
    return [
        Campaign(str(id_), "more", START, START + year, None, 9, has_budget=budget is not None)
        for id_, budget in zip(ids, budgets, strict=True)
    ]


@given(history=HISTORIES, caps=st.tuples(*[CAPS] * 6), budgets=st.tuples(*[BUDGETS] * 3))
@settings(max_examples=60, deadline=None)
def test_grants_of_batches_are_those_of_counting_one_by_one(
    scene: Scene, history: list[list[Dropped]], caps: tuple[int | None, ...], budgets: tuple[int | None, ...]
) -> None:
    tariffs = [Tariff(START, *caps[n : n + 2], {}, caps[n + 2]) for n in (0, 3)]
    with scene.database.engine().connect() as connection:
        campaigns = add_campaigns(connection, budgets)
        connection.execute(text("SET LOCAL ROLE bontri_ingest"))
        model = Counted({str(c.campaign_id): b for c, b in zip(campaigns, budgets, strict=True) if b})
        for batch in history:
            claims = [
                claim_of(
                    scene,
                    dropped,
                    tariffs[dropped.tariff],
                    None if dropped.campaign is None else Extra(campaigns[dropped.campaign], 1 + dropped.points % 9),
                )
                for dropped in batch
            ]
            assert grant_claims(connection, claims, authority_id=AUTHORITY_ID) == model.grant(claims)
        assert stored_usage(connection) == {period: points for period, points in model.used.items() if points}
        budget = text(
            "SELECT CAST(campaign_id AS text), budget_points - used_points FROM campaigns WHERE budget_points > 0"
        )
        assert {row[0]: row[1] for row in connection.execute(budget)} == model.left
        connection.rollback()


@pytest.mark.usefixtures("scene")
def test_days_and_weeks_begin_where_the_calendar_says(scene: Scene) -> None:
    earning = Earning(1, LINE, Tariff(START, 10, 20, {}))

    def on(day: datetime.date) -> Any:
        return SimpleNamespace(day=day)

    sunday, monday = datetime.date(2026, 11, 22), datetime.date(2026, 11, 23)
    holder = scene.holders[0]
    assert cap_periods(holder, on(sunday), earning) == {
        "day": (holder.citizen_id, "day", sunday),
        "week": (holder.citizen_id, "week", datetime.date(2026, 11, 16)),
    }
    assert cap_periods(holder, on(monday), earning)["week"] == (holder.citizen_id, "week", monday)
    # The first of January 2027 is a Friday: its week began in the year before.
    assert cap_periods(holder, on(datetime.date(2027, 1, 1)), earning)["week"][2] == datetime.date(2026, 12, 28)


def test_a_sum_beyond_what_a_column_holds_is_granted_up_to_the_cap(scene: Scene) -> None:
    tariff = Tariff(START, 50, None, {})
    dropped = Dropped(citizen=0, day=0, hour=0, bin=0, points=20_000_000, tariff=0, campaign=None)
    claims = [claim_of(scene, dropped, tariff) for _ in range(200)]
    with scene.database.engine("bontri_ingest").connect() as connection:
        granted = grant_claims(connection, claims, authority_id=AUTHORITY_ID)
        assert [grant.points for grant in granted] == [50, *[0] * 199]
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
