"""The ingest worker as a process: composes engine, broker and pipeline, and stops cleanly on SIGTERM."""

import gc
import os
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import structlog

from bontri.database_probe import DatabaseProbe
from bontri.monitoring import monitoring_listener
from bontri.readiness import notify_ready
from bontri.settings import Settings
from bontri.signals import stop_event
from bontri.worker_reports import ReportSender
from bontri.worker_watch import Patience, WorkerWatch
from ingest.broker_address import Broker
from ingest.errands import Errand, running_errands
from ingest.fleet_errands import list_fleet_errands
from ingest.mqtt import MqttSource
from ingest.observer import Observer
from ingest.pipeline import Pipeline
from ingest.replay import Replay
from ingest.sessions import end_former_sessions
from ingest.worker import Worker
from rewards.crash_points import crash
from rewards.database import open_engine
from rewards.privacy.reencrypting import require_encryption_keys

log = structlog.get_logger(__name__)

FIRST_SUBSCRIPTION_S = 15.0
STOP_HEEDED_WITHIN_S = 0.5
REPLAY_EVERY_S = 1.0


class BrokerUnreachableError(Exception):
    """The broker cannot be reached, or refuses this worker."""


def run_worker(settings: Settings, *, report_to: Path | None = None) -> None:
    """Take messages from the broker and commit them until SIGTERM or SIGINT.

    At the start database and broker must answer; later failures are waited out. One that is stuck ends with 1.
    With ``report_to`` it tells the parent of its group about itself once a second.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached at the start.
        BrokerUnreachableError: the broker has not granted the subscription in time.
        MonitoringError: the listener for monitoring cannot be opened.
    """
    if settings.crash_at:
        crash.arm(settings.crash_at)
        log.warning("armed_to_crash", at=settings.crash_at.point)
    stop, observer = stop_event(), Observer()
    engine = open_engine(settings.database_url or "", role="bontri_ingest", pool_size=settings.ingest_writers)
    errands_engine = open_engine(settings.database_url or "", role="bontri_ingest", pool_size=1)
    broker = Broker.from_url(settings.mqtt_url or "")
    topic_filter = settings.worker_filter(settings.keyring())
    source = MqttSource(
        broker,
        client_id=settings.mqtt_client_id,
        topic_filter=topic_filter,
        parser=settings.mqtt_parser,
        observer=observer,
    )
    watch = make_watch(settings, source, observer, report_to)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        stack.callback(errands_engine.dispose)
        stack.enter_context(monitoring_listener(watch, host=settings.ingest_http_host, port=settings.ingest_http_port))
        with engine.connect() as connection:
            require_encryption_keys(connection, settings.keyring())
        observer.vitals.database_answered_s = observer.vitals.clock()
        if report_to is None and topic_filter.startswith("$share/"):
            end_former_sessions(broker, client_id=settings.mqtt_client_id, count=1)
        stack.enter_context(source)
        wait_for_subscription(source, stop)
        stack.enter_context(watch)
        notify_ready()
        log.info("worker_ready", client_id=settings.mqtt_client_id)
        worker = Worker(
            source,
            Pipeline(engine, settings.keyring()),
            stop=stop,
            writers=settings.ingest_writers,
            observer=observer,
        )
        # Batches make and drop many small objects; looking through all that lives, every 700 of them, took a tenth.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        # A writer whose answer from PostgreSQL has come may wait this long for the interpreter, a dozen times a batch.
        sys.setswitchinterval(0.001)
        errands = list_fleet_errands(errands_engine, source, settings.keyring(), stop=stop)
        errands.append(Errand("replay", REPLAY_EVERY_S, Replay(errands_engine, settings.keyring()).run_once))
        with running_errands(errands, stop=stop, on_done=observer.errand_done):
            worker.run()
    log.info("worker_stopped", messages=worker.handled.messages, events=worker.handled.events)


def make_watch(settings: Settings, source: MqttSource, observer: Observer, report_to: Path | None) -> WorkerWatch:
    """Return the watch over this process, which reports to the parent when there is one."""
    sender = ReportSender(report_to, client_id=settings.mqtt_client_id, pid=os.getpid()) if report_to else None
    return WorkerWatch(
        source,
        observer,
        asks_database=DatabaseProbe(settings.database_url or ""),
        patience=Patience(stuck_after_s=settings.ingest_stuck_after),
        on_round=sender.send if sender else lambda watch: None,
    )


def wait_for_subscription(source: MqttSource, stop: threading.Event) -> None:
    """Return once the broker has granted the subscription, or when told to stop."""
    deadline = time.monotonic() + FIRST_SUBSCRIPTION_S
    while not source.wait_until_subscribed(timeout_s=STOP_HEEDED_WITHIN_S):
        if stop.is_set():
            return
        if source.refusal or time.monotonic() > deadline:
            raise BrokerUnreachableError(source.refusal or f"no answer within {FIRST_SUBSCRIPTION_S:.0f} s")
