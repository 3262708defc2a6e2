"""The process of ``bontri jobs run``: takes whatever is due, of any authority, until it is told to stop."""

import datetime
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from bontri.jobs.catalogue import Job, list_jobs_of
from bontri.operating import running_database
from bontri.readiness import notify_ready
from bontri.settings import Settings
from ingest.worker import describe_fault, utc_now
from rewards.database import engine_of_tenant, open_engine
from rewards.fleet.owners import list_authorities
from rewards.jobs import Lease, add_jobs, end_job, fail_job, take_job
from rewards.privacy.reencrypting import require_encryption_keys

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
DATABASE_AWAY_S = 10.0


def run_jobs(settings: Settings, stop: threading.Event) -> None:
    """Run jobs until stopped; one that is under way is finished first. Others may do the same beside us.

    Raises:
        SettingsError: no database is named, and no demo runs.
        EncryptionKeyNeededError: a key that something may stand under is not given.
        sqlalchemy.exc.OperationalError: the database cannot be reached at the start; later that is waited out.
    """
    url = running_database(settings)
    jobs = {job.name: job for job in list_jobs_of(settings)}
    with ExitStack() as stack:
        engine = open_engine(url, role="bontri_operator")
        stack.callback(engine.dispose)
        if settings.storage_key is not None:  # jobs that write or read nothing encrypted do without the secrets
            with engine.connect() as connection:
                require_encryption_keys(connection, settings.keyring())
        turns = Turns(jobs, engine)
        turns.add_all()
        notify_ready()
        log.info("jobs_running", jobs=sorted(jobs))
        while not stop.is_set():
            try:
                did_something = turns.take_one(stop)
            except DBAPIError as error:
                log.warning("database_unavailable", fault=type(error).__name__, retry_in_s=DATABASE_AWAY_S)
                stop.wait(DATABASE_AWAY_S)
                continue
            if not did_something:
                stop.wait(LOOK_EVERY_S)


class Turns:
    """Takes jobs as they fall due; ``engine`` is an operator's. Each job works as its own role, for one authority."""

    def __init__(self, jobs: Mapping[str, Job], engine: Engine) -> None:
        self._jobs, self._engine = jobs, engine

    def list_authority_ids(self) -> Sequence[int]:
        """List the authorities there are now."""
        with self._engine.connect() as connection:
            return [owner.authority_id for owner in list_authorities(connection)]

    def add_all(self) -> None:
        """Have every job run for every authority."""
        for authority_id in self.list_authority_ids():
            with self._engine.begin() as connection:
                add_jobs(connection, list(self._jobs), authority_id=authority_id, now=utc_now())

    def take_one(self, stop: threading.Event) -> bool:
        """Take a job of each authority that has one due; return whether there was any."""
        did_something = False
        for authority_id in self.list_authority_ids():
            if stop.is_set():
                break
            with self._engine.begin() as connection:
                # An authority may be new.
                add_jobs(connection, list(self._jobs), authority_id=authority_id, now=utc_now())
                lease = take_job(connection, list(self._jobs), authority_id=authority_id, now=utc_now())
            if lease is not None:
                self.run(lease)
                did_something = True
        return did_something

    def run(self, lease: Lease) -> None:
        """Run one job and note how it went. What goes wrong is noted too: the next job is not its business."""
        job = self._jobs[lease.job]
        try:
            with engine_of_tenant(self._engine.url, role=job.role, authority_id=lease.authority_id) as engine:
                outcome = job.work(engine, lease.authority_id)
        except Exception as fault:  # noqa: BLE001 (a top: one job must not stop the others)
            log.error("job_failed", job=job.name, authority_id=lease.authority_id, **describe_fault(fault))
            with self._engine.begin() as connection:
                fail_job(connection, lease, type(fault).__name__, now=utc_now())
            return
        now = utc_now()
        with self._engine.begin() as connection:
            end_job(connection, lease, outcome, due_at=next_turn(job, now), now=now)
        if any(outcome.values()):
            log.info("job_done", job=job.name, authority_id=lease.authority_id, **outcome)


def next_turn(job: Job, now: datetime.datetime) -> datetime.datetime:
    """Return when a job is due again."""
    return now + job.every
