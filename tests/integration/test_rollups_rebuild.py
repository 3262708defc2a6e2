"""Sums of deposits are what was recorded, can be put right beside a running ingest, and say every cell that differs."""

import datetime
import json
import threading

import pytest
from sqlalchemy import text

from bontri.progress import Teller
from bontri.rebuilding import check_sums, rebuild_sums
from ingest.pipeline import Pipeline
from rewards.corrections import approve_correction, request_correction
from rewards.fleet.placing import move_bin
from rewards.rollups import (
    RebuildUnderWayError,
    apply_differences,
    find_differences,
    fold_days,
    list_differing_months,
    locked_for_rebuild,
)
from rewards.rollups.adding import COUNTERS
from tests.databases import Database
from tests.factories import build_citizen, build_town
from tests.operator_commands import run, succeed
from tests.speaker import Speaker, deposit

BADGE = "04A2B9C1"
DAY = datetime.timedelta(days=1)
LONG_AGO = 40 * DAY
"""In a month that is folded."""


class Scene:
    """A town whose bins reported in this month and in the one before, with the older days folded."""

    def __init__(self, database: Database, keyring, now):
        self.database, self.now, self.seq = database, now, 0
        with database.engine().begin() as connection:
            self.town = build_town(connection, keyring, day_cap_points=10)
            build_citizen(connection, self.town, badge=BADGE)
        self.speakers = [Speaker(keyring, self.town.slug, bin_id) for bin_id in self.town.bin_ids]
        self.pipeline = Pipeline(database.engine("bontri_ingest"), keyring)
        self.tenant = {"authority_id": self.town.authority_id}
        for ago in (LONG_AGO, LONG_AGO - DAY, DAY, 0 * DAY):
            self.drop(ago, badge=BADGE, items=3)
            self.drop(ago, items=2, bin_no=1)
        while self.fold():
            pass

    def drop(self, ago=0 * DAY, *, bin_no=0, **facts):
        """Have a bin report one deposit of some time ago."""
        self.seq += 1
        message = self.speakers[bin_no].events(self.now, deposit(self.seq, self.now - ago, **{"items": 1, **facts}))
        self.pipeline.process([message], now=self.now)
        return message

    def fold(self):
        with self.database.engine("bontri_operator").begin() as connection:
            return fold_days(connection, **self.tenant, today=self.now.date())

    def run(self, statement, **values):
        with self.database.engine().begin() as connection:
            return connection.execute(text(statement), {**self.tenant, **values}).rowcount

    def scalar(self, query):
        with self.database.engine().connect() as connection:
            return connection.scalar(text(query))

    def differences(self):
        return check_sums(self.database.engine("bontri_reader"), **self.tenant, tell=Teller()).differences

    def rebuild(self):
        return rebuild_sums(self.database.engine("bontri_operator"), **self.tenant, tell=Teller())


@pytest.fixture
def scene(database, keyring, now):
    return Scene(database, keyring, now)


