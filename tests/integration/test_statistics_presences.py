"""Coverage against a plain count day by day, in towns made up at random: moves, silences, tests, days folded or not."""

import datetime
import random
from collections import defaultdict
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from rewards.pipelining import execute_pipelined
from rewards.rollups import fold_days, list_differing_signs
from rewards.rollups.adding import RollupSums, plan_rollups
from rewards.statistics.figures import Question, period_of
from rewards.statistics.figures.coverage import NOBODY, Coverage, get_coverage
from rewards.statistics.figures.steps import GRAIN_OF, list_steps
from rewards.statistics.silences import GAP_DAYS, find_silent_days
from tests.databases import DatabasePool
from tests.factories import build_town
from tests.ingest_scene import KEYRING

TENANT = {"authority_id": 7}
PARIS = ZoneInfo("Europe/Paris")
FIRST, LAST, TODAY = datetime.date(2026, 1, 12), datetime.date(2026, 4, 20), datetime.date(2026, 4, 12)
DAY = datetime.timedelta(days=1)
SPAN = (TODAY - FIRST).days + 1
TOLD = tuple(name for name in Coverage.__slots__ if name != "standing")
BINS = ("BIN-0", "BIN-1", "BIN-2")
SITES = {"A": "93066", "B": "93001", "C": "93001"}

days = st.dates(FIRST, LAST)

ADD_BINS = text("""
    INSERT INTO bins (authority_id, bin_id, state, issuing_account_id, created_at)
    SELECT 7, b.bin_id, 'live', (SELECT account_id FROM accounts ORDER BY account_id LIMIT 1), '2026-01-01Z'
      FROM unnest(CAST(:bin_ids AS text[])) AS b(bin_id)
""")
PLACE = text("""
    INSERT INTO placements (authority_id, placement_id, bin_id, site_id, placed_at, removed_at)
    VALUES (7, gen_random_uuid(), :bin_id, :site_id, :since, :until)
""")
HEAR = text("""
    INSERT INTO bin_days (authority_id, day, bin_id, heard_hours, told_hours, full_hours)
    VALUES (7, :day, :bin_id, 1, 0, 0)
""")


@dataclass
class Town:
    """What happened: stays (bin, site, since, until), signs (bin, day), drops (bin, site, day)."""

    stays: list[tuple[str, str, datetime.datetime, datetime.datetime | None]] = field(default_factory=list)
    heard: set[tuple[str, datetime.date]] = field(default_factory=set)
    drops: set[tuple[str, str, datetime.date]] = field(default_factory=set)
    tested: set[str] = field(default_factory=set)
    folded_on: datetime.date = FIRST

    @property
    def signs(self) -> set[tuple[str, datetime.date]]:
        return self.heard | {(bin_id, day) for bin_id, _, day in self.drops}


def make_up(seed: int) -> Town:
    """Make up a town in which bins come and go."""
    rng = random.Random(seed)
    town = Town(folded_on=FIRST + rng.randrange(SPAN + 20) * DAY)
    for bin_id in BINS:
        at = datetime.datetime.combine(FIRST, datetime.time(), PARIS) - datetime.timedelta(hours=rng.randrange(200))
        for _ in range(rng.randint(1, 4)):
            until = at + datetime.timedelta(hours=rng.choice([5, 24, 30, 200, 900]))
            is_left = rng.random() < 0.3
            town.stays.append((bin_id, rng.choice("ABC"), at, None if is_left else until))
            if is_left:
                break
            at = until + datetime.timedelta(hours=rng.choice([0, 0, 10, 100]))
        sign, is_dull = FIRST - 10 * DAY, rng.random() < 0.3
        while sign <= TODAY:
            if rng.random() < 0.5:
                town.heard.add((bin_id, sign))
            elif not is_dull:
                town.drops.add((bin_id, rng.choice("ABC"), sign))
            sign += rng.choice([1, 1, 1, 2, 5, 6, 7, 8, 30]) * DAY
    if rng.random() < 0.2:
        town.tested.add(rng.choice(BINS))
    return town


