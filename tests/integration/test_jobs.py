"""Jobs: each run once by whoever is there, again when it failed, and by another when its process died."""

import datetime
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bontri.cli import cli
from bontri.jobs.catalogue import Job
from bontri.jobs.running import Turns
from bontri.settings import SettingsError
from rewards.jobs import FIRST_BACK_OFF, LEASE, add_jobs, end_job, fail_job, list_jobs, take_job
from tests.databases import Database
from tests.factories import Town, build_town
from tests.letter_scene import Post
from tests.operator_commands import run, succeed

MINUTE = datetime.timedelta(minutes=1)
AUTHORITY_ID = 7


@pytest.fixture
def town(database: Database, keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


def take(database: Database, now: datetime.datetime) -> Any:
    with database.engine("bontri_operator").begin() as connection:
        return take_job(connection, ["a", "b"], authority_id=AUTHORITY_ID, now=now)


def add(database: Database, now: datetime.datetime) -> None:
    with database.engine("bontri_operator").begin() as connection:
        add_jobs(connection, ["a", "b"], authority_id=AUTHORITY_ID, now=now)


def state_of(database: Database, job: str) -> Any:
    with database.engine("bontri_reader").connect() as connection:
        return next(each for each in list_jobs(connection, authority_id=AUTHORITY_ID) if each.job == job)


@pytest.mark.usefixtures("town")
def test_a_job_is_taken_once_until_its_lease_is_over(database, now):
    add(database, now)
    add(database, now + MINUTE)  # changes nothing
    assert {take(database, now).job, take(database, now).job} == {"a", "b"}
    assert take(database, now + LEASE - MINUTE) is None
    # Whoever took it has said nothing for the time of a lease: taken for dead.
    assert take(database, now + LEASE) is not None


@pytest.mark.usefixtures("town")
def test_what_ends_late_says_nothing_about_the_run_of_another(database, now):
    add(database, now)
    with database.engine("bontri_operator").begin() as connection:
        slow = take_job(connection, ["a"], authority_id=AUTHORITY_ID, now=now)
        assert slow is not None
        quick = take_job(connection, ["a"], authority_id=AUTHORITY_ID, now=now + LEASE)
        assert quick is not None
        end_job(connection, slow, {"done": 1}, due_at=now + 2 * LEASE, now=now + LEASE)
    assert state_of(database, "a").leased_until == now + 2 * LEASE
    with database.engine("bontri_operator").begin() as connection:
        end_job(connection, quick, {"done": 2}, due_at=now + 3 * LEASE, now=now + LEASE)
    assert (state_of(database, "a").outcome, state_of(database, "a").due_at) == ({"done": 2}, now + 3 * LEASE)


@pytest.mark.usefixtures("town")
def test_failures_are_counted_and_tried_again_ever_later(database, now):
    add(database, now)
    waits = []
    for _ in range(4):
        with database.engine("bontri_operator").begin() as connection:
            lease = take_job(connection, ["a"], authority_id=AUTHORITY_ID, now=now)
            assert lease is not None
            fail_job(connection, lease, "OSError", now=now)
        state = state_of(database, "a")
        waits.append(state.due_at - now)
        now = state.due_at
    assert waits == [FIRST_BACK_OFF * 2**number for number in range(4)]
    assert (state.failures, state.outcome) == (4, {"fault": "OSError"})
    with database.engine("bontri_operator").begin() as connection:
        lease = take_job(connection, ["a"], authority_id=AUTHORITY_ID, now=now)
        assert lease is not None
        end_job(connection, lease, {}, due_at=now + MINUTE, now=now)
    assert state_of(database, "a").failures == 0


@pytest.mark.usefixtures("town")
def test_processes_at_once_share_the_jobs(database):
    done: list[str] = []

    def work_of(name: str) -> Any:
        return lambda *_: done.append(name) or {"done": 1}

    names = [f"job {number}" for number in range(6)]
    jobs = {name: Job(name, 10 * MINUTE, "bontri_operator", "", work_of(name)) for name in names}
    line, stop = threading.Barrier(3), threading.Event()

    def process() -> None:
        turns = Turns(jobs, database.engine("bontri_operator"))
        line.wait(10)
        while turns.take_one(stop):
            pass

    threads = [threading.Thread(target=process) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == names


@pytest.mark.usefixtures("town")
def test_a_job_that_fails_is_noted_and_the_others_go_on(database):
    def fail(*_: object) -> Any:
        raise OSError("the disk is full")

    jobs = {
        "bad": Job("bad", MINUTE, "bontri_operator", "", fail),
        "good": Job("good", MINUTE, "bontri_operator", "", lambda *_: {"done": 3}),
    }
    turns = Turns(jobs, database.engine("bontri_operator"))
    while turns.take_one(threading.Event()):
        pass
    assert (state_of(database, "bad").failures, state_of(database, "bad").outcome) == (1, {"fault": "OSError"})
    assert state_of(database, "good").outcome == {"done": 3}
    told = run(database, "jobs", "list", "--authority", "plaine-commune")
    assert (told.exit_code, "FAILED 1 times in a row: OSError" in told.output) == (1, True)


def test_single_jobs_run_from_cron(database: Database, keyring: Any, now: datetime.datetime, tmp_path: Path) -> None:
    post = Post(database, keyring, now, tmp_path)
    told = succeed(post.database, "jobs", "once", "warn-of-expiry").output
    assert told == "warn-of-expiry: 3 wallets, 2 letters.\n"
    sent = succeed(post.database, "jobs", "once", "send-letters", "--json", BONTRI_MAIL_URL=post.folder.as_uri())
    assert json.loads(sent.output) == {"sent": 2, "not_sent": 0}
    assert succeed(post.database, "jobs", "list", "--authority", "plaine-commune").output.startswith("No job has run")
    without = run(post.database, "jobs", "once", "send-letters")
    assert without.exit_code != 0


def test_jobs_that_go_on_want_a_database_named_or_a_demo_that_runs(tmp_path: Path) -> None:
    told = CliRunner().invoke(cli, ["jobs", "run"], env={"DATABASE_URL": None, "BONTRI_DATA_DIR": str(tmp_path)})
    assert isinstance(told.exception, SettingsError)
    assert told.exception.faults == ["DATABASE_URL is not set, and no demo runs"]
    assert list(tmp_path.iterdir()) == []