DAMAGES = {
    "a counter of a day": "UPDATE daily_deposits SET items = items + 5, points = points - 1",
    "a day forgotten": "DELETE FROM daily_deposits WHERE day = (SELECT min(day) FROM daily_deposits)",
    "a day nobody reported": """
        INSERT INTO daily_deposits SELECT authority_id, '2020-01-01', bin_id, site_id, material, 1, 0, 1, 0, 0, 0
          FROM daily_deposits LIMIT 1""",
    "a counter of a month": "UPDATE monthly_deposits SET deposits = deposits - 1",
    "a month forgotten": "DELETE FROM monthly_deposits",
    "everything forgotten": "TRUNCATE daily_deposits, monthly_deposits",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_damaged_is_told_and_put_right(scene, damage):
    assert scene.differences() == []
    scene.run(DAMAGES[damage])
    found = scene.differences()
    assert found
    assert all(each.kept != each.recomputed for each in found)
    # A check changes nothing.
    assert scene.differences() == found
    rebuilt = scene.rebuild()
    assert (rebuilt.deposits, rebuilt.differences, rebuilt.mended) == (8, found, len(found))
    assert scene.differences() == []
    assert scene.scalar("SELECT count(*) FROM daily_deposits WHERE deposits = 0") == 0


@pytest.mark.parametrize("late", [0 * DAY, LONG_AGO])
def test_what_is_recorded_between_recomputing_and_writing_is_neither_lost_nor_doubled(scene, late):
    scene.run("UPDATE daily_deposits SET items = items + 5")
    scene.run("UPDATE monthly_deposits SET items = items + 5")
    take_differences_and_drop(scene, late)
    with scene.connection.begin():
        for month in list_differing_months(scene.connection, **scene.tenant):
            apply_differences(scene.connection, month, **scene.tenant)
    scene.connection.close()
    assert scene.differences() == []


@pytest.mark.parametrize("late", [0 * DAY, LONG_AGO])
def test_written_as_absolute_figures_it_would_be_lost(scene, late):
    """The control: the same, writing what was recomputed instead of adding what differed."""
    scene.run("UPDATE daily_deposits SET items = items + 5")
    scene.run("UPDATE monthly_deposits SET items = items + 5")
    take_differences_and_drop(scene, late)
    with scene.connection.begin():
        for kept_by, table in (("day", "daily_deposits"), ("month", "monthly_deposits")):
            absolute = ", ".join(f"{name} = f.recomputed_{name}" for name in COUNTERS)
            scene.connection.execute(
                text(f"""UPDATE {table} d SET {absolute} FROM different_{kept_by}s f
                         WHERE d.{kept_by} = f.{kept_by} AND d.bin_id = f.bin_id AND d.material = f.material""")
            )
    scene.connection.close()
    assert {each.recomputed["deposits"] - each.kept["deposits"] for each in scene.differences()} == {2}


def take_differences_and_drop(scene, late):
    """Recompute under one snapshot, while deposits come in before and after it was taken."""
    scene.connection = scene.database.engine().connect()
    with scene.connection.execution_options(isolation_level="REPEATABLE READ").begin():
        scene.connection.execute(text("SELECT 1 FROM events"))
        scene.drop(late, badge=BADGE, items=2)
        find_differences(scene.connection, **scene.tenant)
    scene.connection.execution_options(isolation_level="READ COMMITTED")
    scene.drop(late, items=4)


def test_differences_of_two_snapshots_double_what_came_between(scene):
    """The control of the one snapshot: kept and recomputed read one after the other."""
    scene.run("UPDATE daily_deposits SET items = items + 5")
    with scene.database.engine().connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE before AS SELECT * FROM daily_deposits"))
        connection.commit()
        scene.drop(items=4)
        connection.execute(text("CREATE TEMPORARY TABLE now_kept AS SELECT * FROM daily_deposits"))
        connection.execute(
            text("""UPDATE daily_deposits d SET items = d.items + (n.items - 5) - b.items
                      FROM before b JOIN now_kept n USING (authority_id, day, bin_id, site_id, material)
                     WHERE (d.day, d.bin_id, d.site_id, d.material) = (b.day, b.bin_id, b.site_id, b.material)""")
        )
        connection.commit()
    assert {each.kept["items"] - each.recomputed["items"] for each in scene.differences()} == {4}


def test_a_rebuild_beside_a_busy_ingest_leaves_every_sum_right(scene):
    is_over = threading.Event()
    rebuilt = []

    def rebuild():
        while not is_over.is_set():
            rebuilt.append(scene.rebuild().mended)
            scene.fold()

    scene.run("UPDATE daily_deposits SET items = items + 5")
    thread = threading.Thread(target=rebuild)
    thread.start()
    for number in range(80):
        scene.drop(LONG_AGO - number % 3 * DAY if number % 2 else 0 * DAY, badge=BADGE if number % 3 else None)
    is_over.set()
    thread.join()
    assert sum(rebuilt) > 0
    assert scene.differences() == []


def test_only_one_rebuilds_an_authority_at_a_time(scene):
    with scene.database.engine().connect() as other:
        with locked_for_rebuild(other, **scene.tenant):
            with pytest.raises(RebuildUnderWayError):
                scene.rebuild()
            scene.drop(5 * DAY)
            assert scene.fold() is None
        assert scene.rebuild().mended == 0
        assert scene.fold() is not None


def test_two_rebuilds_at_once_would_add_the_same_difference_twice(scene):
    """The control of the lock."""
    scene.run("UPDATE daily_deposits SET items = items + 5 WHERE day = (SELECT max(day) FROM daily_deposits)")
    connections = [scene.database.engine().connect() for _ in range(2)]
    for connection in connections:
        find_differences(connection, **scene.tenant)
        connection.commit()
    for connection in connections:
        for month in list_differing_months(connection, **scene.tenant):
            apply_differences(connection, month, **scene.tenant)
        connection.commit()
        connection.close()
    assert {each.recomputed["items"] - each.kept["items"] for each in scene.differences()} == {5}


def test_sums_are_exact_under_replays_corrections_late_deposits_and_moves(scene):
    again = scene.drop(LONG_AGO, badge=BADGE, items=2)
    scene.pipeline.process([again, again], now=scene.now)
    tenant = {**scene.tenant, "now": scene.now}
    with scene.database.engine("bontri_operator").begin() as connection:
        credit = connection.scalar(text("SELECT transfer_id FROM transfers WHERE journal_no = 1 AND seq = 1"))
        asked = request_correction(
            connection, credit, reason="mistake", note="wrong card", requested_by="ada", **tenant
        )
        approve_correction(connection, asked, decided_by="grace", **tenant)
    before = scene.scalar("SELECT sum(points) FROM daily_deposits")
    assert before == scene.scalar("SELECT sum(points) FROM transfers WHERE journal_no IS NOT NULL")
    # Entered late: the bin stood at the other site for ten days already.
    with scene.database.engine("bontri_operator").begin() as connection:
        move_bin(connection, scene.town.bin_ids[0], to="B", at=scene.now - 10 * DAY, **scene.tenant)
    scene.pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.town.keyring)
    sites = "SELECT count(DISTINCT site_id) FROM daily_deposits WHERE bin_id = (SELECT min(bin_id) FROM bins)"
    assert scene.scalar(sites) == 1
    scene.drop(5 * DAY)
    assert scene.scalar(sites) == 2
    assert scene.differences() == []
    assert scene.rebuild().mended == 0
    while scene.fold():
        pass
    assert scene.differences() == []


def test_the_command_says_every_cell_that_differs_and_exits_with_1(scene):
    sound = succeed(scene.database, "stats", "rebuild", "--check")
    assert "plaine-commune: 8 deposits, all sums are what was recorded." in sound.output
    scene.run("UPDATE daily_deposits SET items = items + 5 WHERE day = (SELECT max(day) FROM daily_deposits)")
    told = run(scene.database, "stats", "rebuild", "--check", "--json")
    [of_town] = json.loads(told.stdout)
    assert told.exit_code == 1
    assert [(each["kept"]["items"], each["recomputed"]["items"]) for each in of_town["differences"]] == [(8, 3), (7, 2)]
    assert "2 cells differ" in run(scene.database, "stats", "rebuild", "--check").output
    mended = succeed(scene.database, "stats", "rebuild", "--authority", "plaine-commune")
    assert "8 deposits, 2 cells were put right." in mended.output
    assert succeed(scene.database, "stats", "rebuild", "--check").exit_code == 0