@pytest.fixture(scope="module")
def connection(databases: DatabasePool):
    with databases.lend() as database, database.engine().connect() as connection:
        build_town(connection, KEYRING)
        connection.execute(ADD_BINS, {"bin_ids": list(BINS)})
        connection.execute(
            text("""
                INSERT INTO sites (authority_id, site_id, reference, insee_code, address, latitude, longitude)
                SELECT authority_id, gen_random_uuid(), 'C', insee_code, address, latitude, longitude
                  FROM sites WHERE reference = 'B'
            """)
        )
        yield connection


def write(connection: Connection, town: Town) -> dict[str, object]:
    """Put a town into the database, some of it after days were folded; return the sites by reference."""
    for table in ("placements", "bin_days", "daily_deposits", "monthly_deposits", "bin_months", "folded_days"):
        connection.execute(text(f"DELETE FROM {table}"))
    sites = {row.reference: row.site_id for row in connection.execute(text("SELECT * FROM sites"))}
    connection.execute(
        text("UPDATE bins SET state = CASE WHEN bin_id = ANY(:bins) THEN 'test' ELSE 'live' END"),
        {"bins": list(town.tested)},
    )
    for bin_id, site, since, until in town.stays:
        connection.execute(PLACE, {"bin_id": bin_id, "site_id": sites[site], "since": since, "until": until})
    for bin_id, day in town.heard:
        connection.execute(HEAR, {"bin_id": bin_id, "day": day})
    drops = sorted(town.drops)
    for part in (drops[::2], drops[1::2]):
        # The second part comes late, where days are folded by then.
        sums = {(day, bin_id, sites[site], "glass"): RollupSums(1, 0, 1) for bin_id, site, day in part}
        if sums:
            execute_pipelined(connection, plan_rollups(sums, **TENANT, today=TODAY))
        while fold_days(connection, **TENANT, today=town.folded_on):
            pass
    return sites


def whole_days(since: datetime.datetime, until: datetime.datetime | None) -> list[datetime.date]:
    """The days from midnight to midnight."""
    first = since.date() if since.timetz().replace(tzinfo=None) == datetime.time() else since.date() + DAY
    last = min(TODAY, until.date() - DAY) if until else TODAY
    return [first + no * DAY for no in range(max(0, (last - first).days + 1))]


def find_silences(town: Town, bin_id: str, stood: list[datetime.date]) -> set[datetime.date]:
    """The days of runs of so many without any sign."""
    found, run = set(), []
    for day in [*stood, None]:
        if day is not None and (bin_id, day) not in town.signs:
            run.append(day)
            continue
        if len(run) >= GAP_DAYS:
            found.update(run)
        run = []
    return found


def recount(town: Town, question: Question, sites) -> dict:
    """Count presences one by one."""
    rows = defaultdict(list)
    period, steps = question.period, list_steps(question.period, question.granularity, today=TODAY)
    wanted = [name for name in SITES if question.insee_code in (None, SITES[name])]
    for grain in list_steps(period, GRAIN_OF[question.granularity], today=TODAY):
        span = [grain.first_day + no * DAY for no in range((grain.last_day - grain.first_day).days + 1)]
        [step_no] = [step.no for step in steps if step.first_day <= grain.first_day <= step.last_day]
        for bin_id in BINS:
            for site in wanted:
                stood, brought, silent = set(), set(), set()
                for stay in town.stays:
                    if stay[:2] != (bin_id, site) or bin_id in town.tested:
                        continue
                    there = whole_days(*stay[2:])
                    if set(there) & set(span):
                        stood |= set(there) & set(span)
                        brought |= {stay[2].date(), *there} & set(span)
                        silent |= find_silences(town, bin_id, there) & set(span)
                dropped = any((bin_id, site, day) in town.drops for day in span)
                if not stood and not dropped:
                    continue
                hull = [day for day in span if stood and min(stood) <= day <= max(stood)]
                is_reporting = dropped or any((bin_id, day) in town.heard for day in hull)
                unit = {"authority": "", "commune": SITES[site], "site": str(sites[site]), "bin": bin_id}
                row = {
                    "grain": grain, "bin": bin_id, "site": site, "brought": brought,
                    "reports": is_reporting, "is_missing": not is_reporting or bool(silent),
                    "served": brought or {grain.first_day, min(grain.last_day, TODAY)},
                    "unit": unit[question.level],
                }  # fmt: skip
                rows[step_no, unit[question.level]].append(row)
                rows[None, None].append(row)
    every = rows[None, None]
    step_days = {step.no: step.days for step in steps} | {None: sum(step.days for step in steps)}
    return {
        (step_no, unit): count(
            of_cell,
            [each for (no, _), them in rows.items() if no == step_no for each in them],
            every,
            step_days[step_no],
        )
        for (step_no, unit), of_cell in rows.items()
        if of_cell
    }


def count(rows, of_step, every, days: int) -> dict:
    """What a cell comes to: its own rows, those of its step, and all."""

    def is_mute(row, *names) -> bool:
        return not any(
            each["reports"]
            for each in every
            if each["grain"] == row["grain"] and all(of(each, name) == of(row, name) for name in names)
        )

    def of(row, name):
        return SITES[row["site"]] if name == "commune" else row[name]

    stood = {name: sum(len(row["brought"]) for row in rows if row["bin"] == name) for name in {r["bin"] for r in rows}}
    communes = sorted({SITES[row["site"]] for row in rows})
    served = {
        code: sorted(day for row in of_step if SITES[row["site"]] == code for day in row["served"]) for code in communes
    }
    return {
        "bins": len(stood),
        "bins_reporting": len({row["bin"] for row in rows if row["reports"]}),
        "bins_missing": len({row["bin"] for row in rows if row["is_missing"]}),
        "bin_days": sum(stood.values()),
        "bins_in_between": sum(days - each > 1 for each in stood.values()),
        "sites_missing": len({row["site"] for row in rows if is_mute(row, "site")}),
        "communes": tuple(communes),
        "communes_missing": tuple(sorted({SITES[row["site"]] for row in rows if is_mute(row, "commune")})),
        "silent_steps": tuple(sorted({row["grain"].name for row in rows if is_mute(row, "unit")})),
        "days_served": {code: (them[-1] - them[0]).days + 1 for code, them in served.items()},
    }


@given(
    seed=st.integers(0, 2**32),
    period=st.just([FIRST, LAST]) | st.tuples(days, days).map(sorted),
    granularity=st.sampled_from(["day", "week", "month", "year", "whole"]),
    level=st.sampled_from(["authority", "commune", "site", "bin"]),
    insee_code=st.sampled_from([None, None, "93001"]),
)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_coverage_is_what_a_count_day_by_day_comes_to(connection, seed, period, granularity, **asked):
    first, last = period
    if first > TODAY:
        return
    town = make_up(seed)
    sites = write(connection, town)
    assert not list_differing_signs(connection, **TENANT)
    question = Question(period_of(granularity, first, last), granularity, **asked)
    steps = list_steps(question.period, granularity, today=TODAY)
    found, _ = get_coverage(connection, question, steps, **TENANT, timezone=PARIS, today=TODAY)
    expected = recount(town, question, sites)
    assert (found[None, None] == NOBODY) == (not expected)
    told = {key: {name: getattr(each, name) for name in TOLD} for key, each in found.items() if each != NOBODY}
    assert told == expected


@given(signs=st.integers(0, 2**30), first=st.integers(0, 20), length=st.integers(0, 20))
@settings(derandomize=True)
def test_silent_days_are_those_of_long_runs_without_a_sign(signs, first, length):
    run, silent = 0, set()
    for day in range(first, first + length):
        run = 0 if signs >> day & 1 else run + 1
        if run >= GAP_DAYS:
            silent |= set(range(day - run + 1, day + 1))
    stood = sum(1 << day for day in range(first, first + length))
    assert find_silent_days(signs, stood=stood) == sum(1 << day for day in silent)
